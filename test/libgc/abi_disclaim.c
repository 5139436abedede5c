/* SPDX-License-Identifier: MIT */
/*
 * abi_disclaim.c: libgc's kinds of objects that are asked before their memory is taken,
 * and its objects with a closure that is called then.
 */
#include "test/libgc/abi.h"

#include <gc/gc_disclaim.h>

static void *roots[ABI_MANY];
static int kind;

static unsigned deaths[ABI_MANY];
static size_t all_deaths;
static char closure_data;

/* An object: its number, an object that it refers to, and that one's number. */
static void see_death(void *object, void *data)
{
	size_t *words = object;

	EXPECT(data == &closure_data);
	EXPECT(words[0] < ABI_MANY);
	EXPECT(abi_filled((void *)words[1], words[0], 100));
	deaths[words[0]]++;
	all_deaths++;
}

static const struct GC_finalizer_closure closure = { see_death, &closure_data };

static void make_finalized(size_t n)
{
	for (size_t i = 0; i < ABI_MANY; i++) {
		size_t *words = GC_finalized_malloc(4 * sizeof *words, &closure);
		void *other = GC_malloc_atomic(100);

		EXPECT(words != NULL && abi_all(words, 0, 4 * sizeof *words));
		EXPECT((char *)GC_base(words) <= (char *)words);
		abi_fill(other, i, 100);
		words[0] = i;
		words[1] = (size_t)other;
		if (i % n == 0)
			roots[i] = words;
	}
	ABI_SEEN(roots);
}

/* Sweeping may be done when objects of the kind are asked for. */
static void collect_and_sweep(void)
{
	abi_collect();
	for (int i = 0; i < 3; i++)
		GC_gcollect();
}

START_TEST(test_finalized)
{
	GC_init_finalized_malloc();
	GC_init_finalized_malloc();
	abi_away(make_finalized, 4);
	collect_and_sweep();
	ck_assert_uint_ge(all_deaths, ABI_MANY * 3 / 4 * 9 / 10);
	for (size_t i = 0; i < ABI_MANY; i++)
		EXPECT(deaths[i] <= (i % 4 != 0));
	memset(roots, 0, sizeof roots);
	collect_and_sweep();
	ck_assert_uint_ge(all_deaths, ABI_MANY * 9 / 10);
	for (size_t i = 0; i < ABI_MANY; i++)
		EXPECT(deaths[i] <= 1);
}
END_TEST

enum { MAGIC = 0x5a5a5a51 };
static bool keeps;

/* Objects that are free are asked too; they are clear but for their first word. */
static int disclaim(void *object)
{
	size_t *words = object;

	if (words[1] != MAGIC)
		return 0;
	if (keeps)
		return 1;
	words[1] = 0;
	deaths[words[2]]++;
	all_deaths++;
	return 0;
}

static void make_disclaimed(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t *words = GC_generic_malloc(4 * sizeof *words, kind);

		words[1] = MAGIC;
		words[2] = i;
		abi_watch(i, words);
	}
}

static void free_all(size_t n)
{
	for (size_t i = 0; i < n; i++)
		GC_free(abi_watched(i));
}

/* As long as it returns 1, the object stays as it is. */
START_TEST(test_disclaim)
{
	kind = (int)GC_new_kind(GC_new_free_list(), 0, 1, 1);
	GC_register_disclaim_proc(kind, disclaim, _i);
	keeps = true;
	abi_away(make_disclaimed, ABI_MANY);
	collect_and_sweep();
	ck_assert_uint_eq(all_deaths, 0);
	keeps = false;
	collect_and_sweep();
	ck_assert_uint_ge(all_deaths, ABI_MANY * 9 / 10);
	for (size_t i = 0; i < ABI_MANY; i++)
		EXPECT(deaths[i] <= 1);
}
END_TEST

/* What is freed is not asked. */
START_TEST(test_disclaim_freed)
{
	kind = (int)GC_new_kind(GC_new_free_list(), 0, 1, 1);
	GC_register_disclaim_proc(kind, disclaim, 0);
	make_disclaimed(ABI_MANY);
	free_all(ABI_MANY);
	collect_and_sweep();
	ck_assert_uint_eq(all_deaths, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: objects that are asked");
	TCase *each = tcase_create("each");

	tcase_add_checked_fixture(each, abi_begin, NULL);
	tcase_add_test(each, test_finalized);
	tcase_add_loop_test(each, test_disclaim, 0, 2);
	tcase_add_test(each, test_disclaim_freed);
	suite_add_tcase(suite, each);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
