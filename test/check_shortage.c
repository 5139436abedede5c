/* SPDX-License-Identifier: MIT */
/*
 * check_shortage.c: with few addresses (ulimit -v) a space works with smaller
 * segments, uses most of what there is, says no at its end, and takes what it
 * needs when the limit is lifted; and however much comes and goes, and in
 * whatever sizes, mappings stay few.
 */
#include "test/ground.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

static struct smal_space *space;

static char *take(size_t bytes)
{
	bool zeroed;

	return smal_space_take(space, bytes, SMAL_CHUNK, &zeroed);
}

/* ---- Few addresses ---- */

/* Sets the soft limit, returns the one before. */
static rlim_t limit_addresses(rlim_t bytes)
{
	struct rlimit limit;
	rlim_t before;

	ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = bytes;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	return before;
}

START_TEST(test_limit)
{
	static const size_t mebibytes[] = { 64, 100, 256, 1000 };
	enum { MOST = 20000, BYTES = 100000 };
	static char *runs[MOST];
	size_t limit = mebibytes[_i] * MIB, count = 0;
	rlim_t before;
	char *large;

	if (test_is_slow() || (UINTPTR_MAX <= 0xffffffffu && _i == 3))
		return; /* what watches needs addresses of its own */
	before = limit_addresses(limit);
	space = ground_space(NULL);
	while (count < MOST && (runs[count] = take(BYTES)) != NULL) {
		ground_mark(runs[count], BYTES, count);
		count++;
	}
	ground_check(space);
	printf("%zu MiB of addresses: %zu MiB in runs\n", mebibytes[_i], count * BYTES >> 20);
	ck_assert_uint_ge(count * BYTES, limit / 3);
	ck_assert_ptr_null(take(30 * MIB));
	/* What was refused is had as soon as there is room. */
	for (size_t i = 0; i < count; i++) {
		ck_assert_ptr_nonnull(smal_space_segment(space, runs[i]));
		if (i % 2 != 0)
			continue;
		ground_check_mark(runs[i], BYTES, i);
		ck_assert(smal_space_give(space, runs[i], BYTES));
	}
	for (size_t i = 0; i < count; i += 2) {
		runs[i] = take(BYTES);
		ck_assert_ptr_nonnull(runs[i]);
		ground_mark(runs[i], BYTES, i);
	}
	ground_check(space);
	/* Without the limit, segments and runs of any size. */
	limit_addresses(before);
	large = take(300 * MIB);
	ck_assert_ptr_nonnull(large);
	ground_mark(large, MIB, 7);
	ck_assert_ptr_nonnull(take(30 * MIB));
	for (size_t i = 0; i < count; i++)
		ground_check_mark(runs[i], BYTES, i);
	ground_check(space);
	smal_space_destroy(space);
}
END_TEST

/* As many small segments as a machine may have to make do with, in one table. */
START_TEST(test_many_segments)
{
	enum { SEGMENTS = 300 };
	struct smal_space_options options = { .segment_bytes = MIB, .decay_ms = 100000 };
	static char *runs[SEGMENTS];
	size_t segments = 0, most = test_is_slow() ? 50 : SEGMENTS;

	space = ground_space(&options);
	for (size_t i = 0; i < most; i++) {
		runs[i] = take(MIB);
		ck_assert_ptr_nonnull(runs[i]);
		ground_mark(runs[i], MIB, i);
	}
	SMAL_LIST_EACH(link, &space->segments)
		segments++;
	ck_assert_uint_eq(segments, most);
	ground_check(space);
	for (size_t i = 0; i < most; i++) {
		struct smal_segment *segment = smal_table_find((uintptr_t)runs[i]);

		ck_assert_ptr_eq(segment->space, space);
		ck_assert_uint_eq(segment->base, (uintptr_t)runs[i]);
		ground_check_mark(runs[i], MIB, i);
	}
	smal_space_destroy(space);
	for (size_t i = 0; i < most; i++)
		ck_assert_ptr_null(smal_table_find((uintptr_t)runs[i]));
}
END_TEST

/* ---- Few mappings ---- */

enum { LIVE = 48 };

/* 64 GiB come and go, most of them never touched. */
static void churn(const struct smal_space_options *options, uint64_t total_bytes, size_t large)
{
	struct test_random random;
	struct {
		char *base;
		size_t bytes;
	} live[LIVE] = { { NULL, 0 } };
	size_t before = test_mappings(), most = 0, rounds = 0;
	uint64_t sum = 0;

	test_random_init(&random, large);
	space = ground_space(options);
	while (sum < total_bytes) {
		size_t at = test_random_below(&random, LIVE);
		size_t bytes = 1 + test_random_below(&random, (size_t)1 << (12 + test_random_below(&random, 15)));

		if (live[at].base != NULL) {
			ground_check_mark(live[at].base, smal_min(live[at].bytes, 4096), at);
			EXPECT(smal_space_give(space, live[at].base, live[at].bytes));
		}
		if (test_random_below(&random, 50) == 0)
			bytes = large / 2 + test_random_below(&random, large);
		live[at].base = take(bytes);
		live[at].bytes = bytes;
		EXPECT(live[at].base != NULL);
		ground_mark(live[at].base, smal_min(bytes, 4096), at);
		sum += bytes;
		if (test_random_below(&random, 500) == 0)
			smal_space_purge(space, 0);
		if (++rounds % 16 == 0 && before != TEST_UNKNOWN) {
			size_t mappings = test_mappings();

			most = smal_max(most, mappings);
			EXPECT(mappings < before + 1000);
		}
	}
	ground_check(space);
	printf("%zu operations, %" PRIu64 " MiB: at most %zu mappings more than before\n", rounds,
	       sum >> 20, most > before ? most - before : 0);
	smal_space_destroy(space);
}

START_TEST(test_mappings_one_segment)
{
	struct smal_space_options options = { .decay_ms = 1000 };

	churn(&options, UINTPTR_MAX > 0xffffffffu ? 64 * GIB : 8 * GIB,
	      UINTPTR_MAX > 0xffffffffu ? 600 * MIB : 100 * MIB);
}
END_TEST

START_TEST(test_mappings_small_segments)
{
	struct smal_space_options options = { .decay_ms = 1000, .segment_bytes = 16 * MIB };

	churn(&options, 16 * GIB, 100 * MIB);
}
END_TEST

static Suite *shortage_suite(void)
{
	Suite *suite = suite_create("shortage");
	TCase *addresses = tcase_create("addresses");
	TCase *mappings = tcase_create("mappings");

	tcase_add_loop_test(addresses, test_limit, 0, 4);
	tcase_add_test(addresses, test_many_segments);
	suite_add_tcase(suite, addresses);

	tcase_add_test(mappings, test_mappings_one_segment);
	tcase_add_test(mappings, test_mappings_small_segments);
	suite_add_tcase(suite, mappings);
	return suite;
}

int main(void)
{
	return test_main(shortage_suite);
}
