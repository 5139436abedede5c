/* SPDX-License-Identifier: MIT */
/*
 * check_compact_steps.c: compaction a step at a time, with all kinds of calls between
 * the steps; programs that run for long in little memory; and the memory that is not
 * the blocks'. The clock is the test's, so that every call is one step.
 */
#include "test/handles.h"

#include <stdlib.h>

/* ---- The clock ---- */

uint64_t __wrap_smal_os_clock_ns(void);

static uint64_t now_ns;

uint64_t __wrap_smal_os_clock_ns(void)
{
	return now_ns += 100;
}

/* One step; true at the end. */
static bool compact_a_step(void)
{
	return smal_compact(handles, 1);
}

/* ---- Steps ---- */

enum { COUNT = 20000 };

static smal_handle all[COUNT];
static struct test_random randoms;

static uint64_t below(uint64_t limit)
{
	return test_random_below(&randoms, limit);
}

static void fill(size_t count, size_t limit)
{
	for (size_t i = 0; i < count; i++)
		all[i] = handles_alloc_marked(below(limit));
}

static void drop_each(size_t count, size_t each)
{
	for (size_t i = 0; i < count; i += each) {
		handles_free(all[i]);
		all[i] = 0;
	}
}

static void check_all(size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (all[i] != 0)
			handles_check_mark(all[i]);
}

static size_t rounded(size_t bytes)
{
	return bytes == 0 ? 16 : (bytes + 15) / 16 * 16;
}

static uint64_t rounded_bytes(size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		if (all[i] != 0)
			sum += rounded(smal_handle_size(handles, all[i]));
	return sum;
}

static unsigned compact_in_steps(void)
{
	unsigned steps = 1;

	for (; !compact_a_step(); steps++)
		handles_check();
	return steps;
}

/* The whole heap after every step. */
START_TEST(test_steps)
{
	size_t count = handles_scale(COUNT) / 2;
	unsigned steps;

	test_random_init(&randoms, 1);
	fill(count, _i == 0 ? 200 : 3000);
	drop_each(count, 3);
	steps = compact_in_steps();
	EXPECT(steps > 5);
	EXPECT_EQ(handles_stats().compactions, 1);
	EXPECT_EQ(handles_stats().span_bytes, rounded_bytes(count));
	EXPECT_EQ(handles_stats().free_bytes, 0);
	EXPECT(handles_stats().moved_blocks < count);
	check_all(count);
	EXPECT_EQ(compact_in_steps(), 1);
}
END_TEST

/* Which blocks are locked, once. */
static bool locked[COUNT];

static void disturb(size_t which)
{
	smal_handle *slot = &all[which];
	uint64_t what = below(locked[which] ? 3 : 6);

	if (*slot == 0) {
		*slot = handles_alloc_marked(below(2) ? below(200) : below(3000));
	} else if (locked[which]) {
		handles_check_mark(*slot);
		if (what != 0)
			return;
		handles_unlock(*slot);
		locked[which] = false;
	} else if (what < 2) {
		handles_free(*slot);
		*slot = 0;
	} else if (what == 2) {
		EXPECT_EQ(smal_handle_resize(handles, *slot, below(2000)), SMAL_OK);
		handles_mark(*slot);
	} else if (what == 3 && below(20) == 0) {
		locked[which] = true;
		handles_lock(*slot);
	}
}

/* Allocations, frees, resizes and locks between the steps; and in the end the full
 * result. */
START_TEST(test_disturbed)
{
	size_t count = handles_scale(COUNT) / 4;

	test_random_init(&randoms, 2 + (unsigned)_i);
	fill(count, 500);
	for (unsigned round = 0; round < 30; round++) {
		for (unsigned steps = 0; steps < 100; steps++) {
			for (unsigned i = 0; i < 40; i++)
				disturb(below(count));
			compact_a_step();
			if (steps % 10 == 0)
				handles_check();
		}
	}
	for (size_t i = 0; i < count; i++)
		if (locked[i])
			handles_unlock(all[i]);
	check_all(count);
	/* What is under way leaves behind what was freed. */
	compact_in_steps();
	compact_in_steps();
	EXPECT_EQ(handles_stats().free_bytes, 0);
	EXPECT_EQ(handles_stats().span_bytes, rounded_bytes(count));
	check_all(count);
}
END_TEST

/* A whole compaction while one is under way, and an allocation that needs it. */
START_TEST(test_whole_between)
{
	size_t count = handles_scale(COUNT) / 2;

	test_random_init(&randoms, 9);
	fill(count, 300);
	drop_each(count, 2);
	for (unsigned i = 0; i < 3; i++)
		EXPECT(!compact_a_step());
	for (size_t i = 1; i < 100; i += 2) {
		handles_free(all[i]);
		all[i] = 0;
	}
	handles_compact();
	EXPECT_EQ(handles_stats().span_bytes, rounded_bytes(count));
	EXPECT_EQ(handles_stats().free_bytes, 0);
	check_all(count);
}
END_TEST

/* A walk that has ended, with memory that is to go back, is no obstacle to the next one:
 * what was unlocked since can be moved. */
START_TEST(test_unlocked_since)
{
	struct smal_handle_options options = { .limit_bytes = 8 * MIB };
	smal_handle big[100], pins[100];
	unsigned count = 0;

	handles_end();
	if (_i == 1)
		handles_meet_thread();
	handles_begin(&options);
	while ((big[count] = smal_handle_alloc(handles, 100000, 0)) != 0) {
		pins[count] = handles_alloc_marked(16);
		handles_lock(pins[count++]);
	}
	for (unsigned i = 0; i < count; i++)
		handles_free(big[i]);
	while (handles_stats().compactions == 0)
		compact_a_step();
	for (unsigned i = 0; i < count; i++)
		handles_unlock(pins[i]);
	if (_i < 2) {
		handles_alloc_marked(200000);
	} else {
		handles_compact();
		EXPECT_EQ(handles_stats().free_bytes, 0);
	}
	for (unsigned i = 0; i < count; i++)
		handles_check_mark(pins[i]);
}
END_TEST

/* ---- For long ---- */

START_TEST(test_table_is_flat)
{
	size_t cycles = handles_scale(1000000);
	smal_handle some[100] = { 0 }, stale = 0;
	uint64_t metadata = 0;

	test_random_init(&randoms, 3);
	for (size_t i = 0; i < cycles; i++) {
		smal_handle *slot = &some[below(100)];

		if (*slot != 0) {
			handles_free(*slot);
			stale = *slot;
		}
		*slot = handles_alloc(below(100));
		if (i == cycles / 100)
			metadata = handles_stats().metadata_bytes;
		if (i % 100 == 99 && stale != 0) {
			EXPECT_EQ(smal_handle_free(handles, stale), SMAL_ERROR_INVALID);
			handles_told(SMAL_ERROR_INVALID, "smal_handle_free", "stale handle", NULL);
		}
	}
	/* Its holes fold: a few granules of blocks, a few entries each. */
	EXPECT(handles_stats().metadata_bytes <= metadata + metadata / 4 + 12 * 2 * 4096);
	handles_compact();
	EXPECT(handles_stats().metadata_bytes <= metadata + 12 * 200);
}
END_TEST

/* 12 bytes a handle, and 4 for each 4 KiB: exactly, when the heap is dense. */
START_TEST(test_metadata)
{
	uint64_t none = handles_stats().metadata_bytes, bytes;
	size_t count = COUNT / 2;

	test_random_init(&randoms, 4);
	fill(count, 100);
	bytes = handles_stats().metadata_bytes - none;
	EXPECT(bytes <= 12 * (count + 1) + handles_stats().span_bytes / 4096 * 4 + 4);
	EXPECT(none <= 1024 + 12 + 4);
	drop_each(count, 1);
	handles_compact();
	/* The table stays, for the next ones. */
	EXPECT(handles_stats().metadata_bytes <= none + bytes);
	EXPECT_EQ(handles_stats().blocks, 0);
	fill(count, 100);
	EXPECT(handles_stats().metadata_bytes <=
	       none + 12 * (count + 2) + handles_stats().span_bytes / 4096 * 4 + 4);
}
END_TEST

/* ---- The paper's traps ---- */

/* A hole of exactly the size is used. */
START_TEST(test_exact_fit)
{
	for (size_t bytes = 1; bytes < 3000; bytes += 37) {
		smal_handle before = handles_alloc_marked(100), fits = handles_alloc(bytes), again;
		smal_handle behind = handles_alloc_marked(100);
		const char *at = handles_where(fits);

		handles_free(fits);
		again = handles_alloc_marked(bytes);
		ck_assert_ptr_eq(handles_where(again), at);
		EXPECT_EQ(handles_stats().free_bytes, 0);
		handles_compact();
		handles_check_mark(before);
		handles_check_mark(again);
		handles_check_mark(behind);
	}
}
END_TEST

/* Occupied by so many percent, all of it; what fits in what is free succeeds. */
START_TEST(test_churn)
{
	static const unsigned percents[] = { 50, 80, 90, 95 };
	enum { LIVE = 2000, BYTES = 256 << 10 };
	static size_t sizes[LIVE];
	size_t most = BYTES / 100 * percents[_i], live = 0, at;

	handles_end();
	handles_begin_buffer(BYTES + 16 * LIVE + 2048);
	test_random_init(&randoms, 5);
	for (size_t i = 0; i < LIVE; i++)
		all[i] = 0;
	for (size_t step = 0; step < handles_scale(200000); step++) {
		size_t bytes = 1 + below(below(10) == 0 ? 2000 : 300);
		size_t rounded = (bytes + 15) / 16 * 16;

		at = below(LIVE);
		while (live + rounded > most || all[at] != 0) {
			at = below(LIVE);
			if (all[at] == 0)
				continue;
			handles_check_mark(all[at]);
			handles_free(all[at]);
			live -= sizes[at];
			all[at] = 0;
		}
		all[at] = handles_alloc_marked(bytes);
		sizes[at] = rounded;
		live += rounded;
		if (step % 5000 == 0)
			handles_check();
	}
	check_all(LIVE);
}
END_TEST

/* A locked block at the very end, of a heap that is full. */
START_TEST(test_locked_last)
{
	smal_handle pin, some[64];
	unsigned count = 0;

	handles_end();
	handles_begin_buffer(32 * KIB);
	while (count < 64 && (some[count] = smal_handle_alloc(handles, 1000, 0)) != 0)
		handles_mark(some[count++]);
	pin = some[--count];
	handles_lock(pin);
	for (unsigned i = 0; i < count; i += 2)
		handles_free(some[i]);
	handles_compact();
	handles_check();
	for (unsigned i = 1; i < count; i += 2)
		handles_check_mark(some[i]);
	EXPECT_EQ(handles_stats().holes, 1);
	some[0] = handles_alloc_marked(handles_stats().largest_hole_bytes);
	handles_unlock(pin);
	handles_check_mark(pin);
}
END_TEST

/* Holes between locked blocks are given back after the walk, one a step: not those that
 * are blocks again by then. */
START_TEST(test_filled_since)
{
	enum { HOLES = 4, BYTES = 60000 };
	smal_handle pins[HOLES + 1];

	for (unsigned i = 0; i <= HOLES; i++) {
		pins[i] = handles_alloc_marked(16);
		handles_lock(pins[i]);
		all[i] = i < HOLES ? handles_alloc_marked(BYTES) : 0;
	}
	drop_each(HOLES, 1);
	while (handles_stats().compactions == 0)
		EXPECT(!compact_a_step());
	EXPECT_EQ(handles_stats().holes, HOLES);
	for (unsigned i = 0; i < HOLES; i++)
		all[i] = handles_alloc_marked(BYTES);
	EXPECT_EQ(handles_stats().free_bytes, 0);
	compact_in_steps();
	check_all(HOLES);
	for (unsigned i = 0; i <= HOLES; i++) {
		handles_unlock(pins[i]);
		handles_check_mark(pins[i]);
	}
}
END_TEST

static void add(Suite *s, const char *name, void (*begin)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, begin, handles_end);
	tcase_add_loop_test(t, test_steps, 0, 2);
	tcase_add_loop_test(t, test_disturbed, 0, 3);
	tcase_add_test(t, test_whole_between);
	tcase_add_loop_test(t, test_unlocked_since, 0, 3);
	tcase_add_test(t, test_table_is_flat);
	tcase_add_test(t, test_metadata);
	tcase_add_test(t, test_exact_fit);
	tcase_add_loop_test(t, test_churn, 0, 4);
	tcase_add_test(t, test_locked_last);
	tcase_add_test(t, test_filled_since);
	suite_add_tcase(s, t);
}

static Suite *suite(void)
{
	Suite *s = suite_create("compaction in steps");

	add(s, "one thread", handles_begin_plain);
	add(s, "threads", handles_begin_threaded);
	return s;
}

int main(void)
{
	return test_main(suite);
}
