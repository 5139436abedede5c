/* SPDX-License-Identifier: MIT */
/*
 * check_compact.c: blocks moved together: what becomes of the holes, of locked blocks
 * and of contents, and what it costs beside a compactor that knows everything
 * beforehand (handles_oracle). Work is counted: bytes that were moved, and looks at the
 * clock, one a step. Compaction in steps is in check_compact_steps.c.
 */
#include "test/handles.h"

#include <stdlib.h>

/* ---- The clock ---- */

uint64_t __real_smal_os_clock_ns(void);
uint64_t __wrap_smal_os_clock_ns(void);

static uint64_t looks;

uint64_t __wrap_smal_os_clock_ns(void)
{
	looks++;
	return __real_smal_os_clock_ns();
}

/* ---- Blocks, as they stand ---- */

enum { MOST = 200000 };

static smal_handle all[MOST];
static struct standing standing[MOST];
static size_t sizes[MOST];

/* `count` marked blocks, one behind the other. */
static const char *fill(size_t count, size_t (*bytes_of)(size_t index))
{
	for (size_t i = 0; i < count; i++) {
		sizes[i] = bytes_of(i);
		all[i] = handles_alloc_marked(sizes[i]);
	}
	return handles_where(all[0]);
}

static void drop(size_t index)
{
	handles_free(all[index]);
	all[index] = 0;
}

/* What is left of the blocks from `base` on, for the oracle; locked ones are said. */
static size_t stand(size_t count, const char *base, bool (*is_locked)(size_t index))
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		if (all[i] == 0)
			continue;
		standing[left++] = (struct standing){ (size_t)(handles_where(all[i]) - base),
			                              sizes[i], is_locked(i) };
		if (is_locked(i))
			handles_lock(all[i]);
	}
	return left;
}

/* All have their contents, locked ones their places; they are unlocked. */
static void expect_all(size_t count, const char *base, bool (*is_locked)(size_t index))
{
	for (size_t i = 0, at = 0; i < count; i++) {
		if (all[i] == 0)
			continue;
		handles_check_mark(all[i]);
		EXPECT_EQ(smal_handle_size(handles, all[i]), sizes[i]);
		if (is_locked(i)) {
			EXPECT_EQ((size_t)(handles_where(all[i]) - base), standing[at].place);
			handles_unlock(all[i]);
		}
		at++;
	}
}

static bool never(size_t index)
{
	(void)index;
	return false;
}

static size_t one_kib(size_t index)
{
	(void)index;
	return KIB;
}

static size_t small_mixed(size_t index)
{
	return 1 + index * 2654435761u % 240;
}

static size_t mixed(size_t index)
{
	return index % 50 == 7 ? 3000 + index % 1000 : 16 + index * 2654435761u % 700;
}

/* ---- S3: of the talk ---- */

static enum smal_handle_answer not_yet(struct smal_handle_heap *heap, enum smal_handle_low how,
                                       size_t bytes, void *told)
{
	(void)heap;
	(void)how;
	(void)bytes;
	++*(unsigned *)told;
	return SMAL_HANDLE_NOT_YET;
}

START_TEST(test_demo)
{
	unsigned told = 0;
	struct smal_handle_options options = { .limit_bytes = 100 * KIB, .low = not_yet,
		                               .user = &told };
	smal_handle large;

	handles_begin(&options);
	fill(100, one_kib);
	for (size_t i = 0; i < 100; i += 3)
		drop(i);
	EXPECT_EQ(handles_stats().free_bytes, 34 * KIB);
	EXPECT_EQ(handles_stats().holes, 34);
	/* 20 KiB would not fit now, and no purpose is served by asking. */
	EXPECT(handles_stats().allocatable_bytes < 20 * KIB);
	EXPECT_EQ(handles_stats().compactions, 0);
	large = handles_alloc_marked(20 * KIB);
	EXPECT_EQ(handles_stats().compactions, 1);
	for (size_t i = 0; i < 100; i++)
		if (all[i] != 0)
			handles_check_mark(all[i]);
	handles_check_mark(large);
	EXPECT_EQ(handles_stats().allocatable_bytes, 14 * KIB);
	handles_end();
}
END_TEST

/* The same, with the program's compaction between. */
START_TEST(test_demo_by_hand)
{
	handles_begin_buffer(104 * KIB);
	fill(100, one_kib);
	for (size_t i = 0; i < 100; i += 3)
		drop(i);
	EXPECT(handles_stats().allocatable_bytes < 20 * KIB);
	handles_compact();
	EXPECT(handles_stats().allocatable_bytes >= 34 * KIB);
	handles_alloc_marked(34 * KIB);
	EXPECT_EQ(handles_stats().compactions, 1);
	handles_end();
}
END_TEST

/* ---- Beside the oracle ---- */

static bool each_833rd(size_t index)
{
	return index % 833 == 1;
}

static bool each_7th(size_t index)
{
	return index % 7 == 1;
}

static bool in_clusters(size_t index)
{
	return index % 1000 < 100;
}

static bool the_last(size_t index)
{
	return index % 10000 == 9999;
}

/* Compacts; the bytes that were moved, and the largest hole, are nearly the oracle's. */
static void expect_like_oracle(size_t count, const char *base, bool (*is_locked)(size_t index))
{
	struct smal_handle_stats before, after;
	size_t left, limit;
	struct oracle oracle;

	left = stand(count, base, is_locked);
	before = handles_stats();
	limit = before.span_bytes;
	oracle = handles_oracle(standing, left, limit);
	handles_compact();
	handles_check();
	after = handles_stats();
	EXPECT(after.moved_bytes - before.moved_bytes <= oracle.moved_bytes);
	EXPECT(after.moved_blocks - before.moved_blocks <= left);
	/* With long blocks between locks that are close, short ones that are moved with
	 * them may miss a gap. */
	oracle.largest_hole_bytes -= oracle.largest_hole_bytes / (is_locked == each_7th ? 10 : 20);
	EXPECT(after.largest_hole_bytes >= oracle.largest_hole_bytes ||
	       limit - after.span_bytes >= oracle.largest_hole_bytes);
	expect_all(count, base, is_locked);
}

START_TEST(test_oracle)
{
	static bool (*const locked[])(size_t) = { never, each_833rd, each_7th, in_clusters, the_last };
	static size_t (*const bytes[])(size_t) = { one_kib, small_mixed, mixed };
	size_t count = handles_scale(50000);
	const char *base;

	handles_begin_plain();
	base = fill(count, bytes[_i % 3]);
	for (size_t i = 0; i < count; i++)
		if (!locked[_i / 3](i) && (i * 40503 >> 4) % 2 == 0)
			drop(i);
	expect_like_oracle(count, base, locked[_i / 3]);
	/* Without locks nothing is left. */
	handles_compact();
	EXPECT_EQ(handles_stats().free_bytes, 0);
	handles_end();
}
END_TEST

/* 60 of 50,000. */
START_TEST(test_sixty)
{
	size_t count = handles_scale(50000);
	uint64_t moved[2], steps[2];

	for (unsigned locked = 0; locked < 2; locked++) {
		bool (*const is_locked)(size_t) = locked ? each_833rd : never;
		const char *base;

		handles_begin_plain();
		base = fill(count, small_mixed);
		for (size_t i = 0; i < count; i++)
			if (i % 2 == 0)
				drop(i);
		stand(count, base, is_locked);
		looks = 0;
		EXPECT(smal_compact(handles, UINT64_MAX / 4));
		moved[locked] = handles_stats().moved_blocks;
		steps[locked] = looks;
		expect_all(count, base, is_locked);
		handles_end();
	}
	EXPECT(moved[1] <= moved[0] && steps[1] <= 2 * steps[0]);
}
END_TEST

/* ---- Ten times the blocks, ten times the work ---- */

/* Looks at the clock for so many blocks. */
static uint64_t work_of(size_t count, bool (*is_locked)(size_t index))
{
	const char *base;

	handles_begin_plain();
	base = fill(count, small_mixed);
	for (size_t i = 0; i < count; i += 3)
		if (!is_locked(i))
			drop(i);
	stand(count, base, is_locked);
	looks = 0;
	EXPECT(smal_compact(handles, UINT64_MAX / 4));
	/* A node is met once, and counts twice at most. */
	EXPECT(looks <= 2 * count / 256 + handles_stats().moved_bytes / (64 * KIB) + 3);
	expect_all(count, base, is_locked);
	handles_end();
	return looks;
}

START_TEST(test_linear)
{
	static bool (*const locked[])(size_t) = { never, each_833rd, each_7th, in_clusters, the_last };
	size_t few = test_is_slow() ? 2000 : 10000;
	uint64_t small = work_of(few, locked[_i]), large = work_of(10 * few, locked[_i]);

	EXPECT(small > few / 512);
	/* One lock in ten thousand is none in a thousand. */
	EXPECT(large <= 11 * small + few / 1000 || locked[_i] == the_last);
}
END_TEST

/* ---- Locked blocks ---- */

/* All freed but the last one, which is locked: no compaction is needed. */
START_TEST(test_locked_at_end)
{
	size_t count = 1000;

	handles_begin_buffer(MIB);
	fill(count, one_kib);
	handles_lock(all[count - 1]);
	for (size_t i = 0; i < count - 1; i++)
		drop(i);
	handles_alloc_marked(900 * KIB);
	EXPECT_EQ(handles_stats().moved_bytes, 0);
	EXPECT_EQ(handles_stats().compactions, 0);
	handles_check_mark(all[count - 1]);
	handles_end();
}
END_TEST

/* The same in any order, and what is allocated is in the one hole. */
START_TEST(test_locked_at_end_shuffled)
{
	handles_begin_buffer(MIB);
	fill(1000, one_kib);
	handles_lock(all[999]);
	for (size_t i = 0; i < 999; i++)
		drop(i * 7 % 999);
	EXPECT_EQ(handles_stats().holes, 1);
	EXPECT_EQ(handles_stats().largest_hole_bytes, 999 * KIB);
	handles_alloc_marked(999 * KIB);
	EXPECT_EQ(handles_stats().free_bytes, 0);
	EXPECT_EQ(handles_stats().moved_bytes, 0);
	handles_end();
}
END_TEST

START_TEST(test_10000_compactions)
{
	smal_handle first = 0, pin, others[20];
	char *at;

	handles_begin_plain();
	for (unsigned i = 0; i < 20; i++)
		others[i] = handles_alloc_marked(100 + i);
	pin = handles_alloc_marked(333);
	at = handles_lock(pin);
	for (unsigned i = 0; i < 10000; i++) {
		handles_free(others[i % 20]);
		if (first != 0)
			handles_free(first);
		first = handles_alloc_marked(i % 700);
		handles_compact();
		others[i % 20] = handles_alloc_marked(100 + i % 50);
		ck_assert_ptr_eq(handles_where(pin), at);
		if (i % 100 == 0)
			handles_check();
	}
	handles_check_mark(pin);
	for (unsigned i = 0; i < 20; i++)
		handles_check_mark(others[i]);
	EXPECT_EQ(handles_stats().compactions, 10000);
	handles_end();
}
END_TEST

/* ---- Small cases, all of them ---- */

/* Six blocks, each of them there, locked or freed. */
START_TEST(test_every_pattern)
{
	enum { COUNT = 6, PATTERNS = 729 };
	static const size_t bytes[3][COUNT] = { { 16, 16, 16, 16, 16, 16 },
		                                { 16, 48, 32, 16, 64, 16 },
		                                { 5000, 100, 4096, 9000, 1, 4080 } };

	static const size_t slack[3] = { 0, 16, 4096 };

	for (unsigned pattern = 0; pattern < PATTERNS; pattern++) {
		smal_handle some[COUNT];
		size_t left = 0, limit = 0;
		struct oracle oracle;
		const char *base = NULL;

		handles_begin_plain();
		for (unsigned i = 0; i < COUNT; i++)
			some[i] = handles_alloc_marked(bytes[_i][i]);
		base = handles_where(some[0]);
		for (unsigned i = 0, rest = pattern; i < COUNT; i++, rest /= 3) {
			size_t place = (size_t)(handles_where(some[i]) - base);

			limit = place + (bytes[_i][i] + 15) / 16 * 16;
			if (rest % 3 == 0) {
				handles_free(some[i]);
				some[i] = 0;
				continue;
			}
			standing[left++] = (struct standing){ place, bytes[_i][i], rest % 3 == 1 };
			if (rest % 3 == 1)
				handles_lock(some[i]);
		}
		oracle = handles_oracle(standing, left, limit);
		handles_compact();
		handles_check();
		/* Short blocks that are moved together with long ones may miss a gap. */
		EXPECT(handles_stats().span_bytes >= oracle.span_bytes &&
		       handles_stats().span_bytes <= oracle.span_bytes + slack[_i]);
		EXPECT(handles_stats().moved_bytes <= oracle.moved_bytes);
		for (unsigned i = 0; i < COUNT; i++)
			if (some[i] != 0)
				handles_check_mark(some[i]);
		handles_end();
	}
}
END_TEST

START_TEST(test_empty)
{
	struct smal_handle_stats stats;

	handles_begin_plain();
	for (unsigned i = 0; i < 10; i++)
		handles_compact();
	stats = handles_stats();
	EXPECT(stats.span_bytes == 0 && stats.moved_blocks == 0 && stats.free_bytes == 0);
	drop((fill(1, one_kib), 0));
	handles_compact();
	EXPECT_EQ(handles_stats().span_bytes, 0);
	handles_end();
	handles_begin_buffer(2 * KIB);
	handles_compact();
	handles_end();
}
END_TEST

/* Blocks that are longer than what a step moves. */
START_TEST(test_long_blocks)
{
	static const size_t bytes[] = { 100, 65536, 65520, 65552, 200000, 16, 131072, 5, 250000, 65535 };
	enum { COUNT = sizeof bytes / sizeof *bytes };
	smal_handle some[COUNT], hole;

	handles_begin_plain();
	hole = handles_alloc(_i == 0 ? 16 : 70000);
	for (unsigned i = 0; i < COUNT; i++)
		some[i] = handles_alloc_marked(bytes[i]);
	handles_free(hole);
	if (_i == 2)
		handles_lock(some[4]);
	handles_compact();
	for (unsigned i = 0; i < COUNT; i++)
		handles_check_mark(some[i]);
	handles_end();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("compaction");
	TCase *t = tcase_create("compaction");

	tcase_add_test(t, test_demo);
	tcase_add_test(t, test_demo_by_hand);
	tcase_add_loop_test(t, test_oracle, 0, 15);
	tcase_add_test(t, test_sixty);
	tcase_add_loop_test(t, test_linear, 0, 5);
	tcase_add_test(t, test_locked_at_end);
	tcase_add_test(t, test_locked_at_end_shuffled);
	tcase_add_test(t, test_10000_compactions);
	tcase_add_loop_test(t, test_every_pattern, 0, 3);
	tcase_add_test(t, test_empty);
	tcase_add_loop_test(t, test_long_blocks, 0, 3);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
