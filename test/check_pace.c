/* SPDX-License-Identifier: MIT */
/*
 * check_pace.c: allocation collects when the pace says so and at no other time;
 * the hard limit holds, and a program lives on below it; an observer is told of
 * each collection, and what it is told adds up.
 *
 * What was allocated is counted; no clock decides.
 */
#include "test/collector.h"

#include <pthread.h>
#include <string.h>


static struct smal_collection seen[10000];
static size_t seen_count;

static void observe(const struct smal_collection *collection, void *user)
{
	ck_assert_ptr_eq(user, seen);
	ck_assert_uint_lt(seen_count, sizeof seen / sizeof *seen);
	seen[seen_count++] = *collection;
}

static struct smal_type *pair, *text;

static void begin(enum smal_pace pace, size_t pace_bytes, unsigned pace_percent)
{
	struct smal_gc_options options = { .options_bytes = sizeof options,
		                           .pace = pace,
		                           .pace_bytes = pace_bytes,
		                           .pace_percent = pace_percent,
		                           .exact_stacks = 1 };

	heap_begin(&options);
	pair = heap_pair_type();
	text = heap_text_type();
	seen_count = 0;
	smal_gc_set_observer(gc, observe, seen);
}

static struct smal_gc_stats stats(void)
{
	struct smal_gc_stats result;

	smal_gc_get_stats(gc, &result);
	return result;
}

/* Allocates garbage of some bytes in all, in objects of some size. */
static void waste(size_t bytes, size_t each)
{
	for (size_t done = 0; done < bytes; done += each) {
		if (each == 16)
			heap_alloc(pair);
		else
			heap_alloc_bytes(text, each);
	}
}

/* ---- When ---- */

START_TEST(test_off)
{
	begin(SMAL_PACE_OFF, 0, 0);
	waste(heap_scale(64 * MIB), 16);
	waste(heap_scale(64 * MIB), 1000);
	waste(heap_scale(64 * MIB), 1 * MIB);
	ck_assert_uint_eq(stats().collections, 0);
	heap_collect();
	ck_assert_uint_eq(stats().collections, 1);
	heap_end();
}
END_TEST

START_TEST(test_fixed)
{
	static const size_t sizes[] = { 16, 100, 3000, 50000, 300000 };

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		size_t bytes = heap_scale(100 * MIB);

		begin(SMAL_PACE_FIXED, 4 * MIB, 0);
		waste(bytes, sizes[s]);
		/* A sixteenth may be allocated beyond it, and a buffer. */
		ck_assert_uint_le(stats().heap_peak_bytes, 4 * MIB + MIB / 4 + 2 * MIB);
		ck_assert_uint_ge(stats().paced_collections, bytes / (7 * MIB));
		/* Early ones are a MiB apart, less what was in use in part. */
		ck_assert_uint_le(stats().paced_collections, bytes / (MIB / 2));
		ck_assert_uint_eq(stats().collections, stats().paced_collections);
		heap_end();
	}
}
END_TEST

/* More than nine tenths live: the heap grows by a quarter at a time, and a
 * program that only keeps does not collect for every buffer. */
START_TEST(test_fixed_grows)
{
	size_t bytes = heap_scale(40 * MIB);

	begin(SMAL_PACE_FIXED, 1 * MIB, 0);
	heap_keep(pair, 0, bytes);
	ck_assert_uint_eq(heap_live(), (bytes + 15) / 16);
	ck_assert_uint_ge(stats().paced_collections, 4);
	ck_assert_uint_le(stats().paced_collections, 40);
	for (size_t i = 1; i < seen_count; i++)
		ck_assert_uint_ge(seen[i].heap_bytes_before,
		                  seen[i - 1].live_bytes + seen[i - 1].live_bytes / 5);
	/* And back again. */
	roots[0] = NULL;
	heap_collect();
	waste(bytes, 16);
	ck_assert_uint_le(seen[seen_count - 1].heap_bytes_before, 3 * MIB);
	heap_end();
}
END_TEST

static void expect_growth(unsigned percent)
{
	size_t live = heap_scale(8 * MIB);

	begin(SMAL_PACE_GROWTH, MIB / 2, percent);
	heap_keep(pair, 0, live);
	heap_collect();
	seen_count = 0;
	waste(heap_scale(80 * MIB), 16);
	ck_assert_uint_ge(seen_count, 3);
	for (size_t i = 0; i < seen_count; i++) {
		uint64_t target = live + live / 100 * percent;

		target = target > MIB / 2 ? target : MIB / 2;
		ck_assert_uint_ge(seen[i].heap_bytes_before + 2 * 65536, target);
		ck_assert_uint_le(seen[i].heap_bytes_before, target + target / 8 + 2 * 65536);
		ck_assert_int_eq(seen[i].on_demand, 0);
	}
	heap_end();
}

START_TEST(test_growth)
{
	expect_growth(50);
	expect_growth(100);
	expect_growth(300);
}
END_TEST

/* Not below pace_bytes, which is 8 MiB if nothing is said, but for early ones. */
START_TEST(test_growth_default)
{
	struct smal_gc_options options = { .exact_stacks = 1 };

	heap_begin(&options);
	text = heap_text_type();
	waste(7 * MIB, 5000);
	ck_assert_uint_le(stats().collections, 14);
	waste(20 * MIB, 5000);
	ck_assert_uint_ge(stats().collections, 2);
	ck_assert_uint_le(stats().heap_peak_bytes, 10 * MIB);
	heap_end();
}
END_TEST

START_TEST(test_set_pace)
{
	begin(SMAL_PACE_OFF, 0, 0);
	waste(16 * MIB, 5000);
	ck_assert_uint_eq(stats().collections, 0);
	ck_assert_int_eq(smal_gc_set_pace(gc, SMAL_PACE_FIXED, 2 * MIB, 0), SMAL_OK);
	waste(16 * MIB, 5000);
	ck_assert_uint_ge(stats().collections, 3);
	ck_assert_int_eq(smal_gc_set_pace(gc, (enum smal_pace)4, 0, 0), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_gc_set_pace(gc, SMAL_PACE_GROWTH, 0, 1000000), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_gc_set_pace(gc, SMAL_PACE_OFF, 0, 0), SMAL_OK);
	seen_count = 0;
	waste(16 * MIB, 5000);
	ck_assert_uint_eq(seen_count, 0);
	heap_end();
}
END_TEST

/* Slots of one size are no use to another: still no collection for each buffer. */
START_TEST(test_many_sizes)
{
	size_t bytes = heap_scale(60 * MIB);

	begin(SMAL_PACE_FIXED, 4 * MIB, 0);
	for (size_t done = 0, each = 16; done < bytes; done += each, each = 16 + each * 7 % 9973) {
		void **object = heap_alloc_bytes(text, each);

		roots[each % ROOTS] = object;
	}
	ck_assert_uint_ge(stats().collections, bytes / (8 * MIB));
	ck_assert_uint_le(stats().collections, bytes / (MIB / 5));
	heap_end();
}
END_TEST

/* Phases that allocate nothing but one size each. */
static void waste_in_phases(void)
{
	static const size_t sizes[] = { 16, 3000, 48, 400000, 1000, 20000, 96 };

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		uint64_t collections = stats().collections;

		/* Until one has just run, after which a size has as many as it has used. */
		for (int i = 0; i < 3; i++, collections = stats().collections)
			while (stats().collections == collections)
				waste(sizes[s], sizes[s]);
	}
}

/* What one phase of a program leaves empty, the next one has: the heap does not grow
 * beyond its target for it. */
START_TEST(test_phases)
{
	begin(SMAL_PACE_FIXED, 8 * MIB, 0);
	waste_in_phases();
	ck_assert_uint_le(stats().heap_peak_bytes, 8 * MIB + MIB / 2 + 2 * MIB);
	heap_end();
}
END_TEST

enum { PLACES = 512 };

static uintptr_t places[PLACES];
static int places_stop;

static void *ask_for_places(void *argument)
{
	uintptr_t *found = argument;

	while (!__atomic_load_n(&places_stop, __ATOMIC_RELAXED))
		for (int i = 0; i < PLACES; i++)
			*found += smal_find(gc, places[i]) != NULL;
	return NULL;
}

/* Buffers come and go while another thread asks what lies in them. */
START_TEST(test_find_meanwhile)
{
	uintptr_t found = 0;
	pthread_t id;

	begin(SMAL_PACE_FIXED, 8 * MIB, 0);
	for (int i = 0; i < PLACES; i++)
		places[i] = (uintptr_t)heap_alloc_bytes(text, 8000) + 4000;
	ck_assert_int_eq(pthread_create(&id, NULL, ask_for_places, &found), 0);
	for (int i = 0; i < (test_is_slow() ? 1 : 10); i++)
		waste_in_phases();
	__atomic_store_n(&places_stop, 1, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(id, NULL), 0);
	ck_assert_uint_gt(found, 0);
	heap_end();
}
END_TEST

/* ---- Limits ---- */

static const size_t limit_sizes[] = { 16, 24, 1000, 20000, 300000 };

enum { LIMIT_SIZES = sizeof limit_sizes / sizeof *limit_sizes, LIMIT = 4 * MIB };

static int limit_rounds(void)
{
	return test_is_slow() ? 4 : 6;
}

/* Fills an array with objects until no more can be had. */
static size_t fill(void **objects, size_t most, size_t each)
{
	size_t count = 0;

	while (count < most && (objects[count] = smal_alloc_bytes(thread, text, each)) != NULL)
		memset(objects[count++], 1, each);
	return count;
}

START_TEST(test_limit)
{
	size_t each = limit_sizes[_i], most = LIMIT / each + 1, count;
	struct smal_type *array;
	void **objects;

	begin(_i % 2 == 0 ? SMAL_PACE_OFF : SMAL_PACE_GROWTH, 0, 0);
	array = heap_array_type();
	roots[0] = objects = heap_alloc_bytes(array, most * sizeof *objects);
	ck_assert_int_eq(smal_gc_set_limit(gc, smal_size(objects) + LIMIT), SMAL_OK);
	for (int round = 0; round < limit_rounds(); round++) {
		count = fill(objects, most, each);
		ck_assert_uint_lt(count, most);
		ck_assert_uint_gt(count * each, LIMIT - 2 * MIB);
		ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_LIMIT);
		ck_assert_uint_le(stats().heap_peak_bytes, smal_size(objects) + LIMIT);
		ck_assert_ptr_null(smal_alloc_bytes(thread, text, each));
		heap_check();
		/* All are live and whole. */
		ck_assert_uint_eq(heap_live(), count + 1);
		for (size_t i = 0; i < count; i++)
			EXPECT(((unsigned char *)objects[i])[each - 1] == 1);
		/* With some dropped there is room again, by the collection that an
		 * allocation makes; or at once, if they are freed. */
		for (size_t i = round % 2; i < count; i += 2) {
			if (round % 3 == 2)
				EXPECT(smal_free(thread, objects[i]) == SMAL_OK);
			objects[i] = NULL;
		}
		ck_assert_ptr_nonnull(roots[1] = smal_alloc_bytes(thread, text, each));
		ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_LIMIT);
		for (size_t i = 0; i < count; i++)
			objects[i] = NULL;
		roots[1] = NULL;
	}
	/* What dies at every step needs no more. */
	waste(heap_scale(20 * LIMIT), each);
	told_nothing();
	heap_end();
}
END_TEST

/* An allocation that succeeds after a collection has not failed. */
START_TEST(test_no_error_without_failure)
{
	begin(SMAL_PACE_OFF, 0, 0);
	ck_assert_int_eq(smal_gc_set_limit(gc, 2 * MIB), SMAL_OK);
	waste(20 * MIB, 1000);
	waste(20 * MIB, 300000);
	ck_assert_uint_ge(stats().paced_collections, 10);
	ck_assert_int_eq(smal_thread_error(thread), SMAL_OK);
	heap_end();
}
END_TEST

START_TEST(test_set_limit)
{
	static void *held[1024];
	size_t count = 0;

	begin(SMAL_PACE_OFF, 0, 0);
	ck_assert_int_eq(smal_root_add_range(gc, held, held + 1024, "held"), SMAL_OK);
	heap_keep(pair, 0, 3 * MIB);
	ck_assert_int_eq(smal_gc_set_limit(gc, 2 * MIB), SMAL_ERROR_LIMIT);
	told_once(SMAL_ERROR_LIMIT);
	heap_keep(pair, 1, 3 * MIB);
	roots[1] = NULL;
	heap_collect();
	ck_assert_int_eq(smal_gc_set_limit(gc, stats().objects.heap_bytes), SMAL_OK);
	while (count < 1024 && (held[count] = smal_alloc_bytes(thread, text, 1000)) != NULL)
		count++;
	ck_assert_uint_lt(count, 1024);
	ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_LIMIT);
	memset(held, 0, sizeof held);
	heap_collect();
	ck_assert_int_eq(smal_gc_set_limit(gc, 0), SMAL_OK);
	heap_keep(pair, 1, 3 * MIB);
	ck_assert_uint_eq(heap_live(), 2 * (3 * MIB / 16));
	told_nothing();
	heap_end();
}
END_TEST

/* A limit given when the collector is made; smaller than any buffer: nothing can
 * be had, and nothing breaks. */
START_TEST(test_tiny_limit)
{
	struct smal_gc_options options = { .limit_bytes = 1000, .exact_stacks = 1 };

	heap_begin(&options);
	pair = heap_pair_type();
	text = heap_text_type();
	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_null(smal_alloc(thread, pair));
		ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_LIMIT);
		ck_assert_ptr_null(smal_alloc_bytes(thread, text, 1000000));
		heap_collect();
	}
	ck_assert_int_eq(smal_gc_set_limit(gc, MIB), SMAL_OK);
	roots[0] = heap_alloc(pair);
	heap_end();
}
END_TEST

/* ---- The observer ---- */

static void free_nothing(void *object, void *user)
{
	(void)object;
	(void)user;
}

START_TEST(test_observer)
{
	struct smal_type_desc desc = { .name = "t", .free = free_nothing };
	uint64_t live = 0, allocated = 0, sum_ns = 0, max_ns = 0, paced = 0;
	struct smal_type *with_free;
	struct test_random random;

	test_random_init(&random, 1);
	begin(SMAL_PACE_FIXED, 2 * MIB, 0);
	with_free = heap_type(&desc);
	for (int i = 0; i < 300; i++) {
		uint64_t before = stats().objects.allocated_objects;
		size_t count = test_random_below(&random, 400);

		for (size_t j = 0; j < count; j++) {
			roots[j % ROOTS] =
				heap_alloc_bytes(j % 3 == 0 ? with_free : text,
			                         1 + test_random_below(&random, 1000));
			if (j % 100 == 0)
				heap_alloc_bytes(with_free, 200000);
			if (j % 100 == 1)
				roots[j % ROOTS] = heap_alloc_bytes(with_free, 200000);
		}
		if (i % 10 == 0)
			heap_collect();
		allocated += stats().objects.allocated_objects - before;
	}
	heap_collect();
	ck_assert_uint_eq(seen_count, stats().collections);
	ck_assert_uint_gt(seen_count, 40);
	for (size_t i = 0; i < seen_count; i++) {
		const struct smal_collection *one = &seen[i];

		ck_assert_uint_eq(one->number, i + 1);
		ck_assert_uint_le(one->mark_ns, one->pause_ns);
		if (i > 0)
			ck_assert_uint_ge(one->start_ns, seen[i - 1].start_ns + seen[i - 1].pause_ns);
		ck_assert_uint_le(one->live_bytes, one->heap_bytes);
		ck_assert_uint_le(one->heap_bytes, one->heap_bytes_before);
		ck_assert_uint_le(one->live_bytes + one->dead_bytes, one->heap_bytes_before);
		ck_assert_uint_ge(one->live_objects + one->dead_objects, live);
		live = one->live_objects;
		allocated -= one->dead_objects;
		sum_ns += one->pause_ns;
		max_ns = one->pause_ns > max_ns ? one->pause_ns : max_ns;
		paced += one->on_demand == 0;
	}
	/* Whatever was allocated was found dead once, or is live. */
	ck_assert_uint_eq(allocated, live);
	ck_assert_uint_eq(live, heap_live());
	ck_assert_uint_eq(stats().pause_sum_ns, sum_ns);
	ck_assert_uint_eq(stats().pause_max_ns, max_ns);
	ck_assert_uint_eq(stats().pause_last_ns, seen[seen_count - 1].pause_ns);
	ck_assert_uint_eq(stats().paced_collections, paced);
	smal_gc_set_observer(gc, NULL, NULL);
	seen_count = 0;
	heap_collect();
	ck_assert_uint_eq(seen_count, 0);
	heap_end();
}
END_TEST

/* What dies with a free callback is neither live nor, a second time, dead. */
START_TEST(test_observer_pending)
{
	struct smal_type_desc desc = { .name = "t", .free = free_nothing };
	struct smal_type *with_free;

	begin(SMAL_PACE_OFF, 0, 0);
	with_free = heap_type(&desc);
	for (int i = 0; i < 10; i++) {
		heap_alloc_bytes(with_free, 100);
		heap_alloc_bytes(with_free, 200000);
	}
	smal_gc_set_torture(gc, 1);
	for (int i = 0; i < 3; i++) {
		roots[0] = heap_alloc(pair);
		ck_assert_uint_eq(seen[i].live_objects, i > 0);
		ck_assert_uint_eq(seen[i].live_bytes, i > 0 ? 16 : 0);
		ck_assert_uint_eq(seen[i].dead_objects, i == 0 ? 20 : i > 1);
		ck_assert_uint_eq(seen[i].dead_bytes,
		                  i == 0 ? 10 * (112 + 200704) : i > 1 ? 16 : 0);
	}
	smal_gc_set_torture(gc, 0);
	heap_end();
}
END_TEST

static Suite *pace_suite(void)
{
	Suite *suite = suite_create("pace");
	TCase *when = tcase_create("when");
	TCase *limits = tcase_create("limits");
	TCase *observer = tcase_create("observer");

	tcase_add_test(when, test_off);
	tcase_add_test(when, test_fixed);
	tcase_add_test(when, test_fixed_grows);
	tcase_add_test(when, test_growth);
	tcase_add_test(when, test_growth_default);
	tcase_add_test(when, test_set_pace);
	tcase_add_test(when, test_many_sizes);
	tcase_add_test(when, test_phases);
	tcase_add_test(when, test_find_meanwhile);
	suite_add_tcase(suite, when);

	tcase_add_loop_test(limits, test_limit, 0, LIMIT_SIZES);
	tcase_add_test(limits, test_no_error_without_failure);
	tcase_add_test(limits, test_set_limit);
	tcase_add_test(limits, test_tiny_limit);
	suite_add_tcase(suite, limits);

	tcase_add_test(observer, test_observer);
	tcase_add_test(observer, test_observer_pending);
	suite_add_tcase(suite, observer);
	return suite;
}

int main(void)
{
	return test_main(pace_suite);
}
