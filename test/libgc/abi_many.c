/* SPDX-License-Identifier: MIT */
/*
 * abi_many.c: objects of libgc in lists, from which a client takes them without a call;
 * and objects with debugging information.
 */
#include "test/libgc/abi.h"

#include <gc/gc_inline.h>

/* ---- Lists ---- */

/* The chain's length; each is an object of its own, of at least n bytes, that is clear
 * beyond its link. */
static size_t chain_length(void *head, size_t n, bool clear)
{
	size_t length = 0;

	for (void *p = head; p != NULL; p = GC_NEXT(p)) {
		EXPECT(GC_base(p) == p && GC_size(p) >= n);
		EXPECT(!clear || n <= sizeof p || abi_all((char *)p + sizeof p, 0, n - sizeof p));
		length++;
		EXPECT(length < 1000000);
	}
	return length;
}

static const size_t list_sizes[] = { 8, 16, 24, 64, 100, 256, 400, 1000, 2000, 5000, 100000 };
enum { LISTS = sizeof list_sizes / sizeof *list_sizes };

START_TEST(test_many)
{
	size_t n = list_sizes[_i];

	for (int round = 0; round < 50; round++) {
		void *head = GC_malloc_many(n), *next;

		EXPECT(chain_length(head, n, true) > 0);
		for (; head != NULL; head = next) {
			next = GC_NEXT(head);
			memset(head, 0xa5, n);
		}
	}
}
END_TEST

static void *list;

/* A chain is kept by its head alone, in static data, and stays as it was. */
START_TEST(test_many_kept)
{
	size_t n = list_sizes[_i], length;

	list = GC_malloc_many(n);
	length = chain_length(list, n, true);
	for (int round = 0; round < 5; round++) {
		void *other = GC_malloc_many(n);

		abi_collect();
		for (int i = 0; i < 1000; i++)
			memset(GC_malloc(n), 0xa5, n);
		EXPECT_EQ(chain_length(list, n, true), length);
		GC_reachable_here(other);
	}
}
END_TEST

static void drop_chains(size_t n)
{
	size_t i = 0;

	while (i < ABI_MANY)
		for (void *p = GC_malloc_many(n); p != NULL && i < ABI_MANY; p = GC_NEXT(p))
			abi_watch(i++, p);
}

START_TEST(test_many_die)
{
	abi_away(drop_chains, 64);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

/* As a client does that takes its objects from chains: none is had twice. */
START_TEST(test_many_taken)
{
	enum { COUNT = 200000 };
	size_t **all = GC_malloc(COUNT * sizeof *all);

	for (size_t i = 0; i < COUNT; i++) {
		size_t *object;

		if (list == NULL)
			list = GC_malloc_many(32);
		object = list;
		list = GC_NEXT(object);
		object[0] = 0;
		EXPECT(object[1] == 0 && object[2] == 0 && object[3] == 0);
		object[1] = i;
		object[3] = (size_t)object;
		if (i % 3 != 0)
			all[i] = object;
		if (i % 20000 == 0)
			GC_gcollect();
	}
	for (size_t i = 0; i < COUNT; i++)
		EXPECT(i % 3 == 0 ||
		       (all[i][0] == 0 && all[i][1] == i && all[i][3] == (size_t)all[i]));
}
END_TEST

/* What is asked of GC_generic_malloc_many are whole granules. */
static size_t granules(size_t bytes)
{
	return (bytes + GC_GRANULE_BYTES - 1) / GC_GRANULE_BYTES * GC_GRANULE_BYTES;
}

/* Kind 1: the chain is kept by its head. */
START_TEST(test_generic_many)
{
	size_t n = granules(list_sizes[_i]), length;

	GC_generic_malloc_many(n, GC_I_NORMAL, &list);
	length = chain_length(list, n, true);
	EXPECT(length > 0);
	abi_collect();
	for (int i = 0; i < 1000; i++)
		memset(GC_malloc(n), 0xa5, n);
	EXPECT_EQ(chain_length(list, n, true), length);
	EXPECT_EQ(GC_get_kind_and_size(list, NULL), GC_I_NORMAL);
}
END_TEST

/* Kind 0: the caller refers to each. */
START_TEST(test_generic_many_atomic)
{
	enum { MOST = 2000 };
	void *each[MOST];
	size_t n = granules(list_sizes[_i]), length = 0;

	GC_generic_malloc_many(n, GC_I_PTRFREE, &list);
	EXPECT_EQ(GC_get_kind_and_size(list, NULL), GC_I_PTRFREE);
	for (void *p = list; p != NULL; p = GC_NEXT(p)) {
		EXPECT(length < MOST);
		each[length++] = p;
	}
	ABI_SEEN(each);
	abi_collect();
	for (int i = 0; i < 1000; i++)
		memset(GC_malloc_atomic(n), 0xa5, n);
	EXPECT_EQ(chain_length(list, n, false), length);
	ABI_SEEN(each);
}
END_TEST

/* ---- The macros of gc_inline.h ---- */

static void *tiny[GC_TINY_FREELISTS];

/* They give objects without a spare byte, so their last word is scanned only where a
 * pointer past the end is none. */
static void begin_inline(void)
{
	GC_set_all_interior_pointers(0);
	abi_begin();
}

START_TEST(test_inline_words)
{
	static size_t *all[20000];

	for (size_t i = 0; i < 20000; i++) {
		size_t words = i % 60 + 1;
		size_t *object;

		GC_MALLOC_WORDS(object, words, tiny);
		EXPECT(abi_all(object, 0, words * sizeof *object));
		for (size_t j = 0; j < words; j++)
			object[j] = i;
		all[i] = object;
		if (i % 4000 == 0)
			GC_gcollect();
	}
	for (size_t i = 0; i < 20000; i++)
		EXPECT(all[i][0] == i && all[i][i % 60] == i);
}
END_TEST

START_TEST(test_inline_cons)
{
	void **head = NULL;
	size_t i;

	for (i = 0; i < 100000; i++) {
		void **pair;

		GC_CONS(pair, (void *)i, head, tiny);
		head = pair;
		if (i % 20000 == 0)
			GC_gcollect();
	}
	GC_gcollect();
	for (; head != NULL; head = head[1])
		EXPECT_EQ((size_t)head[0], --i);
	EXPECT_EQ(i, 0);
}
END_TEST

/* Their chains are nobody's but the caller's, so no collection comes between. */
START_TEST(test_inline_atomic)
{
	static size_t *all[20000];

	GC_disable();
	for (size_t i = 0; i < 20000; i++) {
		GC_MALLOC_ATOMIC_WORDS(all[i], i % 20 + 1, tiny);
		EXPECT_EQ(GC_get_kind_and_size(all[i], NULL), GC_I_PTRFREE);
		all[i][0] = all[i][i % 20] = i;
	}
	for (size_t i = 0; i < 20000; i++)
		EXPECT(all[i][0] == i && all[i][i % 20] == i);
	memset(tiny, 0, sizeof tiny);
	GC_enable();
}
END_TEST

/* ---- Objects with debugging information ---- */

static void *debug_plain(size_t n)
{
	return GC_debug_malloc(n, GC_EXTRAS);
}

static void *debug_atomic(size_t n)
{
	return GC_debug_malloc_atomic(n, GC_EXTRAS);
}

static void *debug_uncollectable(size_t n)
{
	return GC_debug_malloc_uncollectable(n, GC_EXTRAS);
}

static void *debug_atomic_uncollectable(size_t n)
{
	return GC_debug_malloc_atomic_uncollectable(n, GC_EXTRAS);
}

static void *debug_off_page(size_t n)
{
	return GC_debug_malloc_ignore_off_page(n, GC_EXTRAS);
}

static void *debug_atomic_off_page(size_t n)
{
	return GC_debug_malloc_atomic_ignore_off_page(n, GC_EXTRAS);
}

static void *debug_stubborn(size_t n)
{
	return GC_debug_malloc_stubborn(n, GC_EXTRAS);
}

static void *debug_special(size_t n)
{
	return GC_debug_generic_or_special_malloc(n, GC_I_NORMAL, GC_EXTRAS);
}

static void *debug_resized(size_t n)
{
	return GC_debug_realloc(NULL, n, GC_EXTRAS);
}

static const struct {
	void *(*alloc)(size_t bytes);
	bool atomic, uncollectable;
} debug[] = {
	{ debug_plain, false, false },        { debug_atomic, true, false },
	{ debug_uncollectable, false, true }, { debug_atomic_uncollectable, true, true },
	{ debug_off_page, false, false },     { debug_atomic_off_page, true, false },
	{ debug_stubborn, false, false },     { debug_special, false, false },
	{ debug_resized, false, false },      { GC_debug_malloc_replacement, false, false },
};
enum { DEBUGS = sizeof debug / sizeof *debug };

START_TEST(test_debug)
{
	for (int round = 0; round < 3; round++)
		for (size_t n = 0; n < 100000; n = n * 2 + 1) {
			char *p = debug[_i].alloc(n);

			EXPECT(p != NULL && (uintptr_t)p % 16 == 0);
			EXPECT(debug[_i].atomic || abi_all(p, 0, n));
			EXPECT(GC_USR_PTR_FROM_BASE(GC_base(p)) == p);
			EXPECT(GC_get_debug_header_size() == GC_debug_header_size);
			abi_fill(p, n, n);
			EXPECT(abi_filled(p, n, n));
			GC_debug_end_stubborn_change(p);
			GC_debug_free(p);
		}
	GC_debug_free(NULL);
}
END_TEST

/* It keeps what is in it. Of an object that is not collectable the same kind is had. */
START_TEST(test_debug_realloc)
{
	char *p = debug[_i].alloc(1);

	*p = 'x';
	for (size_t n = 1; n < 100000; n = n * 2 + 1) {
		p = GC_debug_realloc(p, n, GC_EXTRAS);
		EXPECT(p[0] == 'x' && p[n / 4] == 'x');
		memset(p, 'x', n);
	}
	p = GC_debug_realloc_replacement(p, 10);
	EXPECT(abi_all(p, 'x', 10));
	EXPECT(GC_debug_realloc(p, 0, GC_EXTRAS) == NULL);
}
END_TEST

static void debug_many(size_t which)
{
	for (size_t i = 0; i < ABI_MANY; i++)
		abi_watch(i, debug[which].alloc(i % 100));
}

START_TEST(test_debug_collectable)
{
	abi_away(debug_many, (size_t)_i);
	abi_collect();
	if (debug[_i].uncollectable)
		EXPECT_ALL_LIVE();
	else
		EXPECT_MOST_DEAD();
}
END_TEST

START_TEST(test_debug_strings)
{
	char *a = GC_debug_strdup("a string", GC_EXTRAS);
	char *b = GC_debug_strndup("a string", 3, GC_EXTRAS);
	void **cell = GC_debug_malloc(sizeof *cell, GC_EXTRAS);

	ck_assert_str_eq(a, "a string");
	ck_assert_str_eq(b, "a s");
	ck_assert_ptr_null(GC_debug_strdup(NULL, GC_EXTRAS));
	GC_debug_ptr_store_and_dirty(cell, a);
	ck_assert_ptr_eq(*cell, a);
	GC_ptr_store_and_dirty(cell, b);
	ck_assert_ptr_eq(*cell, b);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: lists and debugging");
	TCase *lists = tcase_create("lists"), *debugging = tcase_create("debugging");
	TCase *macros = tcase_create("macros");

	tcase_add_checked_fixture(lists, abi_begin, NULL);
	tcase_add_loop_test(lists, test_many, 0, LISTS);
	tcase_add_loop_test(lists, test_many_kept, 0, LISTS);
	tcase_add_test(lists, test_many_die);
	tcase_add_test(lists, test_many_taken);
	tcase_add_loop_test(lists, test_generic_many, 0, LISTS);
	tcase_add_loop_test(lists, test_generic_many_atomic, 0, LISTS);
	suite_add_tcase(suite, lists);
	tcase_add_checked_fixture(macros, begin_inline, NULL);
	tcase_add_test(macros, test_inline_words);
	tcase_add_test(macros, test_inline_cons);
	tcase_add_test(macros, test_inline_atomic);
	suite_add_tcase(suite, macros);
	tcase_add_checked_fixture(debugging, abi_begin, NULL);
	tcase_add_loop_test(debugging, test_debug, 0, DEBUGS);
	tcase_add_loop_test(debugging, test_debug_realloc, 0, DEBUGS);
	tcase_add_loop_test(debugging, test_debug_collectable, 0, DEBUGS);
	tcase_add_test(debugging, test_debug_strings);
	suite_add_tcase(suite, debugging);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
