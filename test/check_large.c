/* SPDX-License-Identifier: MIT */
/*
 * check_large.c: blocks of their own: whole pages, known to be zero where they are
 * new, lowest address first; they grow into the addresses behind them; what is
 * freed beside them serves; alignments are addresses and no memory; 5 GiB.
 */
#include "test/heaps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 256 };

/* ---- Sizes ---- */

START_TEST(test_sizes)
{
	static const size_t sizes[] = { 32769,  36864,   36865,         65536,   65537,
		                        131072, 1 << 20, (1 << 20) + 1, 5000000, 32 << 20 };
	uint64_t used = 0;

	for (int i = 0; i < 10; i++) {
		char *block = heaps_alloc(sizes[i]);

		ck_assert_uint_eq((uintptr_t)block % SMAL_CHUNK, 0);
		ck_assert_uint_eq(smal_heap_usable(heap, block),
		                  smal_round_up(sizes[i], SMAL_CHUNK));
		heaps_mark(block, smal_heap_usable(heap, block), (uint64_t)i);
		used += smal_heap_usable(heap, block);
		heaps_audit((uint64_t)i + 1, used);
		ck_assert_uint_eq(heaps_stats().large_blocks, (uint64_t)i + 1);
		ck_assert_uint_eq(heaps_stats().large_bytes, used);
		heaps_check_mark(block, smal_heap_usable(heap, block), (uint64_t)i);
	}
}
END_TEST

/* What is freed serves again, and lies where it lay: nothing grows. */
START_TEST(test_again)
{
	void *first = heaps_alloc(10 * MIB), *again;
	uint64_t committed = heaps_committed_bytes();

	for (int i = 0; i < 1000; i++) {
		heaps_free(first);
		again = heaps_alloc(10 * MIB - (size_t)i);
		EXPECT(again == first);
	}
	ck_assert_uint_eq(heaps_committed_bytes(), committed);
	heaps_audit(1, 10 * MIB);
}
END_TEST

/* A free block is recognised, kept or not. */
START_TEST(test_double)
{
	char *block = heaps_alloc(100000);

	heaps_free(block);
	ck_assert_int_eq(smal_heap_free(heap, block), SMAL_ERROR_INVALID);
	heaps_told(SMAL_ERROR_INVALID, heaps_has_caches() ? "double free" : "foreign pointer");
	ck_assert_ptr_null(smal_heap_realloc(heap, block, 200000));
	heaps_told(SMAL_ERROR_INVALID, NULL);
	smal_heap_trim(heap);
	ck_assert_int_eq(smal_heap_free(heap, block), SMAL_ERROR_INVALID);
	heaps_told(SMAL_ERROR_INVALID, "foreign pointer");
	ck_assert_uint_eq(smal_heap_usable(heap, block), 0);
	heaps_told(SMAL_ERROR_INVALID, NULL);
}
END_TEST

/* 2^k neighbours that are freed among others in use are where the next block of
 * their size goes, once none of them is kept for the next request like it. */
START_TEST(test_neighbours)
{
	size_t each = 64 * KIB, n = (size_t)1 << _i;
	char *blocks[MANY], *lowest = NULL, *merged;

	for (int i = 0; i < MANY; i++)
		blocks[i] = heaps_alloc(each);
	for (size_t i = 0; i < MANY && lowest == NULL; i++) {
		bool together = i + n < MANY && (uintptr_t)blocks[i] % (n * each) == 0 && i > 40;

		for (size_t j = 0; together && j < n; j++)
			together = blocks[i + j] == blocks[i] + j * each;
		if (!together)
			continue;
		lowest = blocks[i];
		for (size_t j = 0; j < n; j++) {
			heaps_free(blocks[i + j]);
			blocks[i + j] = NULL;
		}
	}
	ck_assert_ptr_nonnull(lowest);
	smal_heap_trim(heap);
	heaps_audit(MANY - n, (MANY - n) * each);
	merged = heaps_alloc(n * each);
	ck_assert_ptr_eq(merged, lowest);
	heaps_audit(MANY - n + 1, MANY * each);
}
END_TEST

/* ---- Contents ---- */

static bool is_zero(const char *block, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (block[i] != 0)
			return false;
	return true;
}

START_TEST(test_zeroed)
{
	static const size_t sizes[] = { 40000, 70000, 1 << 20, 5 << 20 };
	size_t bytes = sizes[_i];
	char *block = smal_heap_alloc_zeroed(heap, bytes / 8, 8);

	ck_assert(is_zero(block, bytes));
	memset(block, 0x55, bytes);
	heaps_free(block);
	block = smal_heap_alloc_zeroed(heap, bytes / 8, 8);
	ck_assert(is_zero(block, bytes));
	memset(block, 0x55, bytes);
	heaps_free(block);
	smal_heap_trim(heap);
	block = smal_heap_alloc_zeroed(heap, bytes / 8, 8);
	ck_assert(is_zero(block, bytes));
}
END_TEST

/* ---- Growing and shrinking ---- */

/* With nothing behind it, a block stays where it is. */
START_TEST(test_grow_in_place)
{
	size_t bytes = 1 * MIB;
	char *block = heaps_alloc(bytes), *grown;

	heaps_mark(block, bytes, 1);
	for (int i = 0; i < 30; i++) {
		bytes += 1 * MIB + (size_t)i * SMAL_CHUNK;
		grown = smal_heap_realloc(heap, block, bytes);
		ck_assert_ptr_eq(grown, block);
		heaps_check_mark(block, 1 * MIB, 1);
		memset(block + bytes - 5000, 1, 5000);
		heaps_audit(1, bytes);
	}
	/* And shrinks there; what it leaves serves others. */
	grown = smal_heap_realloc(heap, block, 1 * MIB);
	ck_assert_ptr_eq(grown, block);
	heaps_check_mark(block, 1 * MIB, 1);
	heaps_audit(1, 1 * MIB);
	grown = heaps_alloc(2 * MIB);
	ck_assert(grown > block && grown < block + bytes);
	heaps_audit(2, 3 * MIB);
	/* Now there is something: the block moves, and takes its contents along. */
	grown = smal_heap_realloc(heap, block, 40 * MIB);
	ck_assert_ptr_nonnull(grown);
	heaps_check_mark(grown, 1 * MIB, 1);
	heaps_audit(2, 42 * MIB);
}
END_TEST

/* Between slots and pages, in small steps and in large ones. */
START_TEST(test_borders)
{
	static const size_t sizes[] = { 32768,  32769,  36864, 36865, 40960, 65536,   65537, 61440,
		                        131072, 200000, 32769, 32768, 100,   1 << 20, 1 };
	size_t had = 100;
	char *block = heaps_alloc(had);

	for (int i = 0; i < 15; i++) {
		size_t bytes = sizes[i];

		heaps_mark(block, smal_min(bytes, had), (uint64_t)i);
		block = smal_heap_realloc(heap, block, bytes);
		ck_assert_ptr_nonnull(block);
		heaps_check_mark(block, smal_min(bytes, had), (uint64_t)i);
		heaps_mark(block, bytes, 1);
		heaps_audit(1, smal_heap_usable(heap, block));
		had = bytes;
	}
}
END_TEST

/* Vectors that grow in turns: none is copied for each of its steps. */
START_TEST(test_vectors)
{
	enum { VECTORS = 16 };
	char *vectors[VECTORS];
	size_t bytes = 64 * KIB, most = test_is_slow() ? 2 * MIB : 8 * MIB;

	for (int i = 0; i < VECTORS; i++) {
		vectors[i] = heaps_alloc(bytes);
		heaps_mark(vectors[i], bytes, (uint64_t)i);
	}
	for (; bytes < most; bytes += 64 * KIB) {
		for (int i = 0; i < VECTORS; i++) {
			vectors[i] = smal_heap_realloc(heap, vectors[i], bytes + 64 * KIB);
			EXPECT(vectors[i] != NULL);
			heaps_mark(vectors[i] + bytes, 64 * KIB, (uint64_t)i + bytes);
		}
	}
	heaps_audit(VECTORS, VECTORS * bytes);
	for (int i = 0; i < VECTORS; i++) {
		heaps_check_mark(vectors[i], 64 * KIB, (uint64_t)i);
		for (size_t at = 64 * KIB; at < bytes; at += 64 * KIB)
			heaps_check_mark(vectors[i] + at, 64 * KIB, (uint64_t)i + at);
		heaps_free(vectors[i]);
	}
	heaps_audit(0, 0);
}
END_TEST

START_TEST(test_limit)
{
	struct smal_heap_options options = { .limit_bytes = 8 * MIB };
	char *block, *same;

	heaps_end();
	heaps_begin(&options);
	ck_assert_ptr_null(smal_heap_alloc(heap, 8 * MIB + 1));
	block = heaps_alloc(6 * MIB);
	heaps_mark(block, 6 * MIB, 1);
	errno = 0;
	ck_assert_ptr_null(smal_heap_realloc(heap, block, 9 * MIB));
	ck_assert_int_eq(errno, ENOMEM);
	heaps_check_mark(block, 6 * MIB, 1);
	heaps_audit(1, 6 * MIB);
	same = smal_heap_realloc(heap, block, 8 * MIB);
	ck_assert_ptr_eq(same, block);
	heaps_check_mark(block, 6 * MIB, 1);
	ck_assert_ptr_null(smal_heap_alloc(heap, 1));
	heaps_free(block);
	heaps_free(heaps_alloc(8 * MIB));
}
END_TEST

/* ---- Alignment ---- */

/* Up to 64 MiB, with as little memory as without. */
START_TEST(test_aligned)
{
	size_t align_bytes = (size_t)4096 << _i;
	size_t resident = test_resident_bytes();
	char *blocks[4];

	for (size_t i = 0; i < 4; i++) {
		blocks[i] = smal_heap_alloc_aligned(heap, align_bytes, 40000 + i * 100000);
		ck_assert_ptr_nonnull(blocks[i]);
		ck_assert_uint_eq((uintptr_t)blocks[i] % align_bytes, 0);
		ck_assert_uint_ge(smal_heap_usable(heap, blocks[i]), 40000 + i * 100000);
		heaps_mark(blocks[i], 40000 + i * 100000, i);
	}
	heaps_check();
	if (resident != TEST_UNKNOWN && !test_is_slow())
		ck_assert_uint_le(test_resident_bytes() - resident, 2 * MIB);
	for (size_t i = 0; i < 4; i++) {
		heaps_check_mark(blocks[i], 40000 + i * 100000, i);
		ck_assert_int_eq(smal_heap_free(heap, blocks[i] + SMAL_CHUNK), SMAL_ERROR_INVALID);
		heaps_told(SMAL_ERROR_INVALID, "interior pointer");
	}
	for (size_t i = 0; i < 4; i++)
		heaps_free(blocks[i]);
	heaps_audit(0, 0);
}
END_TEST

/* ---- 5 GiB, and what a machine may refuse ---- */

/* A few pages at both ends and in between are touched. */
START_TEST(test_huge)
{
#if SIZE_MAX > 0xffffffffu
	size_t bytes = (size_t)5 << 30;
	char *block = smal_heap_alloc(heap, bytes), *grown;

	if (block == NULL) {
		printf("5 GiB: skipped: the system does not give them\n");
		return;
	}
	for (size_t at = 0; at < bytes; at += bytes / 16)
		block[at] = (char)(at >> 28);
	block[bytes - 1] = 99;
	ck_assert_uint_eq(smal_heap_usable(heap, block), bytes);
	heaps_audit(1, bytes);
	grown = smal_heap_realloc(heap, block, bytes + MIB);
	if (grown != NULL) {
		block = grown;
		ck_assert_int_eq(block[bytes - 1], 99);
		bytes += MIB;
	}
	ck_assert_int_eq(smal_heap_free(heap, block + bytes / 2), SMAL_ERROR_INVALID);
	heaps_told(SMAL_ERROR_INVALID, "interior pointer");
	heaps_audit(1, bytes);
	heaps_free(block);
	heaps_audit(0, 0);
#else
	printf("5 GiB: skipped: addresses have 32 bits\n");
#endif
}
END_TEST

/* 256 MiB and more are reservations of their own; they come and go. */
START_TEST(test_direct)
{
	static const size_t sizes[] = { (256 << 20) - 4096, 256 << 20, (256 << 20) + 4096,
		                        300 << 20 };

	for (int turn = 0; turn < 3; turn++) {
		for (int i = 0; i < 4; i++) {
			char *block = smal_heap_alloc(heap, sizes[i]);

			if (block == NULL)
				continue;
			block[0] = 1;
			block[sizes[i] - 1] = 2;
			heaps_audit(1, sizes[i]);
			block = smal_heap_realloc(heap, block, sizes[i] / 1024);
			ck_assert_int_eq(block[0], 1);
			heaps_free(block);
		}
		heaps_audit(0, 0);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("large");
	TCase *t = tcase_create("large");

	tcase_add_checked_fixture(t, heaps_begin_plain, heaps_end);
	tcase_add_test(t, test_sizes);
	tcase_add_test(t, test_again);
	tcase_add_test(t, test_double);
	tcase_add_loop_test(t, test_neighbours, 0, 5);
	tcase_add_loop_test(t, test_zeroed, 0, 4);
	tcase_add_test(t, test_grow_in_place);
	tcase_add_test(t, test_borders);
	tcase_add_test(t, test_vectors);
	tcase_add_test(t, test_limit);
	tcase_add_loop_test(t, test_aligned, 0, 15);
	tcase_add_test(t, test_huge);
	tcase_add_test(t, test_direct);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
