/* SPDX-License-Identifier: MIT */
/*
 * abi_alloc.c: the functions of libgc that make objects: what they return, how it is
 * aligned and cleared, what GC_base and GC_size say of it, what GC_free and GC_realloc
 * do with it. (Lists of objects and lack of memory: abi_many.c.)
 */
#include "test/libgc/abi.h"

#include <gc/gc_inline.h>

#include <errno.h>
#include <stdlib.h>

/* Kinds that libgc has: the last two are not collected. */
enum { ATOMIC, NORMAL, UNCOLLECTABLE, ATOMIC_UNCOLLECTABLE };

static void *kind_atomic(size_t n)
{
	return GC_malloc_kind(n, GC_I_PTRFREE);
}

static void *kind_normal(size_t n)
{
	return GC_malloc_kind(n, GC_I_NORMAL);
}

static void *global_atomic(size_t n)
{
	return GC_malloc_kind_global(n, GC_I_PTRFREE);
}

static void *global_normal(size_t n)
{
	return GC_malloc_kind_global(n, GC_I_NORMAL);
}

static void *generic_atomic(size_t n)
{
	return GC_generic_malloc(n, ATOMIC);
}

static void *generic_normal(size_t n)
{
	return GC_generic_malloc(n, NORMAL);
}

static void *generic_off_page(size_t n)
{
	return GC_generic_malloc_ignore_off_page(n, NORMAL);
}

static void *generic_uncollectable(size_t n)
{
	return GC_generic_malloc_uncollectable(n, UNCOLLECTABLE);
}

static void *special_normal(size_t n)
{
	return GC_generic_or_special_malloc(n, NORMAL);
}

static void *special_atomic(size_t n)
{
	return GC_generic_or_special_malloc(n, ATOMIC);
}

static void *special_uncollectable(size_t n)
{
	return GC_generic_or_special_malloc(n, UNCOLLECTABLE);
}

static void *special_atomic_uncollectable(size_t n)
{
	return GC_generic_or_special_malloc(n, ATOMIC_UNCOLLECTABLE);
}

static void *aligned(size_t n)
{
	return GC_memalign(16, n);
}

static void *aligned_posix(size_t n)
{
	void *p = NULL;

	EXPECT_EQ(GC_posix_memalign(&p, sizeof(void *), n), 0);
	return p;
}

static void *resized(size_t n)
{
	return GC_realloc(NULL, n);
}

struct allocator {
	const char *name;
	void *(*alloc)(size_t bytes);
	int kind;
};

static const struct allocator allocators[] = {
	{ "GC_malloc", GC_malloc, NORMAL },
	{ "GC_malloc_atomic", GC_malloc_atomic, ATOMIC },
	{ "GC_malloc_uncollectable", GC_malloc_uncollectable, UNCOLLECTABLE },
	{ "GC_malloc_atomic_uncollectable", GC_malloc_atomic_uncollectable, ATOMIC_UNCOLLECTABLE },
	{ "GC_malloc_stubborn", GC_malloc_stubborn, NORMAL },
	{ "GC_malloc_ignore_off_page", GC_malloc_ignore_off_page, NORMAL },
	{ "GC_malloc_atomic_ignore_off_page", GC_malloc_atomic_ignore_off_page, ATOMIC },
	{ "GC_malloc_kind, 0", kind_atomic, ATOMIC },
	{ "GC_malloc_kind, 1", kind_normal, NORMAL },
	{ "GC_malloc_kind_global, 0", global_atomic, ATOMIC },
	{ "GC_malloc_kind_global, 1", global_normal, NORMAL },
	{ "GC_generic_malloc, 0", generic_atomic, ATOMIC },
	{ "GC_generic_malloc, 1", generic_normal, NORMAL },
	{ "GC_generic_malloc_ignore_off_page", generic_off_page, NORMAL },
	{ "GC_generic_malloc_uncollectable", generic_uncollectable, UNCOLLECTABLE },
	{ "GC_generic_or_special_malloc, 0", special_atomic, ATOMIC },
	{ "GC_generic_or_special_malloc, 1", special_normal, NORMAL },
	{ "GC_generic_or_special_malloc, 2", special_uncollectable, UNCOLLECTABLE },
	{ "GC_generic_or_special_malloc, 3", special_atomic_uncollectable, ATOMIC_UNCOLLECTABLE },
	{ "GC_memalign", aligned, NORMAL },
	{ "GC_posix_memalign", aligned_posix, NORMAL },
	{ "GC_realloc of NULL", resized, NORMAL },
};
enum { ALLOCATORS = sizeof allocators / sizeof *allocators };

static const size_t sizes[] = { 0,      1,    7,     8,       9,     15,     16,      17,
	                        31,     32,   33,    63,      64,    100,    255,     256,
	                        257,    1000, 2047,  2048,    2049,  4095,   4096,    4097,
	                        8191,   8192, 10000, 1 << 15, 65536, 100000, 1 << 20, (1 << 22) + 1,
	                        5000000 };
enum { SIZES = sizeof sizes / sizeof *sizes };

static bool is_atomic(const struct allocator *a)
{
	return a->kind == ATOMIC || a->kind == ATOMIC_UNCOLLECTABLE;
}

static bool is_uncollectable(const struct allocator *a)
{
	return a->kind == UNCOLLECTABLE || a->kind == ATOMIC_UNCOLLECTABLE;
}

static void drop(const struct allocator *a, void *object)
{
	if (is_uncollectable(a))
		GC_free(object);
}

/* ---- One allocator, every size ---- */

START_TEST(test_sizes)
{
	const struct allocator *a = &allocators[_i];

	for (size_t i = 0; i < SIZES; i++) {
		size_t n = sizes[i], size = 0;
		char *p = a->alloc(n);

		ck_assert_msg(p != NULL && (uintptr_t)p % 16 == 0, "%s(%zu)", a->name, n);
		ck_assert_msg(GC_size(p) >= n && GC_size(p) >= 1, "%s(%zu)", a->name, n);
		EXPECT_EQ(GC_get_kind_and_size(p, &size), a->kind);
		EXPECT_EQ(GC_get_kind_and_size(p, NULL), a->kind);
		EXPECT_EQ(size, GC_size(p));
		EXPECT(GC_base(p) == p && GC_is_heap_ptr(p));
		abi_fill(p, i, n);
		EXPECT(abi_filled(p, i, n));
		drop(a, p);
	}
}
END_TEST

/* What was full of bytes is clear when it is had again. */
START_TEST(test_cleared)
{
	const struct allocator *a = &allocators[_i];

	for (int round = 0; round < 4; round++)
		for (size_t i = 0; i < SIZES; i++) {
			size_t n = sizes[i];
			int count = n < 10000 ? 100 : 4;

			for (int j = 0; j < count; j++) {
				char *p = a->alloc(n);

				ck_assert_msg(is_atomic(a) || abi_all(p, 0, n), "%s(%zu)", a->name,
				              n);
				memset(p, 0xa5, n);
				if (j % 2 == 0)
					GC_free(p);
				else
					drop(a, p);
			}
		}
}
END_TEST

/* Every address of an object is its; of one that may be collected also that past its
 * end. */
START_TEST(test_base)
{
	const struct allocator *a = &allocators[_i];

	for (size_t i = 0; i < SIZES; i++) {
		size_t n = sizes[i], step = n < 5000 ? 1 : n / 1000 + 1;
		char *p = a->alloc(n);

		for (size_t at = 0; at < n; at += step)
			EXPECT(GC_base(p + at) == p && GC_is_heap_ptr(p + at));
		ck_assert_msg(is_uncollectable(a) || GC_base(p + n) == p, "%s(%zu): the end",
		              a->name, n);
		EXPECT(n == 0 || GC_base(p + n - 1) == p);
		EXPECT(GC_base(p - 1) != p && GC_base(p + GC_size(p)) != p);
		drop(a, p);
	}
}
END_TEST

static void alloc_many(size_t n)
{
	for (size_t i = 0; i < ABI_MANY; i++)
		abi_watch(i, allocators[n].alloc(i % 5 * 50 + 8));
}

/* What is not collectable lives without a reference; the rest dies. */
START_TEST(test_collectable)
{
	abi_away(alloc_many, (size_t)_i);
	abi_collect();
	if (is_uncollectable(&allocators[_i]))
		EXPECT_ALL_LIVE();
	else
		EXPECT_MOST_DEAD();
}
END_TEST

/* ---- Free ---- */

START_TEST(test_free_reuses)
{
	static const size_t which[] = { 8, 64, 1000, 5000, 1 << 20 };
	const struct allocator *a = &allocators[_i];

	GC_disable();
	for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
		size_t before = GC_get_heap_size();

		for (size_t n = 0; n < 64 * MIB; n += which[i] < 64 ? 64 : which[i])
			GC_free(a->alloc(which[i]));
		ck_assert_msg(GC_get_heap_size() - before < 16 * MIB, "%s(%zu)", a->name, which[i]);
	}
	GC_free(NULL);
	GC_enable();
}
END_TEST

/* ---- Realloc ---- */

START_TEST(test_realloc)
{
	const struct allocator *a = &allocators[_i];

	for (size_t i = 1; i < SIZES; i++)
		for (size_t j = 1; j < SIZES; j++) {
			size_t n = sizes[i], m = sizes[j], both = n < m ? n : m;
			char *p = a->alloc(n), *q;

			if (n > 1 * MIB && m > 1 * MIB && i != j)
				continue;
			abi_fill(p, i, n);
			q = GC_realloc(p, m);
			EXPECT(q != NULL && GC_base(q) == q && GC_size(q) >= m);
			ck_assert_msg(abi_filled(q, i, both), "%s: %zu to %zu", a->name, n, m);
			EXPECT_EQ(GC_get_kind_and_size(q, NULL), a->kind);
			ck_assert_msg(m <= n || is_atomic(a) || abi_all(q + n, 0, m - n),
			              "%s: %zu to %zu: not clear", a->name, n, m);
			GC_free(q);
		}
}
END_TEST

START_TEST(test_realloc_to_nothing)
{
	GC_disable();
	for (int i = 0; i < 64 * 1024; i++)
		EXPECT(GC_realloc(allocators[_i].alloc(1000), 0) == NULL);
	ck_assert_uint_lt(GC_get_heap_size(), 16 * MIB);
	GC_enable();
}
END_TEST

/* What a grown object refers to lives. */
START_TEST(test_realloc_keeps)
{
	void **p = GC_malloc(sizeof *p);

	for (size_t i = 0; i < ABI_MANY; i++) {
		p = GC_realloc(p, (i + 1) * sizeof *p);
		p[i] = GC_malloc(i % 100 + 8);
		abi_watch(i, p[i]);
		if (i % 100 == 0)
			GC_gcollect();
	}
	GC_gcollect();
	EXPECT_ALL_LIVE();
	GC_reachable_here(p);
}
END_TEST

/* ---- Others ---- */

START_TEST(test_strings)
{
	char text[300];

	for (size_t n = 0; n < sizeof text - 1; n++) {
		char *a, *b, *c;

		memset(text, 'x', n);
		text[n] = 0;
		a = GC_strdup(text);
		b = GC_strndup(text, n / 2);
		c = GC_strndup(text, n + 10);
		EXPECT(a != text && strcmp(a, text) == 0 && strcmp(c, text) == 0);
		EXPECT(strlen(b) == n / 2 && strncmp(b, text, n / 2) == 0);
		EXPECT_EQ(GC_get_kind_and_size(a, NULL), ATOMIC);
		EXPECT_EQ(GC_get_kind_and_size(b, NULL), ATOMIC);
	}
	EXPECT(GC_strdup(NULL) == NULL);
	/* What has no end is not read beyond the number. */
	memset(text, 'x', sizeof text);
	EXPECT_EQ(strlen(GC_strndup(text, sizeof text)), sizeof text);
}
END_TEST

START_TEST(test_alignment)
{
	for (size_t align = 8; align <= 4096; align *= 2)
		for (size_t n = 1; n < 20000; n = n * 3 + 1) {
			char *p = GC_memalign(align, n);
			void *q = NULL;

			EXPECT(p != NULL && (uintptr_t)p % align == 0);
			EXPECT(abi_all(p, 0, n));
			EXPECT_EQ(GC_posix_memalign(&q, align, n), 0);
			EXPECT(q != NULL && (uintptr_t)q % align == 0 && abi_all(q, 0, n));
			abi_fill(p, align, n);
			abi_fill(q, n, n);
			EXPECT(abi_filled(p, align, n) && abi_filled(q, n, n));
			EXPECT((char *)GC_base(p) <= p);
			EXPECT((size_t)(p - (char *)GC_base(p)) + n <= GC_size(GC_base(p)));
		}
}
END_TEST

START_TEST(test_alignment_wrong)
{
	void *p = &p;

	EXPECT_EQ(GC_posix_memalign(&p, 3, 100), EINVAL);
	EXPECT_EQ(GC_posix_memalign(&p, 24, 100), EINVAL);
	EXPECT_EQ(GC_posix_memalign(&p, sizeof(void *) / 2, 100), EINVAL);
}
END_TEST

/* No object of the collector's. */
START_TEST(test_foreign)
{
	static int in_data;
	int on_stack;
	char *from_malloc = malloc(100);
	void *foreign[] = { NULL,
		            &in_data,
		            &on_stack,
		            from_malloc,
		            (void *)8,
		            (void *)-1,
		            (void *)(uintptr_t)test_foreign };

	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		EXPECT(GC_base(foreign[i]) == NULL);
		EXPECT(!GC_is_heap_ptr(foreign[i]));
	}
	free(from_malloc);
}
END_TEST

/* Objects of all sizes and kinds at once share no byte. */
START_TEST(test_disjoint)
{
	enum { COUNT = 3000 };
	char **all = GC_malloc_uncollectable(COUNT * sizeof *all);
	struct test_random random;
	size_t bytes[COUNT];

	test_random_init(&random, 1);
	for (size_t i = 0; i < COUNT; i++) {
		bytes[i] = test_random_below(&random, i % 50 == 0 ? 50000 : 600);
		all[i] = allocators[i % ALLOCATORS].alloc(bytes[i]);
		abi_fill(all[i], i, bytes[i]);
		if (i % 1000 == 0)
			GC_gcollect();
	}
	GC_gcollect();
	for (size_t i = 0; i < COUNT; i++)
		EXPECT(abi_filled(all[i], i, bytes[i]) && GC_base(all[i]) == all[i]);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: objects");
	TCase *each = tcase_create("each allocator"), *other = tcase_create("others");

	tcase_add_checked_fixture(each, abi_begin, NULL);
	tcase_add_loop_test(each, test_sizes, 0, ALLOCATORS);
	tcase_add_loop_test(each, test_cleared, 0, ALLOCATORS);
	tcase_add_loop_test(each, test_base, 0, ALLOCATORS);
	tcase_add_loop_test(each, test_collectable, 0, ALLOCATORS);
	tcase_add_loop_test(each, test_free_reuses, 0, ALLOCATORS);
	tcase_add_loop_test(each, test_realloc, 0, ALLOCATORS);
	tcase_add_loop_test(each, test_realloc_to_nothing, 0, ALLOCATORS);
	suite_add_tcase(suite, each);
	tcase_add_checked_fixture(other, abi_begin, NULL);
	tcase_add_test(other, test_realloc_keeps);
	tcase_add_test(other, test_strings);
	tcase_add_test(other, test_alignment);
	tcase_add_test(other, test_alignment_wrong);
	tcase_add_test(other, test_foreign);
	tcase_add_test(other, test_disjoint);
	suite_add_tcase(suite, other);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
