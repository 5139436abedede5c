/* SPDX-License-Identifier: MIT */
/*
 * abi_limit.c: where memory ends: what is too large to be had, and a heap with a limit.
 * The client's function is asked, what it returns is returned, and the program goes on.
 */
#include "test/libgc/abi.h"

#include <gc/gc_inline.h>
#include <gc/gc_typed.h>

#include <errno.h>

static size_t asked_bytes;
static unsigned asked;
static void *answer;

static void *out_of_memory(size_t bytes)
{
	asked++;
	asked_bytes = bytes;
	return answer;
}

static void begin(void)
{
	abi_begin();
	GC_set_oom_fn(out_of_memory);
}

/* ---- Absurd sizes ---- */

static void *kind_atomic(size_t n)
{
	return GC_malloc_kind(n, GC_I_PTRFREE);
}

static void *kind_global(size_t n)
{
	return GC_malloc_kind_global(n, GC_I_NORMAL);
}

static void *generic(size_t n)
{
	return GC_generic_malloc(n, GC_I_NORMAL);
}

static void *generic_uncollectable(size_t n)
{
	return GC_generic_malloc_uncollectable(n, 2);
}

static void *typed(size_t n)
{
	GC_word bits = 1;

	return GC_malloc_explicitly_typed(n, GC_make_descriptor(&bits, 1));
}

static void *aligned(size_t n)
{
	return GC_memalign(16, n);
}

static void *resized(size_t n)
{
	return GC_realloc(NULL, n);
}

static void *(*const allocators[])(size_t bytes) = {
	GC_malloc,
	GC_malloc_atomic,
	GC_malloc_uncollectable,
	GC_malloc_atomic_uncollectable,
	GC_malloc_ignore_off_page,
	GC_malloc_atomic_ignore_off_page,
	kind_atomic,
	kind_global,
	generic,
	generic_uncollectable,
	typed,
	aligned,
	resized,
};
enum { ALLOCATORS = sizeof allocators / sizeof *allocators };

static const size_t absurd[] = { SIZE_MAX,        SIZE_MAX - 1,   SIZE_MAX - 15,    SIZE_MAX - 16,
	                         SIZE_MAX - 4096, SIZE_MAX / 2,   SIZE_MAX / 2 + 1, SIZE_MAX / 4,
	                         (size_t)1 << 60, (size_t)1 << 48 };
enum { ABSURD = sizeof absurd / sizeof *absurd };

/* The size that is told is the one that was asked for, or what it needs with a word or
 * a byte more. */
START_TEST(test_absurd)
{
	void *known = GC_malloc(16);

	for (size_t i = 0; i < ABSURD; i++) {
		size_t n = absurd[i];

		asked = 0;
		answer = NULL;
		ck_assert_ptr_null(allocators[_i](n));
		ck_assert_uint_eq(asked, 1);
		ck_assert_uint_ge(asked_bytes, n);
		ck_assert_uint_le(asked_bytes - n, 64);
		answer = known;
		ck_assert_ptr_eq(allocators[_i](n), known);
		ck_assert_uint_eq(asked, 2);
		ck_assert_ptr_nonnull(allocators[_i](n % 1000));
		ck_assert_uint_eq(asked, 2);
	}
}
END_TEST

/* Without a function of the client's: NULL. */
START_TEST(test_absurd_by_default)
{
	ck_assert(GC_get_oom_fn() != NULL);
	for (size_t i = 0; i < ABSURD; i++)
		ck_assert_ptr_null(allocators[_i](absurd[i]));
	ck_assert_ptr_nonnull(allocators[_i](100));
}
END_TEST

/* An object that can't grow stays as it is. */
START_TEST(test_absurd_realloc)
{
	for (size_t i = 0; i < ABSURD; i++) {
		char *p = GC_malloc(1000);

		abi_fill(p, i, 1000);
		asked = 0;
		ck_assert_ptr_null(GC_realloc(p, absurd[i]));
		ck_assert_uint_eq(asked, 1);
		GC_gcollect();
		EXPECT(abi_filled(p, i, 1000));
		GC_free(p);
	}
}
END_TEST

/* A product that wraps is no small array. */
START_TEST(test_absurd_calloc)
{
	GC_word bits = 1;
	GC_descr descr = GC_make_descriptor(&bits, 1);
	static const size_t pairs[][2] = { { SIZE_MAX, 16 },
		                           { SIZE_MAX / 16 + 1, 16 },
		                           { 16, SIZE_MAX / 16 + 1 },
		                           { (size_t)1 << 32, (size_t)1 << 32 },
		                           { (size_t)1 << 40, 1 << 16 } };

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		asked = 0;
		ck_assert_ptr_null(GC_calloc_explicitly_typed(pairs[i][0], pairs[i][1], descr));
		ck_assert_uint_eq(asked, 1);
	}
}
END_TEST

START_TEST(test_absurd_others)
{
	volatile size_t n = SIZE_MAX - 100;
	void *p = &p;

	ck_assert_int_eq(GC_posix_memalign(&p, 16, n), ENOMEM);
	ck_assert_int_eq(GC_posix_memalign(&p, 64, n), ENOMEM);
	ck_assert_ptr_null(GC_memalign(64, n));
	ck_assert_ptr_null(GC_debug_malloc(n, GC_EXTRAS));
	ck_assert_ptr_null(GC_debug_malloc_atomic(n, GC_EXTRAS));
	ck_assert_ptr_null(GC_debug_malloc_uncollectable(n, GC_EXTRAS));
	ck_assert_ptr_null(GC_malloc_many(n));
	ck_assert_uint_ge(asked, 6);
	ck_assert_ptr_nonnull(GC_malloc(n % 100));
}
END_TEST

/* The heap can't be made larger than memory. */
START_TEST(test_absurd_expansion)
{
	size_t before = GC_get_heap_size();

	ck_assert_int_eq(GC_expand_hp((size_t)1 << 50), 0);
	ck_assert_uint_eq(GC_get_heap_size(), before);
	ck_assert_int_eq(GC_expand_hp(8 * MIB), 1);
	ck_assert_uint_ge(GC_get_heap_size(), 8 * MIB);
}
END_TEST

/* ---- A limit ---- */

static void **head;
static size_t filled;

/* Links objects of n bytes until there are no more, in `filled`. */
static void fill(size_t n)
{
	void **object;

	asked = 0;
	filled = 0;
	while ((object = GC_malloc(n)) != NULL) {
		object[0] = head;
		head = object;
		filled++;
		EXPECT(filled * n < 4 * 64 * MIB);
	}
}

/* Each is unlinked, so that one which is kept by a stray word keeps no other. */
static void drop(size_t n)
{
	size_t counted = 0;

	while (head != NULL) {
		void **next = head[0];

		head[0] = NULL;
		head = next;
		counted++;
	}
	EXPECT_EQ(counted, n);
}

static const size_t filling[] = { 16, 100, 2000, 10000, 1 << 20 };

/* As many objects as ought to fit do (a limit may be missed by a little); then the function
 * is asked; what is dropped can be
 * had again. */
START_TEST(test_limit)
{
	size_t n = filling[_i];

	GC_set_max_heap_size(64 * MIB);
	for (int round = 0; round < 3; round++) {
		abi_away(fill, n);
		ck_assert_uint_ge(asked, 1);
		ck_assert_uint_ge(asked_bytes, n);
		ck_assert_uint_le(asked_bytes, n + 32);
		ck_assert_uint_le(GC_get_heap_size(), 66 * MIB);
		ck_assert_uint_ge(filled * n, n < 100 ? 24 * MIB : 40 * MIB);
		abi_away(drop, filled);
		abi_collect();
	}
}
END_TEST

/* A larger limit, and none. */
START_TEST(test_limit_is_lifted)
{
	GC_set_max_heap_size(32 * MIB);
	fill(10000);
	ck_assert_uint_lt(filled, 32 * MIB / 10000);
	GC_set_max_heap_size(64 * MIB);
	fill(10000);
	ck_assert_uint_ge(filled, 16 * MIB / 10000);
	GC_set_max_heap_size(0);
	ck_assert_ptr_nonnull(GC_malloc(100 * MIB));
}
END_TEST

/* The memory that garbage holds is found before the function is asked. */
START_TEST(test_limit_and_garbage)
{
	GC_set_max_heap_size(64 * MIB);
	for (int i = 0; i < 1000; i++) {
		char *p = GC_malloc_atomic(1 * MIB);

		EXPECT(p != NULL);
		p[0] = p[1 * MIB - 1] = 1;
		EXPECT(GC_malloc(1000) != NULL);
	}
	ck_assert_uint_eq(asked, 0);
	ck_assert_uint_le(GC_get_heap_size(), 66 * MIB);
}
END_TEST

static void *frees_and_retries(size_t bytes)
{
	asked++;
	head = NULL;
	GC_gcollect();
	return GC_malloc(bytes);
}

/* The function may call the collector. */
START_TEST(test_function_allocates)
{
	GC_set_max_heap_size(32 * MIB);
	GC_set_oom_fn(frees_and_retries);
	ck_assert(GC_get_oom_fn() == frees_and_retries);
	asked = 0;
	for (size_t i = 0; i < 8 * 32 * MIB / 10000; i++) {
		void **object = GC_malloc(10000);

		EXPECT(object != NULL);
		object[0] = head;
		head = object;
	}
	ck_assert_uint_ge(asked, 4);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: the end of memory");
	TCase *sizes = tcase_create("absurd sizes"), *limit = tcase_create("a limit");
	TCase *plain = tcase_create("by default");

	tcase_add_checked_fixture(sizes, begin, NULL);
	tcase_add_loop_test(sizes, test_absurd, 0, ALLOCATORS);
	tcase_add_test(sizes, test_absurd_realloc);
	tcase_add_test(sizes, test_absurd_calloc);
	tcase_add_test(sizes, test_absurd_others);
	tcase_add_test(sizes, test_absurd_expansion);
	suite_add_tcase(suite, sizes);
	tcase_add_checked_fixture(plain, abi_begin, NULL);
	tcase_add_loop_test(plain, test_absurd_by_default, 0, ALLOCATORS);
	suite_add_tcase(suite, plain);
	tcase_add_checked_fixture(limit, begin, NULL);
	tcase_add_loop_test(limit, test_limit, 0, sizeof filling / sizeof *filling);
	tcase_add_test(limit, test_limit_is_lifted);
	tcase_add_test(limit, test_limit_and_garbage);
	tcase_add_test(limit, test_function_allocates);
	suite_add_tcase(suite, limit);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
