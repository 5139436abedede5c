/* SPDX-License-Identifier: MIT */
/*
 * check_policy.c: what else decides when allocation collects, besides the pace: bytes
 * held outside, a policy of the program's, the soft limit, MemBalancer's rule; and
 * what a collection leaves alone: immortal types, and those that are swept seldom.
 *
 * What was allocated is counted; no clock decides: the rates that the clock gives are
 * set by hand.
 */
#include <smal/gc/gc.h>

#include "test/collector.h"

#include <errno.h>
#include <string.h>


static struct smal_collection seen[20000];
static size_t seen_count;
static struct smal_type *pair, *text;

static void observe(const struct smal_collection *collection, void *user)
{
	(void)user;
	EXPECT(seen_count < sizeof seen / sizeof *seen);
	seen[seen_count++] = *collection;
}

static void begin(enum smal_pace pace, size_t pace_bytes, unsigned pace_percent)
{
	struct smal_gc_options options = { .pace = pace,
		                           .pace_bytes = pace_bytes,
		                           .pace_percent = pace_percent,
		                           .exact_stacks = 1,
		                           .soft_limit_bytes = SIZE_MAX };

	heap_begin(&options);
	pair = heap_pair_type();
	text = heap_text_type();
	seen_count = 0;
	smal_gc_set_observer(gc, observe, NULL);
}

static void waste(size_t bytes, size_t each)
{
	for (size_t done = 0; done < bytes; done += each)
		heap_alloc_bytes(text, each);
}

/* ---- Bytes outside ---- */

enum { OUTSIDE = 4096 };

static size_t outside, outside_peak;

static void close_buffer(void *object, void *user)
{
	(void)object;
	(void)user;
	outside -= OUTSIDE;
	smal_external(gc, -OUTSIDE);
}

/* Small objects that hold much: what is held outside stays within the pace, a buffer
 * full of such objects more. */
START_TEST(test_external)
{
	struct smal_type_desc desc = { .name = "buffer", .bytes = 16, .free = close_buffer };
	size_t count = heap_scale(200000), buffer = 65536 / 16 * (size_t)OUTSIDE;
	struct smal_type *type;

	begin(SMAL_PACE_FIXED, 32 * MIB, 0);
	type = heap_type(&desc);
	outside = outside_peak = 0;
	for (size_t i = 0; i < count; i++) {
		roots[i % ROOTS] = heap_alloc(type);
		outside += OUTSIDE;
		smal_external(gc, OUTSIDE);
		outside_peak = outside > outside_peak ? outside : outside_peak;
		if (i % 100 == 0)
			smal_run_frees(thread);
	}
	ck_assert_uint_ge(seen_count, count * OUTSIDE / (32 * MIB + 2 * buffer));
	ck_assert_uint_le(outside_peak, 32 * MIB + 2 * buffer);
	memset(roots, 0, sizeof roots);
	heap_collect();
	ck_assert_uint_eq(outside, 0);
	heap_end();
}
END_TEST

/* Bytes outside are as bytes of heap: with more of them, collections come earlier. Less
 * than nothing is nothing; the hard limit is not concerned. */
START_TEST(test_external_counts)
{
	size_t early;

	begin(SMAL_PACE_FIXED, 8 * MIB, 0);
	heap_collect();
	seen_count = 0;
	waste(7 * MIB, 5000);
	early = seen_count;
	heap_collect();
	smal_external(gc, 6 * MIB);
	seen_count = 0;
	waste(7 * MIB, 5000);
	ck_assert_uint_ge(seen_count, 2);
	ck_assert_uint_le(seen[0].heap_bytes_before, 2 * MIB + MIB / 2);
	ck_assert_int_eq(smal_gc_set_limit(gc, 3 * MIB), SMAL_OK);
	smal_external(gc, -20 * MIB);
	heap_collect();
	ck_assert_int_eq(smal_gc_set_limit(gc, 0), SMAL_OK);
	seen_count = 0;
	waste(7 * MIB, 5000);
	/* Early ones come at any time, but not more of them. */
	ck_assert_uint_le(seen_count, early + 7);
	smal_external(NULL, 1);
	told_once(SMAL_ERROR_INVALID);
	heap_end();
}
END_TEST

/* ---- A policy ---- */

static struct smal_pace_input input;
static size_t answer_share, policy_calls;

/* Live bytes times a share. */
static size_t policy(const struct smal_pace_input *what, void *user)
{
	EXPECT(user == &input);
	input = *what;
	policy_calls++;
	return (size_t)(what->live_bytes + what->external_bytes) * answer_share;
}

START_TEST(test_policy)
{
	size_t live = heap_scale(4 * MIB);

	if (heap_must_be_small())
		return;
	begin(_i == 0 ? SMAL_PACE_OFF : SMAL_PACE_GROWTH, 0, 0);
	policy_calls = 0;
	answer_share = 3;
	heap_keep(pair, 0, live);
	ck_assert_int_eq(smal_gc_set_policy(gc, policy, &input), SMAL_OK);
	heap_collect();
	ck_assert_uint_eq(policy_calls, 1);
	for (int i = 0; i < 5; i++) {
		size_t before = seen_count;

		while (seen_count == before)
			heap_alloc_bytes(text, 1000);
		ck_assert_uint_eq(policy_calls, seen_count);
		ck_assert_uint_ge(seen[before].heap_bytes_before + 2 * 65536, 3 * live);
		ck_assert_uint_le(seen[before].heap_bytes_before, 3 * live + live / 2);
		ck_assert_uint_eq(input.live_bytes, seen[before].live_bytes);
		ck_assert_uint_ge(input.heap_bytes, input.live_bytes);
		ck_assert_uint_ge(input.allocated_bytes + 65536, 2 * live);
		ck_assert_uint_le(input.allocated_bytes, 2 * live + live);
		ck_assert_uint_eq(input.soft_limit_bytes, SIZE_MAX);
		ck_assert_uint_eq(input.limit_bytes, SIZE_MAX);
		ck_assert_uint_ge(input.target_bytes, 2 * live > 8 * MIB ? 2 * live : 8 * MIB);
		ck_assert_uint_le(input.pause_ns, seen[before].pause_ns);
	}
	ck_assert_int_eq(smal_gc_set_limit(gc, 64 * MIB), SMAL_OK);
	ck_assert_int_eq(smal_gc_set_soft_limit(gc, 32 * MIB), SMAL_OK);
	smal_external(gc, 1000);
	heap_collect();
	ck_assert_uint_eq(input.external_bytes, 1000);
	ck_assert_uint_eq(input.limit_bytes, 64 * MIB);
	ck_assert_uint_eq(input.soft_limit_bytes, 32 * MIB);
	heap_end();
}
END_TEST

/* An answer below what is live: every new buffer collects. Without a policy the pace
 * is back. */
START_TEST(test_policy_of_zero)
{
	size_t live = heap_scale(2 * MIB);

	if (heap_must_be_small())
		return;
	begin(SMAL_PACE_OFF, 0, 0);
	answer_share = 0;
	ck_assert_int_eq(smal_gc_set_policy(gc, policy, &input), SMAL_OK);
	heap_collect();
	seen_count = 0;
	heap_keep(pair, 0, live);
	ck_assert_uint_ge(seen_count, live / 65536 - 1);
	ck_assert_uint_le(seen_count, live / 65536 + 2);
	ck_assert_int_eq(smal_gc_set_policy(gc, NULL, NULL), SMAL_OK);
	seen_count = policy_calls = 0;
	heap_keep(pair, 0, live);
	ck_assert_uint_eq(seen_count + policy_calls, 0);
	heap_end();
}
END_TEST

static size_t one_mib_more(const struct smal_pace_input *what, void *user)
{
	(void)user;
	return (size_t)what->live_bytes + MIB;
}

/* The buffers of many sizes are more than the policy's target, which is less than the
 * pace's: what counts is what is allocated, and most of the difference has been. */
START_TEST(test_policy_of_many_sizes)
{
	enum { SIZES = 60 };
	struct smal_type *array;
	void **heads;

	if (heap_must_be_small() || test_is_slow())
		return;
	begin(SMAL_PACE_GROWTH, 0, 0);
	array = heap_array_type();
	heads = roots[0] = heap_alloc_bytes(array, SIZES * sizeof *heads);
	for (unsigned i = 0; i < SIZES; i++)
		heads[i] = heap_alloc_bytes(text, smal_class_bytes(i));
	ck_assert_int_eq(smal_gc_set_policy(gc, one_mib_more, NULL), SMAL_OK);
	heap_collect();
	seen_count = 0;
	waste(8 * MIB, 64);
	ck_assert_uint_ge(seen[0].heap_bytes, 3 * MIB);
	ck_assert_uint_ge(seen_count, 6);
	ck_assert_uint_le(seen_count, 12);
	heap_end();
}
END_TEST

/* ---- The soft limit ---- */

START_TEST(test_soft_limit)
{
	size_t live = 8 * MIB;

	if (heap_must_be_small() || test_is_slow())
		return;
	begin(SMAL_PACE_GROWTH, MIB, 100);
	heap_keep(pair, 0, live);
	for (int soft = 2; soft > 0; soft--) {
		size_t target = soft == 1 ? live + live / 8 : 11 * MIB;

		ck_assert_int_eq(smal_gc_set_soft_limit(gc, soft == 1 ? 4 * MIB : 11 * MIB),
		                 SMAL_OK);
		heap_collect();
		seen_count = 0;
		waste(40 * MIB, 1000);
		ck_assert_uint_ge(seen_count, 4);
		for (size_t i = 0; i < seen_count; i++) {
			ck_assert_uint_ge(seen[i].heap_bytes_before + 2 * 65536, target);
			ck_assert_uint_le(seen[i].heap_bytes_before,
			                  target + target / 16 + 2 * 65536);
		}
	}
	/* It refuses nothing. */
	heap_keep(pair, 1, live);
	ck_assert_int_eq(smal_gc_set_soft_limit(gc, SIZE_MAX), SMAL_OK);
	heap_collect();
	seen_count = 0;
	waste(15 * MIB, 1000);
	ck_assert_uint_eq(seen_count, 0);
	heap_end();
}
END_TEST

/* By default three quarters of what the process may use. */
START_TEST(test_memory_limit)
{
	size_t limit;

	errno = 77;
	limit = smal_os_memory_limit();
	ck_assert_int_eq(errno, 77);
	ck_assert_uint_eq(smal_os_memory_limit(), limit);
	ck_assert_uint_ge(limit, test_resident_bytes() != TEST_UNKNOWN ? test_resident_bytes() : 1);
	begin(SMAL_PACE_GROWTH, 0, 0);
	ck_assert_uint_eq(gc->soft_limit_bytes, SIZE_MAX);
	ck_assert_int_eq(smal_gc_set_soft_limit(gc, 0), SMAL_OK);
	ck_assert_uint_eq(gc->soft_limit_bytes, limit == SIZE_MAX ? SIZE_MAX : limit / 4 * 3);
	heap_end();
}
END_TEST

/* ---- Balance ---- */

/* The target with these rates. */
static size_t balance(double allocation_rate, double marking_rate, size_t pace_bytes)
{
	gc->allocation_rate = allocation_rate;
	gc->marking_rate = marking_rate;
	ck_assert_int_eq(smal_gc_set_pace(gc, SMAL_PACE_BALANCE, pace_bytes, 0), SMAL_OK);
	return gc->target_bytes;
}

static void expect_near(size_t target, size_t expected)
{
	ck_assert_uint_ge(target, expected - expected / 50);
	ck_assert_uint_le(target, expected + expected / 50);
}

START_TEST(test_balance)
{
	size_t live = 4 * MIB, before;

	begin(SMAL_PACE_BALANCE, 0, 0);
	heap_keep(pair, 0, live);
	heap_collect();
	/* live + sqrt(live * pace_bytes * allocation rate / marking rate) */
	expect_near(balance(1, 1, 4 * MIB), live + 4 * MIB);
	expect_near(balance(4, 1, 4 * MIB), live + 8 * MIB);
	expect_near(balance(1, 4, 4 * MIB), live + 2 * MIB);
	expect_near(balance(1000, 1000, MIB), live + 2 * MIB);
	expect_near(balance(1, 1, 0), live + 2 * MIB);
	expect_near(balance(1e6, 1, 4 * MIB), live + (size_t)4000 * MIB);
	expect_near(balance(0, 1, 64 * 1024), live);
	ck_assert_uint_ge(balance(1e12, 1e-6, 4 * MIB), (size_t)1 << 40);
	/* And there it collects. */
	expect_near(balance(16, 1, MIB), live + 8 * MIB);
	before = seen_count;
	while (seen_count == before)
		heap_alloc_bytes(text, 1000);
	ck_assert_uint_ge(seen[before].heap_bytes_before, live + 7 * MIB);
	ck_assert_uint_le(seen[before].heap_bytes_before, live + 9 * MIB);
	/* The rates move halfway to what was measured, whatever that is. */
	ck_assert(gc->allocation_rate >= 8 && gc->marking_rate >= 0.5);
	heap_end();
}
END_TEST

/* ---- Types that are left alone ---- */

START_TEST(test_immortal)
{
	struct smal_type_desc desc = { .name = "immortal",
		                       .bytes = 16,
		                       .marking = SMAL_MARK_CONSERVATIVE,
		                       .flags = SMAL_TYPE_IMMORTAL };
	struct smal_type *type;
	void **object[100];
	uint64_t live = 0;

	begin(SMAL_PACE_OFF, 0, 0);
	type = heap_type(&desc);
	for (int i = 0; i < 100; i++, live += 2) {
		object[i] = heap_alloc(type);
		object[i][1] = heap_alloc(pair);
		heap_alloc(pair);
	}
	for (int round = 0; round < 3; round++) {
		heap_collect();
		ck_assert_uint_eq(heap_live(), live);
	}
	for (int i = 0; i < 100; i += 2, live -= 2) {
		ck_assert_ptr_eq(smal_type_of(object[i][1]), pair);
		ck_assert_int_eq(smal_free(thread, object[i]), SMAL_OK);
	}
	heap_collect();
	ck_assert_uint_eq(heap_live(), live);
	heap_end();
}
END_TEST

/* Every third collection looks for the dead of such a type; till then they keep what
 * they refer to. */
START_TEST(test_collections_per_sweep)
{
	struct smal_type_desc desc = { .name = "seldom",
		                       .bytes = 16,
		                       .marking = SMAL_MARK_CONSERVATIVE,
		                       .collections_per_sweep = 3 };
	struct smal_type *type;

	begin(SMAL_PACE_OFF, 0, 0);
	type = heap_type(&desc);
	for (int first = 0; first < 6; first++) {
		uint64_t lived = 0;
		void **parent = roots[0] = heap_alloc(type);

		parent[0] = heap_alloc(pair);
		*(void **)parent[0] = heap_alloc(pair);
		roots[1] = smal_weak_create(thread, parent[0], 0);
		heap_collect();
		ck_assert_uint_eq(heap_live(), 4);
		roots[0] = NULL;
		for (; smal_weak_get(roots[1]) != NULL; lived++) {
			heap_collect();
			ck_assert_uint_eq(heap_live(), smal_weak_get(roots[1]) != NULL ? 4 : 1);
		}
		/* The first collection was number 1 of all. */
		ck_assert_uint_ge(lived, 1);
		ck_assert_uint_le(lived, 3);
		ck_assert_uint_eq(seen[seen_count - 1].number % 3, 0);
		if (first % 2 == 0)
			heap_collect();
	}
	heap_end();
}
END_TEST

static Suite *policy_suite(void)
{
	Suite *suite = suite_create("policy");
	TCase *outside_case = tcase_create("outside");
	TCase *decisions = tcase_create("decisions");
	TCase *types = tcase_create("types");

	tcase_add_test(outside_case, test_external);
	tcase_add_test(outside_case, test_external_counts);
	suite_add_tcase(suite, outside_case);

	tcase_add_loop_test(decisions, test_policy, 0, 2);
	tcase_add_test(decisions, test_policy_of_zero);
	tcase_add_test(decisions, test_policy_of_many_sizes);
	tcase_add_test(decisions, test_soft_limit);
	tcase_add_test(decisions, test_memory_limit);
	tcase_add_test(decisions, test_balance);
	suite_add_tcase(suite, decisions);

	tcase_add_test(types, test_immortal);
	tcase_add_test(types, test_collections_per_sweep);
	suite_add_tcase(suite, types);
	return suite;
}

int main(void)
{
	return test_main(policy_suite);
}
