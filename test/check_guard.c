/* SPDX-License-Identifier: MIT */
/*
 * check_guard.c: guarded heaps: an overrun is found when the block is freed and by
 * smal_heap_check, a write after free when the block leaves the queue and by the
 * same; a block is exactly as long as was asked for; what is not wrong is not told.
 */
#include "test/heaps.h"

#include <stdio.h>
#include <string.h>

enum { QUEUE = 1024, FRESH = 0xa5 };

static const size_t sizes[] = {
	1, 8, 15, 16, 17, 100, 112, 1000, 4096, 32752, 32753, 40000, 100000
};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void begin(void)
{
	struct smal_heap_options options = { .flags = SMAL_HEAP_GUARDED };

	heaps_begin(&options);
}

/* ---- Nothing is wrong ---- */

START_TEST(test_lengths)
{
	for (size_t bytes = 1; bytes < 70000; bytes += bytes < 300 ? 1 : 101) {
		unsigned char *block = heaps_alloc(bytes);

		EXPECT_EQ(smal_heap_usable(heap, block), bytes);
		/* Whole pages that nobody had are as they come. */
		if (bytes < SMAL_CLASS_LARGEST / 2)
			EXPECT(block[0] == FRESH && block[bytes - 1] == FRESH);
		memset(block, 0, bytes);
		heaps_free(block);
	}
	heaps_check();
	ck_assert_uint_eq(heaps_stats().used_blocks, 0);
}
END_TEST

/* All ways to allocate; many blocks, through the queue and back. */
START_TEST(test_sound)
{
	enum { BLOCKS = 300 };
	struct test_random random;
	void *blocks[BLOCKS] = { 0 };
	size_t bytes[BLOCKS];

	test_random_init(&random, 1);
	for (size_t step = heaps_scale(50000); step > 0; step--) {
		size_t i = test_random_below(&random, BLOCKS),
		       more = test_random_below(&random, 3000);

		if (blocks[i] == NULL) {
			blocks[i] = step % 2 ? heaps_alloc(more)
			                     : smal_heap_alloc_aligned(heap, (size_t)1 << step % 14,
			                                               more);
			bytes[i] = more;
		} else if (step % 3 == 0) {
			heaps_mark(blocks[i], smal_min(bytes[i], more), step);
			blocks[i] = smal_heap_realloc(heap, blocks[i], more);
			heaps_check_mark(blocks[i], smal_min(bytes[i], more), step);
			bytes[i] = more;
		} else {
			heaps_check_mark(blocks[i], bytes[i], i);
			heaps_free(blocks[i]);
			blocks[i] = NULL;
			continue;
		}
		EXPECT(blocks[i] != NULL);
		heaps_mark(blocks[i], bytes[i], i);
		if (step % 1000 == 0)
			heaps_check();
		if (step % 5000 == 0)
			smal_heap_trim(heap);
	}
}
END_TEST

START_TEST(test_zeroed)
{
	for (int i = 0; i < SIZES; i++) {
		char *block = smal_heap_alloc_zeroed(heap, 1, sizes[i]);

		for (size_t at = 0; at < sizes[i]; at++)
			EXPECT(block[at] == 0);
		memset(block, 1, sizes[i]);
		heaps_free(block);
		heaps_check();
	}
}
END_TEST

/* ---- Overruns ---- */

/* What the block must not touch is marked for tools, which would find the mistake
 * before the heap does. */
static void write_beyond(char *block, size_t at)
{
	if (!smal_os_tool_watches())
		block[at]++;
}

static void expect_overrun(const char *function, const void *block, size_t bytes, size_t at)
{
	char detail[100];

	snprintf(detail, sizeof detail, "a block of %zu bytes; byte %zu was written", bytes, at);
	ck_assert_str_eq(reported.function, function);
	ck_assert_str_eq(reported.detail, detail);
	ck_assert_ptr_eq(reported.pointer, block);
	heaps_told(SMAL_ERROR_CORRUPT, "overrun");
}

/* By one byte: found by a check and by the free; the block stays in use, and once
 * it is mended, can be freed. */
START_TEST(test_overrun)
{
	size_t bytes = sizes[_i];
	char *block = heaps_alloc(bytes);

	if (smal_os_tool_watches())
		return;
	for (size_t at = bytes; at < bytes + 8; at++) {
		write_beyond(block, at);
		ck_assert_int_eq(smal_heap_check(heap), SMAL_ERROR_CORRUPT);
		expect_overrun("smal_heap_check", block, bytes, at);
		ck_assert_int_eq(smal_heap_free(heap, block), SMAL_ERROR_CORRUPT);
		expect_overrun("smal_heap_free", block, bytes, at);
		ck_assert_uint_eq(heaps_stats().used_blocks, 1);
		block[at]--;
		heaps_check();
	}
	heaps_free(block);
	heaps_check();
}
END_TEST

/* By so many that the block's length is overwritten too. */
START_TEST(test_overrun_far)
{
	size_t bytes = sizes[_i], all = heaps_slot_bytes(bytes + 16);
	char *block = heaps_alloc(bytes), end[4200];

	if (smal_os_tool_watches())
		return;
	memcpy(end, block + bytes, all - bytes);
	memset(block + bytes, 0x41, all - bytes);
	ck_assert_int_eq(smal_heap_free(heap, block), SMAL_ERROR_CORRUPT);
	ck_assert_str_eq(reported.detail, "a block whose end is overwritten");
	heaps_told(SMAL_ERROR_CORRUPT, "overrun");
	ck_assert_int_eq(smal_heap_check(heap), SMAL_ERROR_CORRUPT);
	heaps_told(SMAL_ERROR_CORRUPT, "overrun");
	memcpy(block + bytes, end, all - bytes);
	heaps_free(block);
}
END_TEST

/* A block that is overrun is not made longer; it stays what it is. */
START_TEST(test_overrun_realloc)
{
	char *block = heaps_alloc(100);

	if (smal_os_tool_watches())
		return;
	heaps_mark(block, 100, 1);
	write_beyond(block, 100);
	ck_assert_ptr_null(smal_heap_realloc(heap, block, 1000));
	expect_overrun("smal_heap_realloc", block, 100, 100);
	ck_assert_uint_eq(heaps_stats().used_blocks, 1);
	heaps_check_mark(block, 100, 1);
	block[100]--;
	heaps_check();
}
END_TEST

/* ---- Writes after free ---- */

static void expect_late(const char *function, const void *block, size_t at)
{
	char end[100];

	snprintf(end, sizeof end, "byte %zu was written", at);
	ck_assert_str_eq(reported.function, function);
	ck_assert_ptr_nonnull(strstr(reported.detail, end));
	ck_assert_ptr_eq(reported.pointer, block);
	heaps_told(SMAL_ERROR_CORRUPT, "write after free");
}

START_TEST(test_late_check)
{
	size_t bytes = sizes[_i];
	char *block = heaps_alloc(bytes);

	if (smal_os_tool_watches())
		return;
	heaps_free(block);
	block[bytes / 2]++;
	ck_assert_int_eq(smal_heap_check(heap), SMAL_ERROR_CORRUPT);
	expect_late("smal_heap_check", block, bytes / 2);
	heaps_check();
}
END_TEST

/* When it leaves the queue: after many other frees, and not before. */
START_TEST(test_late_queue)
{
	char *block = heaps_alloc(100);
	int frees = 0;

	if (smal_os_tool_watches())
		return;
	heaps_free(block);
	block[99] = 1;
	while (smal_heap_free(heap, heaps_alloc(100)) == SMAL_OK) {
		ck_assert_int_lt(frees, 2 * QUEUE);
		frees++;
	}
	ck_assert_int_eq(frees, QUEUE - 1);
	expect_late("smal_heap_free", block, 99);
	heaps_check();
}
END_TEST

/* Blocks in the queue are no one's, and are not handed out. */
START_TEST(test_queue)
{
	char *block = heaps_alloc(64);

	heaps_free(block);
	for (int i = 0; i < QUEUE / 2; i++) {
		char *other = heaps_alloc(64);

		EXPECT(other != block);
		heaps_free(other);
	}
	ck_assert_int_eq(smal_heap_free(heap, block), SMAL_ERROR_INVALID);
	heaps_told(SMAL_ERROR_INVALID, "double free");
	ck_assert_uint_eq(smal_heap_usable(heap, block), 0);
	heaps_told(SMAL_ERROR_INVALID, NULL);
	ck_assert_int_eq(smal_heap_free(heap, block + 16), SMAL_ERROR_INVALID);
	heaps_told(SMAL_ERROR_INVALID, "interior pointer");
	ck_assert_uint_eq(heaps_stats().used_blocks, 0);
}
END_TEST

/* Large blocks pass through it too, as long as they are not very large. */
START_TEST(test_queue_bytes)
{
	uint64_t most = 0;

	for (int i = 0; i < 200; i++) {
		heaps_free(heaps_alloc(100000));
		heaps_free(heaps_alloc(5 * MIB));
		most = smal_max(most, heaps_stats().buffer_bytes);
	}
	ck_assert_uint_le(most, 12 * MIB);
	heaps_check();
}
END_TEST

static void *free_in_thread(void *block)
{
	heaps_free(block);
	return NULL;
}

/* Whoever frees; and with blocks in use and in the queue, the heap can end. */
START_TEST(test_threads)
{
	char *block;

	for (int i = 0; i < 20; i++) {
		heaps_in_thread(free_in_thread, heaps_alloc(sizes[i % SIZES]));
		heaps_alloc(sizes[i % SIZES]);
	}
	ck_assert_uint_eq(heaps_stats().used_blocks, 20);
	block = heaps_alloc(100);
	if (!smal_os_tool_watches()) {
		write_beyond(block, 100);
		heaps_free(heaps_alloc(10));
		block[100]--;
	}
}
END_TEST

/* A trim meanwhile takes nothing from the queue or from who has blocks. */
START_TEST(test_trim)
{
	enum { BLOCKS = 3000 };
	static void *blocks[BLOCKS];

	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = heaps_alloc(500);
	smal_heap_trim(heap);
	heaps_check();
	for (int i = 0; i < BLOCKS; i++) {
		heaps_free(blocks[i]);
		if (i % 500 == 0)
			smal_heap_trim(heap);
	}
	heaps_check();
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = heaps_alloc(500);
	smal_heap_trim(heap);
	heaps_check();
	ck_assert_uint_eq(heaps_stats().used_blocks, BLOCKS);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("guard");
	TCase *t = tcase_create("guard");

	tcase_add_checked_fixture(t, begin, heaps_end);
	tcase_add_test(t, test_lengths);
	tcase_add_test(t, test_sound);
	tcase_add_test(t, test_zeroed);
	tcase_add_loop_test(t, test_overrun, 0, SIZES);
	tcase_add_loop_test(t, test_overrun_far, 0, SIZES);
	tcase_add_test(t, test_overrun_realloc);
	tcase_add_loop_test(t, test_late_check, 0, SIZES);
	tcase_add_test(t, test_late_queue);
	tcase_add_test(t, test_queue);
	tcase_add_test(t, test_queue_bytes);
	tcase_add_test(t, test_threads);
	tcase_add_test(t, test_trim);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
