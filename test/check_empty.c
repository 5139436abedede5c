/* SPDX-License-Identifier: MIT */
/*
 * check_empty.c: blocks of no bytes: each an address of its own that faults when
 * it is touched, that can be freed and made longer, and that takes no slot; when
 * all addresses are taken, slots serve.
 */
#include "test/heaps.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 10000, WINDOW = 65536 };

static int by_address(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (void *const *)a, y = (uintptr_t) * (void *const *)b;

	return x < y ? -1 : x > y;
}

/* So many blocks of no bytes; all different. */
static void **take(size_t count)
{
	void **blocks = calloc(count, sizeof *blocks);

	for (size_t i = 0; i < count; i++)
		blocks[i] = heaps_alloc(0);
	qsort(blocks, count, sizeof *blocks, by_address);
	for (size_t i = 1; i < count; i++)
		EXPECT((uintptr_t)blocks[i] - (uintptr_t)blocks[i - 1] >= SMAL_GRANULE);
	return blocks;
}

START_TEST(test_distinct)
{
	void **blocks;

	heaps_audit(0, 0);
	blocks = take(MANY);
	heaps_audit(0, 0);
	ck_assert_uint_eq(heaps_stats().empty_blocks, MANY);
	ck_assert_uint_eq(heaps_stats().buffer_bytes, 0);
	for (int i = 0; i < MANY; i++) {
		EXPECT(smal_heap_usable(heap, blocks[i]) == 0);
		heaps_free(blocks[i]);
	}
	ck_assert_uint_eq(heaps_stats().empty_blocks, 0);
	free(blocks);
}
END_TEST

static void read_block(void *block)
{
	*(volatile char *)block;
}

static void write_block(void *block)
{
	*(volatile char *)block = 1;
}

START_TEST(test_faults)
{
	void *first = heaps_alloc(0), *second = heaps_alloc(0);

	ck_assert_int_eq(heaps_in_child(read_block, first), SIGSEGV);
	ck_assert_int_eq(heaps_in_child(write_block, first), SIGSEGV);
	ck_assert_int_eq(heaps_in_child(write_block, second), SIGSEGV);
	heaps_free(first);
	ck_assert_int_eq(heaps_in_child(read_block, first), SIGSEGV);
	heaps_free(second);
}
END_TEST

START_TEST(test_realloc)
{
	void *block = heaps_alloc(0), *same, *grown;

	same = smal_heap_realloc(heap, block, 0);
	ck_assert_ptr_eq(same, block);
	grown = smal_heap_realloc(heap, block, 100);
	ck_assert_ptr_nonnull(grown);
	ck_assert_uint_eq(heaps_stats().empty_blocks, 0);
	heaps_mark(grown, 100, 1);
	heaps_audit(1, heaps_slot_bytes(100));
	block = smal_heap_realloc(heap, grown, 0);
	ck_assert_ptr_nonnull(block);
	ck_assert_uint_eq(smal_heap_usable(heap, block), 0);
	ck_assert_uint_eq(heaps_stats().empty_blocks, 1);
	heaps_audit(0, 0);
	grown = smal_heap_realloc(heap, block, 100000);
	ck_assert_ptr_nonnull(grown);
	heaps_audit(1, heaps_slot_bytes(100000));
	heaps_free(grown);
	block = smal_heap_realloc(heap, NULL, 0);
	ck_assert_ptr_nonnull(block);
	ck_assert_uint_eq(heaps_stats().empty_blocks, 1);
	heaps_free(block);
}
END_TEST

/* Every way to ask for nothing. */
START_TEST(test_ways)
{
	void *blocks[4];

	blocks[0] = smal_heap_alloc_zeroed(heap, 0, 100);
	blocks[1] = smal_heap_alloc_zeroed(heap, 100, 0);
	blocks[2] = smal_heap_alloc_aligned(heap, 16, 0);
	blocks[3] = smal_heap_alloc_aligned(heap, 1, 0);
	ck_assert_uint_eq(heaps_stats().empty_blocks, 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_ptr_nonnull(blocks[i]);
		ck_assert_uint_eq((uintptr_t)blocks[i] % SMAL_GRANULE, 0);
		heaps_free(blocks[i]);
	}
	/* An address that is to be aligned more has a slot. */
	blocks[0] = smal_heap_alloc_aligned(heap, 4096, 0);
	ck_assert_uint_eq((uintptr_t)blocks[0] % 4096, 0);
	heaps_audit(1, smal_heap_usable(heap, blocks[0]));
	heaps_free(blocks[0]);
}
END_TEST

START_TEST(test_wrong)
{
	char *block = heaps_alloc(0);
	struct smal_heap *other;

	ck_assert_int_eq(smal_heap_create(NULL, &other), SMAL_OK);
	ck_assert_int_eq(smal_heap_free(other, block), SMAL_ERROR_INVALID);
	ck_assert_str_eq(reported.detail, "an empty block");
	heaps_told(SMAL_ERROR_INVALID, "block of another heap");
	ck_assert_int_eq(smal_heap_free(heap, block + 8), SMAL_ERROR_INVALID);
	heaps_told(SMAL_ERROR_INVALID, NULL);
	heaps_free(block);
	ck_assert_int_eq(smal_heap_free(heap, block), SMAL_ERROR_INVALID);
	ck_assert_str_eq(reported.detail, "an empty block that is free");
	heaps_told(SMAL_ERROR_INVALID, "double free");
	ck_assert_uint_eq(smal_heap_usable(heap, block), 0);
	heaps_told(SMAL_ERROR_INVALID, NULL);
	errno = 0;
	ck_assert_ptr_null(smal_heap_realloc(heap, block, 10));
	ck_assert_int_eq(errno, EINVAL);
	heaps_told(SMAL_ERROR_INVALID, NULL);
	ck_assert_int_eq(smal_heap_destroy(other), SMAL_OK);
}
END_TEST

/* The window is used up: slots serve, and when it has room again, it does. */
START_TEST(test_used_up)
{
	void **blocks = take(WINDOW), *slot, *empty;

	ck_assert_uint_eq(heaps_stats().empty_blocks, WINDOW);
	heaps_audit(0, 0);
	slot = heaps_alloc(0);
	ck_assert_uint_eq(heaps_stats().empty_blocks, WINDOW);
	heaps_audit(1, 16);
	heaps_free(blocks[WINDOW / 3]);
	empty = heaps_alloc(0);
	ck_assert_ptr_eq(empty, blocks[WINDOW / 3]);
	heaps_audit(1, 16);
	heaps_free(slot);
	/* What a heap has of the window goes with it. */
	heaps_end();
	heaps_begin_plain();
	ck_assert_uint_eq(heaps_stats().empty_blocks, 0);
	free(blocks);
	blocks = take(WINDOW);
	heaps_audit(0, 0);
	for (int i = 0; i < WINDOW; i++)
		heaps_free(blocks[i]);
	free(blocks);
}
END_TEST

/* What one heap has stays when another one goes. */
START_TEST(test_heaps)
{
	void **blocks = take(100);
	struct smal_heap *other;

	ck_assert_int_eq(smal_heap_create(NULL, &other), SMAL_OK);
	for (int i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(smal_heap_alloc(other, 0));
	ck_assert_uint_eq(heaps_stats().empty_blocks, 100);
	ck_assert_int_eq(smal_heap_destroy(other), SMAL_OK);
	ck_assert_uint_eq(heaps_stats().empty_blocks, 100);
	for (int i = 0; i < 100; i++)
		heaps_free(blocks[i]);
	free(blocks);
}
END_TEST

START_TEST(test_guarded)
{
	struct smal_heap_options options = { .flags = SMAL_HEAP_GUARDED };
	void *block;

	heaps_end();
	heaps_begin(&options);
	block = heaps_alloc(0);
	ck_assert_uint_eq(smal_heap_usable(heap, block), 0);
	heaps_free(block);
	ck_assert_uint_eq(heaps_stats().empty_blocks, 0);
	block = smal_heap_realloc(heap, heaps_alloc(0), 10);
	ck_assert_ptr_nonnull(block);
	ck_assert_uint_eq(heaps_stats().empty_blocks, 0);
	heaps_free(block);
	ck_assert_int_eq(smal_heap_free(heap, block), SMAL_ERROR_INVALID);
	heaps_told(SMAL_ERROR_INVALID, "double free");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("empty");
	TCase *t = tcase_create("empty");

	tcase_add_checked_fixture(t, heaps_begin_plain, heaps_end);
	tcase_add_test(t, test_distinct);
	tcase_add_test(t, test_faults);
	tcase_add_test(t, test_realloc);
	tcase_add_test(t, test_ways);
	tcase_add_test(t, test_wrong);
	tcase_add_test(t, test_used_up);
	tcase_add_test(t, test_heaps);
	tcase_add_test(t, test_guarded);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
