/* SPDX-License-Identifier: MIT */
/*
 * abi_kind.c: libgc's kinds of objects that a client makes: with a descriptor of each
 * form, with a mark procedure; those of gcj. (That see them die: abi_disclaim.c.)
 */
#include "test/libgc/abi.h"

#include <gc/gc_gcj.h>
#include <gc/gc_inline.h>

/* An object of eight words; of which some are scanned. */
enum { WORDS = 8 };

static void *roots[ABI_MANY];

/* ---- A mark procedure ---- */

static volatile unsigned called;
static volatile GC_word called_env;
static volatile size_t skip_bytes;

/* Word i is scanned if bit i of env is set. */
static struct GC_ms_entry *mark_by_env(GC_word *object, struct GC_ms_entry *sp,
                                       struct GC_ms_entry *limit, GC_word env)
{
	void **words = (void **)((char *)object + skip_bytes);

	called++;
	called_env = env;
	for (size_t i = 0; i < WORDS; i++)
		if (env >> i & 1)
			sp = GC_MARK_AND_PUSH(words[i], sp, limit, &words[i]);
	return sp;
}

/* A tenth of the many are objects with a descriptor, and refer to the others. */
enum { HOLDERS = ABI_MANY / 10 };

static int kind;
static void *(*make)(void);

static void *make_of_kind(void)
{
	return GC_generic_malloc(WORDS * sizeof(void *), kind);
}

/* Holder i, with objects number 8 * i and following from slot first on. */
static void fill_all(size_t first)
{
	for (size_t i = 0; i < HOLDERS; i++) {
		void **holder = make();

		roots[i] = holder;
		for (size_t j = first; j < WORDS; j++)
			abi_watch(WORDS * i + j, holder[j] = GC_malloc(16));
	}
	ABI_SEEN(roots);
}

/* Of the objects in words from first on, those in `scanned` live, the others die. */
static void see(unsigned scanned, size_t first)
{
	abi_collect();
	for (size_t j = first; j < WORDS; j++) {
		size_t dead = 0;

		for (size_t i = 0; i < HOLDERS; i++)
			dead += !abi_lives(WORDS * i + j);
		if (scanned >> j & 1)
			ck_assert_msg(dead == 0, "word %zu: %zu dead", j, dead);
		else
			ck_assert_msg(dead >= HOLDERS * 8 / 10, "word %zu: %zu dead", j, dead);
	}
}

static void try_kind(GC_word descriptor, int adjust, unsigned scanned, size_t first)
{
	kind = (int)GC_new_kind(GC_new_free_list(), descriptor, adjust, 1);
	make = make_of_kind;
	abi_away(fill_all, first);
	see(scanned, first);
	see(scanned, first);
	memset(roots, 0, sizeof roots);
	see(0, first);
}

START_TEST(test_numbers)
{
	unsigned proc = GC_new_proc(mark_by_env);
	unsigned first = GC_new_kind(GC_new_free_list(), GC_MAKE_PROC(proc, 1), 0, 1);
	unsigned second = GC_new_kind(GC_new_free_list(), 0, 1, 1);

	ck_assert_uint_ge(proc, GC_RESERVED_MARK_PROCS);
	ck_assert_uint_lt(proc, GC_MAX_MARK_PROCS);
	ck_assert_uint_gt(GC_new_proc(mark_by_env), proc);
	ck_assert_uint_ge(first, 4);
	ck_assert_uint_ne(first, second);
	ck_assert_int_eq(GC_get_kind_and_size(GC_generic_malloc(10, (int)first), NULL), (int)first);
	ck_assert_int_eq(GC_get_kind_and_size(GC_malloc_kind(10, (int)second), NULL), (int)second);
	ck_assert_int_eq(GC_get_kind_and_size(GC_generic_malloc(50000, (int)first), NULL),
	                 (int)first);
}
END_TEST

/* Threads that make some at once get different ones. */
enum { MAKERS = 4, MADE = 2 };
static unsigned made[MAKERS][MADE];
static pthread_barrier_t all_here;

static void *make_kinds(void *argument)
{
	unsigned *own = argument;

	pthread_barrier_wait(&all_here);
	for (size_t i = 0; i < MADE; i++)
		own[i] = GC_new_kind(GC_new_free_list(), 0, 1, 1);
	return NULL;
}

START_TEST(test_numbers_at_once)
{
	unsigned char seen[256] = { 0 };
	pthread_t threads[MAKERS];

	pthread_barrier_init(&all_here, NULL, MAKERS);
	for (size_t i = 0; i < MAKERS; i++)
		ck_assert_int_eq(GC_pthread_create(&threads[i], NULL, make_kinds, made[i]), 0);
	for (size_t i = 0; i < MAKERS; i++)
		ck_assert_int_eq(GC_pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < MAKERS * MADE; i++) {
		unsigned number = made[i / MADE][i % MADE];

		ck_assert_uint_lt(number, sizeof seen);
		ck_assert_uint_eq(seen[number]++, 0);
	}
}
END_TEST

static void *inner_kind(void *number)
{
	unsigned proc = GC_new_proc_inner(mark_by_env);

	*(unsigned *)number =
		GC_new_kind_inner(GC_new_free_list_inner(), GC_MAKE_PROC(proc, 3), 0, 1);
	return number;
}

START_TEST(test_numbers_locked)
{
	unsigned number = 0;

	ck_assert_ptr_eq(GC_call_with_alloc_lock(inner_kind, &number), &number);
	ck_assert_uint_ge(number, 4);
	ck_assert_ptr_nonnull(GC_generic_malloc(10, (int)number));
}
END_TEST

START_TEST(test_proc)
{
	static const GC_word masks[] = { 0xff, 0x02, 0xa2, 0x80, 0xfe };
	unsigned proc = GC_new_proc(mark_by_env);

	called = 0;
	try_kind(GC_MAKE_PROC(proc, masks[_i]), 0, (unsigned)masks[_i], 1);
	ck_assert_uint_ge(called, HOLDERS);
	ck_assert_uint_eq(called_env, masks[_i]);
}
END_TEST

/* A chain through objects with the procedure, and its end. */
START_TEST(test_proc_chain)
{
	unsigned proc = GC_new_proc(mark_by_env);
	size_t n = test_is_slow() ? 10000 : 300000;
	void **head = NULL;

	kind = (int)GC_new_kind(GC_new_free_list(), GC_MAKE_PROC(proc, 4), 0, 1);
	for (size_t i = 0; i < n; i++) {
		void **object = make_of_kind();

		EXPECT(abi_all(object, 0, WORDS * sizeof *object));
		object[2] = head;
		object[3] = (void *)i;
		head = object;
	}
	abi_collect();
	for (; head != NULL; head = head[2])
		EXPECT_EQ((size_t)head[3], --n);
	EXPECT_EQ(n, 0);
}
END_TEST

/* ---- Descriptors without a procedure ---- */

START_TEST(test_length)
{
	try_kind(GC_DS_LENGTH, 1, 0xff, 0);
	try_kind(GC_DS_LENGTH | 4 * sizeof(void *), 0, 0x0f, 0);
	try_kind(GC_DS_LENGTH, 0, 0x00, 0);
}
END_TEST

START_TEST(test_bitmap)
{
	GC_word top = (GC_word)1 << 63;

	try_kind(GC_DS_BITMAP | top, 0, 0x01, 0);
	try_kind(GC_DS_BITMAP | top >> 1 | top >> 6, 0, 0x42, 0);
	try_kind(GC_DS_BITMAP | top | top >> 2 | top >> 3 | top >> 7, 0, 0x8d, 0);
	try_kind(GC_DS_BITMAP, 0, 0x00, 0);
}
END_TEST

static GC_word own_descriptor;

static void *make_with_own(void)
{
	GC_word *object = GC_generic_malloc(WORDS * sizeof *object, kind);

	object[1] = own_descriptor;
	return object;
}

/* The descriptor is in the object's second word. */
START_TEST(test_per_object)
{
	unsigned proc = GC_new_proc(mark_by_env);
	GC_word top = (GC_word)1 << 63;
	struct {
		GC_word descriptor;
		unsigned scanned;
	} each[] = { { GC_DS_LENGTH | 4 * sizeof(void *), 0x0c },
		     { GC_DS_BITMAP | top >> 3 | top >> 6, 0x48 },
		     { GC_MAKE_PROC(proc, 0xa0), 0xa0 } };

	kind = (int)GC_new_kind(GC_new_free_list(), GC_DS_PER_OBJECT | sizeof(GC_word), 0, 1);
	make = make_with_own;
	for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
		own_descriptor = each[i].descriptor;
		abi_away(fill_all, 2);
		see(each[i].scanned, 2);
	}
}
END_TEST

/* ---- Objects of gcj: the descriptor is in the second word of their table ---- */

static struct {
	void *first;
	GC_word descriptor;
} table;

static bool with_debug, off_page;

static void *make_gcj(void)
{
	size_t n = WORDS * sizeof(void *);
	void **object = with_debug ? GC_debug_gcj_malloc(n, &table, GC_EXTRAS)
	                : off_page ? GC_gcj_malloc_ignore_off_page(n, &table)
	                           : GC_gcj_malloc(n, &table);

	EXPECT(object[0] == &table && abi_all(object + 1, 0, n - sizeof *object));
	return object;
}

START_TEST(test_gcj)
{
	GC_word top = (GC_word)1 << 63;

	GC_init_gcj_malloc(GC_GCJ_RESERVED_MARK_PROC_INDEX, (void *)mark_by_env);
	ck_assert_int_ge(GC_gcj_kind, 4);
	make = make_gcj;
	off_page = _i != 0;
	table.descriptor = GC_DS_BITMAP | top >> 1 | top >> 3;
	abi_away(fill_all, 1);
	see(0x0a, 1);
	table.descriptor = GC_DS_LENGTH | 6 * sizeof(void *);
	abi_away(fill_all, 1);
	see(0x3e, 1);
	table.descriptor = GC_MAKE_PROC(GC_GCJ_RESERVED_MARK_PROC_INDEX, 0x24);
	abi_away(fill_all, 1);
	see(0x24, 1);
}
END_TEST

/* The procedure sees the object with its header, and 1. */
static struct GC_ms_entry *mark_debug(GC_word *object, struct GC_ms_entry *sp,
                                      struct GC_ms_entry *limit, GC_word env)
{
	void **words = GC_USR_PTR_FROM_BASE(object);

	called++;
	called_env = env;
	return GC_MARK_AND_PUSH(words[3], sp, limit, &words[3]);
}

START_TEST(test_gcj_debug)
{
	GC_init_gcj_malloc(GC_GCJ_RESERVED_MARK_PROC_INDEX, (void *)mark_debug);
	make = make_gcj;
	with_debug = true;
	called = 0;
	abi_away(fill_all, 1);
	see(0x08, 1);
	ck_assert_uint_ge(called, HOLDERS);
	ck_assert_uint_eq(called_env, 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: kinds");
	TCase *kinds = tcase_create("kinds");

	tcase_add_checked_fixture(kinds, abi_begin, NULL);
	tcase_add_test(kinds, test_numbers);
	tcase_add_test(kinds, test_numbers_locked);
	for (int i = 0; i < 10; i++)
		tcase_add_test(kinds, test_numbers_at_once);
	tcase_add_loop_test(kinds, test_proc, 0, 5);
	tcase_add_test(kinds, test_proc_chain);
	tcase_add_test(kinds, test_length);
	tcase_add_test(kinds, test_bitmap);
	tcase_add_test(kinds, test_per_object);
	tcase_add_loop_test(kinds, test_gcj, 0, 2);
	tcase_add_test(kinds, test_gcj_debug);
	suite_add_tcase(suite, kinds);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
