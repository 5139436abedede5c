/* SPDX-License-Identifier: MIT */
/*
 * check_heap.c: the public functions of the heap: what each returns, what blocks
 * hold, alignments, sizes, realloc, limits, options, several heaps at once.
 */
#include "test/heaps.h"

#include <errno.h>
#include <string.h>

static const size_t sizes[] = { 1,     15,    16,    17,    48,     64,      100,
	                        128,   129,   500,   1024,  4095,   4096,    4097,
	                        10000, 20000, 32768, 32769, 100000, 1 << 20, 3000000 };
enum { SIZES = sizeof sizes / sizeof *sizes };

/* ---- Allocating and freeing ---- */

START_TEST(test_usable)
{
	for (size_t bytes = 1; bytes <= 70000; bytes += bytes < 300 ? 1 : 97) {
		void *block = heaps_alloc(bytes);

		EXPECT_EQ(smal_heap_usable(heap, block), heaps_slot_bytes(bytes));
		heaps_free(block);
	}
	ck_assert_uint_eq(smal_heap_usable(heap, NULL), 0);
	ck_assert_int_eq(smal_heap_free(heap, NULL), SMAL_OK);
	heaps_silent();
	heaps_audit(0, 0);
}
END_TEST

/* Every byte of a block can be written, and none of it is another's. */
START_TEST(test_contents)
{
	void *blocks[SIZES * 5];
	uint64_t used = 0;

	for (int i = 0; i < SIZES * 5; i++) {
		size_t bytes = sizes[i % SIZES];

		blocks[i] = heaps_alloc(bytes);
		used += heaps_slot_bytes(bytes);
		EXPECT_EQ(smal_heap_usable(heap, blocks[i]), heaps_slot_bytes(bytes));
		heaps_mark(blocks[i], heaps_slot_bytes(bytes), (uint64_t)i);
	}
	heaps_audit(SIZES * 5, used);
	for (int i = 0; i < SIZES * 5; i++) {
		heaps_check_mark(blocks[i], heaps_slot_bytes(sizes[i % SIZES]), (uint64_t)i);
		heaps_free(blocks[i]);
	}
	heaps_audit(0, 0);
}
END_TEST

static bool is_zero(const unsigned char *block, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (block[i] != 0)
			return false;
	return true;
}

/* Also where others have written before. */
START_TEST(test_zeroed)
{
	size_t bytes = sizes[_i];
	void *blocks[20];

	for (int turn = 0; turn < 3; turn++) {
		for (int i = 0; i < 20; i++) {
			blocks[i] = smal_heap_alloc_zeroed(heap, 1, bytes);
			EXPECT(blocks[i] != NULL && is_zero(blocks[i], bytes));
			memset(blocks[i], 0xff, smal_heap_usable(heap, blocks[i]));
		}
		for (int i = 0; i < 20; i++)
			heaps_free(blocks[i]);
		if (turn == 1)
			smal_heap_trim(heap);
	}
	blocks[0] = smal_heap_alloc_zeroed(heap, bytes, 3);
	ck_assert_uint_ge(smal_heap_usable(heap, blocks[0]), 3 * bytes);
	ck_assert(is_zero(blocks[0], 3 * bytes));
	heaps_free(blocks[0]);
}
END_TEST

static void expect_no_memory(const void *block)
{
	ck_assert_ptr_null(block);
	ck_assert_int_eq(errno, ENOMEM);
	errno = 0;
}

START_TEST(test_too_large)
{
	void *block = heaps_alloc(100);

	heaps_mark(block, 100, 1);
	errno = 0;
	expect_no_memory(smal_heap_alloc(heap, SIZE_MAX));
	expect_no_memory(smal_heap_alloc(heap, SIZE_MAX - 4096));
	expect_no_memory(smal_heap_alloc(heap, (size_t)PTRDIFF_MAX + 1));
	expect_no_memory(smal_heap_alloc(heap, PTRDIFF_MAX));
	expect_no_memory(smal_heap_alloc_zeroed(heap, SIZE_MAX, 2));
	expect_no_memory(smal_heap_alloc_zeroed(heap, SIZE_MAX / 16 + 1, 16));
	expect_no_memory(smal_heap_alloc_zeroed(heap, SIZE_MAX, SIZE_MAX));
	expect_no_memory(smal_heap_alloc_aligned(heap, 4096, SIZE_MAX));
	expect_no_memory(smal_heap_alloc_aligned(heap, 16, SIZE_MAX - 15));
	expect_no_memory(smal_heap_alloc_aligned(heap, (size_t)1 << (8 * sizeof(size_t) - 1), 1));
	expect_no_memory(
		smal_heap_alloc_aligned(heap, (size_t)1 << (8 * sizeof(size_t) - 2), PTRDIFF_MAX));
	expect_no_memory(smal_heap_realloc(heap, block, SIZE_MAX));
	expect_no_memory(smal_heap_realloc(heap, block, PTRDIFF_MAX));
	heaps_check_mark(block, 100, 1);
	heaps_audit(1, heaps_slot_bytes(100));
	heaps_free(block);
}
END_TEST

/* free keeps errno, also where it goes the long way and where it fails. */
START_TEST(test_errno)
{
	void *blocks[SIZES];

	for (int i = 0; i < SIZES; i++)
		blocks[i] = heaps_alloc(sizes[i]);
	for (int i = 0; i < SIZES; i++) {
		errno = 12345;
		heaps_free(blocks[i]);
		ck_assert_int_eq(errno, 12345);
	}
	ck_assert_int_eq(smal_heap_free(heap, blocks[0]), SMAL_ERROR_INVALID);
	ck_assert_int_eq(errno, 12345);
	heaps_told(SMAL_ERROR_INVALID, NULL);
}
END_TEST

/* ---- Alignment ---- */

START_TEST(test_aligned)
{
	size_t align_bytes = (size_t)1 << _i;
	void *blocks[SIZES];

	for (int i = 0; i < SIZES; i++) {
		blocks[i] = smal_heap_alloc_aligned(heap, align_bytes, sizes[i]);
		ck_assert_ptr_nonnull(blocks[i]);
		ck_assert_uint_eq((uintptr_t)blocks[i] % align_bytes, 0);
		ck_assert_uint_ge(smal_heap_usable(heap, blocks[i]), sizes[i]);
		heaps_mark(blocks[i], sizes[i], (uint64_t)i);
	}
	heaps_check();
	for (int i = 0; i < SIZES; i++) {
		heaps_check_mark(blocks[i], sizes[i], (uint64_t)i);
		blocks[i] = smal_heap_realloc(heap, blocks[i], sizes[i] + 40000);
		ck_assert_ptr_nonnull(blocks[i]);
		heaps_check_mark(blocks[i], sizes[i], (uint64_t)i);
	}
	heaps_check();
	for (int i = 0; i < SIZES; i++)
		heaps_free(blocks[i]);
	heaps_audit(0, 0);
}
END_TEST

START_TEST(test_alignment_wrong)
{
	static const size_t wrong[] = { 0, 3, 24, 4097, SIZE_MAX };

	for (int i = 0; i < 5; i++) {
		errno = 0;
		ck_assert_ptr_null(smal_heap_alloc_aligned(heap, wrong[i], 100));
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_str_eq(reported.function, "smal_heap_alloc_aligned");
		heaps_told(SMAL_ERROR_INVALID, "alignment is no power of two");
	}
}
END_TEST

/* ---- realloc ---- */

START_TEST(test_realloc_same)
{
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES; class++) {
		size_t most = smal_heap_class_bytes(class),
		       least = class == 0 ? 1 : smal_heap_class_bytes(class - 1) + 1;
		void *block = heaps_alloc(least), *same;

		for (size_t bytes = least; bytes <= most; bytes += 1 + (most - least) / 7) {
			same = smal_heap_realloc(heap, block, bytes);
			ck_assert_ptr_eq(same, block);
		}
		same = smal_heap_realloc(heap, block, most);
		ck_assert_ptr_eq(same, block);
		heaps_free(block);
	}
}
END_TEST

/* Every size becomes every other: what both have stays. */
START_TEST(test_realloc_contents)
{
	for (int i = 0; i < SIZES; i++) {
		size_t bytes = smal_min(sizes[_i], sizes[i]);
		void *block = heaps_alloc(sizes[_i]);

		heaps_mark(block, sizes[_i], 7);
		heaps_mark(block, bytes, 7);
		block = smal_heap_realloc(heap, block, sizes[i]);
		ck_assert_ptr_nonnull(block);
		heaps_check_mark(block, bytes, 7);
		EXPECT(smal_heap_usable(heap, block) >= sizes[i]);
		/* A block that has become much shorter keeps no more than twice as much. */
		EXPECT(smal_heap_usable(heap, block) <= smal_max(2 * sizes[i], 64) + SMAL_CHUNK);
		heaps_audit(1, smal_heap_usable(heap, block));
		heaps_free(block);
	}
	heaps_audit(0, 0);
}
END_TEST

/* A vector that grows byte by byte moves a few times for each doubling. */
START_TEST(test_realloc_grow)
{
	char *block = heaps_alloc(1);
	unsigned moves = 0;

	block[0] = 0;
	for (size_t bytes = 2; bytes <= 100000; bytes++) {
		char *grown = smal_heap_realloc(heap, block, bytes);

		EXPECT(grown != NULL);
		moves += grown != block;
		block = grown;
		block[bytes - 1] = (char)bytes;
	}
	for (size_t i = 1; i < 100000; i++)
		EXPECT(block[i] == (char)(i + 1));
	ck_assert_uint_le(moves, 8 + 8 * 9 + 1);
	heaps_free(block);
}
END_TEST

START_TEST(test_realloc_null)
{
	void *block = smal_heap_realloc(heap, NULL, 100);

	ck_assert_ptr_nonnull(block);
	heaps_audit(1, heaps_slot_bytes(100));
	heaps_free(block);
	errno = 0;
	ck_assert_ptr_null(smal_heap_realloc(heap, &block, 100));
	ck_assert_int_eq(errno, EINVAL);
	heaps_told(SMAL_ERROR_INVALID, "foreign pointer");
}
END_TEST

/* ---- Heaps ---- */

START_TEST(test_heaps)
{
	struct smal_heap *heaps[50];
	char *blocks[50][20];

	for (int h = 0; h < 50; h++) {
		ck_assert_int_eq(smal_heap_create(NULL, &heaps[h]), SMAL_OK);
		for (int i = 0; i < 20; i++) {
			blocks[h][i] = smal_heap_alloc(heaps[h], sizes[i]);
			heaps_mark(blocks[h][i], sizes[i], (uint64_t)h);
		}
	}
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(smal_heap_free(heaps[1], blocks[0][i]), SMAL_ERROR_INVALID);
		heaps_told(SMAL_ERROR_INVALID, "block of another heap");
		ck_assert_uint_eq(smal_heap_usable(heaps[1], blocks[0][i]), 0);
		heaps_told(SMAL_ERROR_INVALID, "block of another heap");
		ck_assert_ptr_null(smal_heap_realloc(heaps[1], blocks[0][i], 10));
		heaps_told(SMAL_ERROR_INVALID, "block of another heap");
	}
	/* Each goes with all of its blocks; the others' stay as they are. */
	for (int h = 0; h < 50; h += 2)
		ck_assert_int_eq(smal_heap_destroy(heaps[h]), SMAL_OK);
	for (int h = 1; h < 50; h += 2) {
		for (int i = 0; i < 20; i++) {
			heaps_check_mark(blocks[h][i], sizes[i], (uint64_t)h);
			if (i % 2 == 0)
				ck_assert_int_eq(smal_heap_free(heaps[h], blocks[h][i]), SMAL_OK);
		}
		ck_assert_int_eq(smal_heap_check(heaps[h]), SMAL_OK);
		ck_assert_int_eq(smal_heap_destroy(heaps[h]), SMAL_OK);
	}
	heaps_audit(0, 0);
}
END_TEST

/* A heap that ends gives back all that it had, whatever was in use. */
START_TEST(test_destroy)
{
	struct smal_space_counts counts;

	for (int i = 0; i < 1000; i++)
		heaps_alloc((size_t)i * 50);
	heaps_alloc(5 * MIB);
	heaps_end();
	heaps_begin_plain();
	smal_space_get_counts(heap->space, &counts);
	ck_assert_uint_eq(counts.used_bytes, 0);
	ck_assert_int_eq(smal_heap_destroy(NULL), SMAL_OK);
	heaps_silent();
}
END_TEST

/* A thread may make, use and end as many heaps as it likes, one after another. */
START_TEST(test_many)
{
	struct smal_space_counts before = { 0 }, after;

	for (int i = 0; i < 2000; i++) {
		struct smal_heap *other;

		if (i == 100)
			smal_space_get_counts(heap->books, &before);
		EXPECT(smal_heap_create(NULL, &other) == SMAL_OK);
		EXPECT(smal_heap_alloc(other, 100) != NULL);
		EXPECT(smal_heap_destroy(other) == SMAL_OK);
	}
	smal_space_get_counts(heap->books, &after);
	ck_assert_uint_eq(after.used_bytes, before.used_bytes);
}
END_TEST

START_TEST(test_default)
{
	void *block = smal_heap_alloc(NULL, 100), *other;
	struct smal_heap_stats stats;

	ck_assert_ptr_nonnull(block);
	smal_heap_get_stats(NULL, &stats);
	ck_assert_uint_eq(stats.used_blocks, 1);
	ck_assert_uint_eq(smal_heap_usable(NULL, block), heaps_slot_bytes(100));
	ck_assert_int_eq(smal_heap_free(heap, block), SMAL_ERROR_INVALID);
	heaps_told(SMAL_ERROR_INVALID, "block of another heap");
	ck_assert_int_eq(smal_heap_check(NULL), SMAL_OK);
	other = smal_heap_alloc_aligned(NULL, 256, 100);
	ck_assert_uint_eq((uintptr_t)other % 256, 0);
	ck_assert_int_eq(smal_heap_free(NULL, other), SMAL_OK);
	other = smal_heap_realloc(NULL, smal_heap_alloc_zeroed(NULL, 10, 10), 1000);
	ck_assert(is_zero(other, 100));
	ck_assert_int_eq(smal_heap_free(NULL, other), SMAL_OK);
	ck_assert_int_eq(smal_heap_free(NULL, block), SMAL_OK);
	smal_heap_trim(NULL);
	ck_assert_int_eq(smal_heap_destroy(smal_heap_or_default(NULL)), SMAL_ERROR_BUSY);
	heaps_told(SMAL_ERROR_BUSY, "the default heap stays");
	smal_heap_get_stats(NULL, &stats);
	ck_assert_uint_eq(stats.used_blocks, 0);
}
END_TEST

/* ---- Options ---- */

static void expect_invalid(const struct smal_heap_options *options, struct smal_heap **result,
                           const char *what)
{
	ck_assert_int_eq(smal_heap_create(options, result), SMAL_ERROR_INVALID);
	ck_assert_str_eq(reported.function, "smal_heap_create");
	heaps_told(SMAL_ERROR_INVALID, what);
}

START_TEST(test_options)
{
	struct smal_heap_options options = { .flags = 2 };
	struct smal_heap *result;

	expect_invalid(NULL, NULL, "NULL argument");
	expect_invalid(&options, &result, "unknown flags");
	ck_assert_str_eq(reported.detail, "0x2");
	options.flags = 0x80000001;
	expect_invalid(&options, &result, "unknown flags");
	options = (struct smal_heap_options){ .options_bytes = 4097 };
	expect_invalid(&options, &result, "options_bytes is wrong");
	/* What a caller of an older header does not have is 0. */
	options = (struct smal_heap_options){
		.options_bytes = offsetof(struct smal_heap_options, flags), .flags = 0xffff
	};
	ck_assert_int_eq(smal_heap_create(&options, &result), SMAL_OK);
	ck_assert(!result->guarded || smal_options()->check_heap);
	ck_assert_int_eq(smal_heap_destroy(result), SMAL_OK);
}
END_TEST

/* Never more than the limit; what is freed can be had again. */
START_TEST(test_limit)
{
	struct smal_heap_options options = { .limit_bytes = 4 * MIB };
	size_t bytes = sizes[_i];
	unsigned count = 0, again = 0;
	void **last = NULL;

	heaps_end();
	heaps_begin(&options);
	bytes = smal_max(bytes, sizeof(void *));
	for (void **block; (block = smal_heap_alloc(heap, bytes)) != NULL; last = block, count++)
		*block = last;
	ck_assert_int_eq(errno, ENOMEM);
	heaps_silent();
	heaps_audit(count, count * heaps_slot_bytes(bytes));
	ck_assert_uint_le(heaps_stats().buffer_bytes, 4 * MIB);
	ck_assert_uint_le(heaps_stats().buffer_peak_bytes, 4 * MIB);
	/* Slots of one size use all of it, but for what is behind the last of a buffer. */
	ck_assert_uint_ge(count * heaps_slot_bytes(bytes) + bytes,
	                  7 * MIB / 2 - MIB * (bytes > MIB));
	while (last != NULL) {
		void **next = *last;

		heaps_free(last);
		last = next;
	}
	heaps_audit(0, 0);
	for (void **block; (block = smal_heap_alloc(heap, bytes)) != NULL; again++)
		;
	ck_assert_uint_eq(again, count);
}
END_TEST

/* Under a limit, memory that was of small blocks serves large ones, and back. */
START_TEST(test_limit_mixed)
{
	struct smal_heap_options options = { .limit_bytes = 4 * MIB };
	void *blocks[256], *large;

	heaps_end();
	heaps_begin(&options);
	for (int turn = 0; turn < 10; turn++) {
		for (int i = 0; i < 256; i++)
			blocks[i] = heaps_alloc(8000 + 16 * (size_t)turn);
		for (int i = 0; i < 256; i++)
			heaps_free(blocks[i]);
		large = smal_heap_alloc(heap, 3 * MIB);
		ck_assert_ptr_nonnull(large);
		heaps_free(large);
	}
}
END_TEST

static void add_blocks(Suite *s)
{
	TCase *t = tcase_create("blocks");

	tcase_add_checked_fixture(t, heaps_begin_plain, heaps_end);
	tcase_add_test(t, test_usable);
	tcase_add_test(t, test_contents);
	tcase_add_loop_test(t, test_zeroed, 0, SIZES);
	tcase_add_test(t, test_too_large);
	tcase_add_test(t, test_errno);
	tcase_add_loop_test(t, test_aligned, 0, 27);
	tcase_add_test(t, test_alignment_wrong);
	tcase_add_test(t, test_realloc_same);
	tcase_add_loop_test(t, test_realloc_contents, 0, SIZES);
	tcase_add_test(t, test_realloc_grow);
	tcase_add_test(t, test_realloc_null);
	suite_add_tcase(s, t);
}

static Suite *suite(void)
{
	Suite *s = suite_create("heap");
	TCase *heaps = tcase_create("heaps");

	add_blocks(s);
	tcase_add_checked_fixture(heaps, heaps_begin_plain, heaps_end);
	tcase_add_test(heaps, test_heaps);
	tcase_add_test(heaps, test_destroy);
	tcase_add_test(heaps, test_many);
	tcase_add_test(heaps, test_default);
	tcase_add_test(heaps, test_options);
	tcase_add_loop_test(heaps, test_limit, 0, SIZES);
	tcase_add_test(heaps, test_limit_mixed);
	suite_add_tcase(s, heaps);
	return s;
}

int main(void)
{
	return test_main(suite);
}
