/* SPDX-License-Identifier: MIT */
/*
 * check_heap_purge.c: free pages inside of buffers that are in use go back to the
 * system: at a trim at once, otherwise when they were free at two looks; what is in
 * use is not touched, and pages that are gone can be had again.
 */
#include "test/heaps.h"

#include <stdlib.h>
#include <string.h>

/* ---- In front of the clock ---- */

uint64_t __wrap_smal_os_clock_ns(void);

static uint64_t now_ms = 1000;

uint64_t __wrap_smal_os_clock_ns(void)
{
	return now_ms * 1000000;
}

/* ---- Holes ---- */

static const size_t sizes[] = { 16, 48, 112, 208, 1024, 3584, 4096, 5120, 14336, 32768 };
enum { SIZES = sizeof sizes / sizeof *sizes };

static size_t count, each_bytes;
static void **blocks;

/* 32 MiB of blocks; all but those of one address in so many are freed. */
static void make_holes(size_t bytes, size_t keep_every_bytes)
{
	each_bytes = bytes;
	count = (test_is_slow() ? 2 : 32) * MIB / bytes;
	blocks = malloc(count * sizeof *blocks);
	for (size_t i = 0; i < count; i++) {
		blocks[i] = heaps_alloc(bytes);
		heaps_mark(blocks[i], bytes, i);
	}
	for (size_t i = 0; i < count; i++) {
		if ((uintptr_t)blocks[i] % keep_every_bytes < bytes)
			continue;
		heaps_free(blocks[i]);
		blocks[i] = NULL;
	}
}

static size_t check_kept(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (blocks[i] == NULL)
			continue;
		heaps_check_mark(blocks[i], each_bytes, i);
		kept++;
	}
	return kept;
}

/* The bytes of pages that no block in use reaches into, at most one in each buffer
 * being there: as large as the holes are, less a page at either end of each block. */
static uint64_t least_purged(size_t kept)
{
	struct smal_heap_stats stats = heaps_stats();
	uint64_t in_the_way = kept * (2 * SMAL_CHUNK + each_bytes);

	return stats.buffer_bytes > in_the_way ? stats.buffer_bytes - in_the_way : 0;
}

static void end_holes(void)
{
	for (size_t i = 0; i < count; i++)
		if (blocks[i] != NULL)
			heaps_free(blocks[i]);
	free(blocks);
	heaps_audit(0, 0);
}

/* ---- A trim ---- */

START_TEST(test_trim)
{
	size_t resident, after, returned, kept;

	make_holes(sizes[_i], 8 * SMAL_ID_BYTES);
	kept = check_kept();
	heaps_audit(kept, kept * sizes[_i]);
	resident = test_resident_bytes();
	returned = smal_heap_trim(heap);
	after = test_resident_bytes();
	heaps_audit(kept, kept * sizes[_i]);
	ck_assert_uint_eq(check_kept(), kept);
	if (heaps_has_caches()) {
		ck_assert_uint_ge(heaps_stats().purged_bytes, least_purged(kept));
		ck_assert_uint_ge(returned, heaps_stats().purged_bytes);
	}
	if (resident != TEST_UNKNOWN && !test_is_slow())
		ck_assert_uint_ge(resident - after, returned / 10 * 9);
	/* A second one finds nothing. */
	ck_assert_uint_eq(smal_heap_trim(heap), 0);
	end_holes();
}
END_TEST

/* What is gone is had again, whole, and the count goes down. */
START_TEST(test_again)
{
	size_t kept;

	make_holes(sizes[_i], 8 * SMAL_ID_BYTES);
	kept = check_kept();
	smal_heap_trim(heap);
	for (size_t i = 0; i < count; i++) {
		if (blocks[i] != NULL)
			continue;
		blocks[i] = heaps_alloc(each_bytes);
		heaps_mark(blocks[i], each_bytes, i);
		if (i % (count / 20) == 0)
			heaps_check();
	}
	heaps_audit(count, count * each_bytes);
	ck_assert_uint_ge(check_kept(), kept);
	ck_assert_uint_le(heaps_stats().purged_bytes, heaps_stats().free_bytes);
	end_holes();
}
END_TEST

/* Slots that are zeroed are so, also on pages that were gone and come back. */
START_TEST(test_zeroed)
{
	make_holes(sizes[_i], 4 * SMAL_ID_BYTES);
	smal_heap_trim(heap);
	for (size_t i = 0; i < count; i++) {
		unsigned char *block;

		if (blocks[i] != NULL)
			continue;
		blocks[i] = block = smal_heap_alloc_zeroed(heap, 1, each_bytes);
		EXPECT(block[0] == 0 && block[each_bytes / 2] == 0 && block[each_bytes - 1] == 0);
		heaps_mark(block, each_bytes, i);
	}
	heaps_audit(count, count * each_bytes);
	check_kept();
	end_holes();
}
END_TEST

/* ---- Looks ---- */

/* Has the cache look: it frees and allocates as much as makes a look due. */
static void work(void)
{
	enum { SOME = 4000 };
	static void *some[SOME];

	for (int turn = 0; turn < 10; turn++) {
		for (int i = 0; i < SOME; i++)
			some[i] = heaps_alloc(6000);
		for (int i = 0; i < SOME; i++)
			heaps_free(some[i]);
	}
}

/* Pages that are gone from the buffers of blocks that were kept. */
static size_t gone_pages(void)
{
	size_t pages = 0;

	for (size_t i = 0; i < count; i++)
		if (blocks[i] != NULL)
			pages += (size_t)__builtin_popcountll(
				smal_buffer_lent(smal_buffer_find((uintptr_t)blocks[i]))->gone);
	return pages;
}

/* A page goes when it was free at two looks that are a while apart; no look is made
 * while the clock stands. Of the 16 pages of a buffer, its one block is in two at
 * most. */
START_TEST(test_looks)
{
	size_t kept;

	make_holes(112, 8 * SMAL_ID_BYTES);
	kept = check_kept();
	if (!heaps_has_caches())
		goto out;
	now_ms += 1000;
	work();
	heaps_check();
	ck_assert_uint_eq(gone_pages(), 0);
	work();
	ck_assert_uint_eq(gone_pages(), 0);
	now_ms += 1000;
	work();
	heaps_check();
	ck_assert_uint_ge(gone_pages(), 14 * kept);
	ck_assert_uint_eq(check_kept(), kept);
out:
	end_holes();
}
END_TEST

/* What is taken between two looks is not given back. */
START_TEST(test_looks_between)
{
	struct test_random random;

	test_random_init(&random, 1);
	make_holes(112, 8 * SMAL_ID_BYTES);
	for (int turn = 0; turn < 20; turn++) {
		for (size_t i = test_random_below(&random, 50); i < count;
		     i += 1 + test_random_below(&random, 200)) {
			if (blocks[i] != NULL) {
				heaps_check_mark(blocks[i], each_bytes, i);
				heaps_free(blocks[i]);
				blocks[i] = NULL;
			} else {
				blocks[i] = heaps_alloc(each_bytes);
				heaps_mark(blocks[i], each_bytes, i);
			}
		}
		now_ms += test_random_below(&random, 10);
		if (turn % 4 == 0)
			work();
		heaps_check();
		check_kept();
	}
	end_holes();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("heap purge");
	TCase *t = tcase_create("purge");

	tcase_add_checked_fixture(t, heaps_begin_plain, heaps_end);
	tcase_add_loop_test(t, test_trim, 0, SIZES);
	tcase_add_loop_test(t, test_again, 0, SIZES);
	tcase_add_loop_test(t, test_zeroed, 0, SIZES);
	tcase_add_test(t, test_looks);
	tcase_add_test(t, test_looks_between);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
