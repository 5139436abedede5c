/* SPDX-License-Identifier: MIT */
/*
 * check_stats.c: the counts of a type and of a collector are those of a program
 * that counts for itself, at any time, and a walk over all objects meets each
 * live one once, whatever its visitor does.
 */
#include "test/collector.h"

#include <pthread.h>
#include <setjmp.h>
#include <string.h>

enum { TYPES = 6, SLOTS = 2000 };

static struct {
	struct smal_type *type;
	size_t bytes;
	uint64_t allocated_objects, allocated_bytes, freed_objects, freed_bytes;
} types[TYPES];

static struct {
	void *object;
	int type;
	size_t bytes;
	bool seen;
} slots[SLOTS];

static unsigned frees_run;

static void free_one(void *object, void *user)
{
	(void)object;
	(void)user;
	frees_run++;
}

static void mark_slots(struct smal_marker *marker, void *user)
{
	(void)user;
	for (int i = 0; i < SLOTS; i++)
		smal_mark(marker, slots[i].object);
}

static void begin(void)
{
	static const struct smal_type_desc descs[TYPES] = {
		{ .name = "16", .bytes = 16 },
		{ .name = "24", .bytes = 24 },
		{ .name = "freed", .bytes = 72, .free = free_one },
		{ .name = "text" },
		{ .name = "freed text", .free = free_one },
		{ .name = "large", .bytes = 150000 },
	};

	heap_begin_exact();
	memset(types, 0, sizeof types);
	memset(slots, 0, sizeof slots);
	frees_run = 0;
	for (int i = 0; i < TYPES; i++) {
		types[i].type = heap_type(&descs[i]);
		types[i].bytes = descs[i].bytes;
	}
	ck_assert_int_eq(smal_root_add_function(gc, mark_slots, NULL, "slots"), SMAL_OK);
}

static void allocated(int slot, int type, void *object)
{
	slots[slot].object = object;
	slots[slot].type = type;
	slots[slot].bytes = smal_size(object);
	types[type].allocated_objects++;
	types[type].allocated_bytes += slots[slot].bytes;
}

static void dead(int slot)
{
	types[slots[slot].type].freed_objects++;
	types[slots[slot].type].freed_bytes += slots[slot].bytes;
	slots[slot].object = NULL;
}

/* The counts of all types, and their sums in the collector's. */
static void expect_counts(void)
{
	struct smal_stats one, sum = { 0 };
	struct smal_gc_stats all;

	for (int i = 0; i < TYPES; i++) {
		smal_type_get_stats(types[i].type, &one);
		EXPECT(one.allocated_objects == types[i].allocated_objects);
		EXPECT(one.allocated_bytes == types[i].allocated_bytes);
		EXPECT(one.freed_objects == types[i].freed_objects);
		EXPECT(one.freed_bytes == types[i].freed_bytes);
		EXPECT(one.live_objects == one.allocated_objects - one.freed_objects);
		EXPECT(one.live_bytes == one.allocated_bytes - one.freed_bytes);
		EXPECT(one.pending_objects == 0 && one.heap_bytes >= one.live_bytes);
		sum.allocated_objects += one.allocated_objects;
		sum.allocated_bytes += one.allocated_bytes;
		sum.freed_objects += one.freed_objects;
		sum.freed_bytes += one.freed_bytes;
		sum.live_objects += one.live_objects;
		sum.live_bytes += one.live_bytes;
		sum.heap_bytes += one.heap_bytes;
	}
	smal_gc_get_stats(gc, &all);
	EXPECT(memcmp(&all.objects, &sum, sizeof sum) == 0);
}

static int see(void *object, struct smal_type *type, size_t bytes, void *user)
{
	int slot = -1;

	for (int i = 0; i < SLOTS && slot < 0; i++)
		if (slots[i].object == object)
			slot = i;
	EXPECT(slot >= 0 && !slots[slot].seen);
	slots[slot].seen = true;
	EXPECT(types[slots[slot].type].type == type && slots[slot].bytes == bytes);
	++*(unsigned *)user;
	return 0;
}

static void expect_walk(void)
{
	unsigned count = 0, expected = 0;

	for (int i = 0; i < SLOTS; i++) {
		slots[i].seen = false;
		expected += slots[i].object != NULL;
	}
	ck_assert_int_eq(smal_each_object(thread, see, &count), 0);
	ck_assert_uint_eq(count, expected);
}

/* Allocation, early frees, new sizes and collections, in any order. */
START_TEST(test_random)
{
	size_t steps = heap_scale(300000);
	struct test_random random;

	test_random_init(&random, 1);
	for (size_t step = 0; step < steps; step++) {
		int slot = (int)test_random_below(&random, SLOTS);
		int type = (int)test_random_below(&random, test_random_below(&random, 50) != 0
		                                                   ? TYPES - 1
		                                                   : TYPES);
		size_t bytes = (size_t)1 << test_random_below(&random, step % 50 == 0 ? 20 : 10);

		if (slots[slot].object == NULL) {
			allocated(slot, type,
			          types[type].bytes != 0
			                  ? heap_alloc(types[type].type)
			                  : heap_alloc_bytes(types[type].type, bytes));
		} else if (step % 3 != 0 || smal_size(slots[slot].object) > 100000) {
			EXPECT(smal_free(thread, slots[slot].object) == SMAL_OK);
			dead(slot);
		} else if (types[slots[slot].type].bytes == 0 &&
		           smal_resize(thread, slots[slot].object, bytes) == SMAL_OK) {
			/* What grows was allocated, and what shrinks never was. */
			size_t size = smal_size(slots[slot].object);

			types[slots[slot].type].allocated_bytes += size - slots[slot].bytes;
			slots[slot].bytes = size;
		}
		if (step % 64 == 0)
			expect_counts();
		if (test_random_below(&random, steps / 30 + 1) == 0) {
			expect_walk();
			for (int i = 0; i < SLOTS; i++)
				if (slots[i].object != NULL && test_random_below(&random, 4) == 0)
					dead(i);
			heap_collect();
			expect_counts();
			expect_walk();
		}
	}
	ck_assert_uint_eq(frees_run, types[2].freed_objects + types[4].freed_objects);
}
END_TEST

/* Counts outlive their type. */
START_TEST(test_ended_type)
{
	struct smal_gc_stats before, after;

	for (int i = 0; i < SLOTS; i++)
		heap_alloc(types[1].type);
	roots[0] = heap_alloc_bytes(types[3].type, 200000);
	smal_gc_get_stats(gc, &before);
	heap_collect();
	ck_assert_int_eq(smal_type_destroy(types[1].type), SMAL_OK);
	smal_gc_get_stats(gc, &after);
	ck_assert_uint_eq(after.objects.allocated_objects, before.objects.allocated_objects);
	ck_assert_uint_eq(after.objects.allocated_bytes, before.objects.allocated_bytes);
	ck_assert_uint_eq(after.objects.freed_objects, SLOTS);
	ck_assert_uint_eq(after.objects.live_objects, 1);
	ck_assert_uint_eq(after.objects.live_bytes, 200704);
	heap_check();
}
END_TEST

/* ---- The walk ---- */

static uintptr_t last;
static unsigned visited, stop_at;

static int stop(void *object, struct smal_type *type, size_t bytes, void *user)
{
	(void)type;
	(void)bytes;
	ck_assert_ptr_eq(user, &last);
	/* In the order of addresses within a buffer. */
	if ((uintptr_t)object >> 16 == last >> 16)
		ck_assert_uint_gt((uintptr_t)object, last);
	last = (uintptr_t)object;
	return ++visited == stop_at ? (int)stop_at + 1000 : 0;
}

START_TEST(test_walk_stops)
{
	for (int i = 0; i < SLOTS; i++)
		allocated(i, i % 3, heap_alloc(types[i % 3].type));
	for (stop_at = 1; stop_at <= SLOTS; stop_at += 199) {
		visited = 0;
		last = 0;
		ck_assert_int_eq(smal_each_object(thread, stop, &last), (int)stop_at + 1000);
		ck_assert_uint_eq(visited, stop_at);
	}
	visited = 0;
	last = 0;
	stop_at = SLOTS + 1;
	ck_assert_int_eq(smal_each_object(thread, stop, &last), 0);
	ck_assert_uint_eq(visited, SLOTS);
}
END_TEST

START_TEST(test_walk_of_nothing)
{
	stop_at = 1;
	visited = 0;
	ck_assert_int_eq(smal_each_object(thread, stop, &last), 0);
	ck_assert_uint_eq(visited, 0);
	roots[0] = heap_alloc(types[0].type);
	roots[0] = NULL;
	heap_collect();
	ck_assert_int_eq(smal_each_object(thread, stop, &last), 0);
}
END_TEST

/* ---- What a visitor may do ---- */

static jmp_buf out;
static size_t seen_again;

/* A slot of an object that was there before; NONE for one that was made meanwhile. */
static int slot_of(const void *object)
{
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].object == object)
			return i;
	return -1;
}

static int visit_and_do(void *object, struct smal_type *type, size_t bytes, void *user)
{
	int what = *(int *)user, slot = slot_of(object);

	EXPECT(smal_type_of(object) == type && smal_size(object) == bytes);
	visited++;
	if (slot >= 0) {
		EXPECT(!slots[slot].seen);
		slots[slot].seen = true;
		seen_again++;
	}
	if (what == 0 && visited < 10 * SLOTS)
		heap_alloc(types[visited % 3].type);
	if (what == 1 && visited % 50 == 0)
		EXPECT(smal_collect(thread) == SMAL_OK);
	if (what == 2 && slot >= 0) {
		/* This one, and one that may be before or behind it. */
		EXPECT(smal_free(thread, object) == SMAL_OK);
		slots[slot].object = NULL;
	}
	if (what == 3 && slot >= 0 && slot % 2 == 0) {
		int other = (slot * 7 + 1) % SLOTS;

		if (slots[other].object != NULL && !slots[other].seen) {
			EXPECT(smal_free(thread, slots[other].object) == SMAL_OK);
			slots[other].object = NULL;
		}
	}
	if (what == 4) {
		heap_alloc(types[1].type);
		if (slot >= 0 && slot % 3 == 0)
			slots[slot].object = NULL;
		if (visited % 100 == 0)
			EXPECT(smal_collect(thread) == SMAL_OK && smal_trim(thread) < SIZE_MAX);
	}
	if (what == 5 && visited == stop_at)
		longjmp(out, 1);
	return 0;
}

/* It allocates; collects; frees this object; frees others; drops some, allocates and
 * collects: what is alive when its turn comes is visited once. */
START_TEST(test_visitor_acts)
{
	int what = _i;
	unsigned missed = 0, left = 0;

	for (int i = 0; i < SLOTS; i++)
		allocated(i, i % 5, i % 5 < 3 ? heap_alloc(types[i % 5].type)
		                              : heap_alloc_bytes(types[i % 5].type, 1 + (size_t)i));
	visited = 0;
	seen_again = 0;
	ck_assert_int_eq(smal_each_object(thread, visit_and_do, &what), 0);
	for (int i = 0; i < SLOTS; i++) {
		left += slots[i].object != NULL;
		missed += slots[i].object != NULL && !slots[i].seen;
	}
	ck_assert_uint_eq(missed, 0);
	if (what < 2)
		ck_assert_uint_eq(left, SLOTS);
	if (what == 2)
		ck_assert_uint_eq(seen_again, SLOTS);
	heap_collect();
	ck_assert_uint_eq(heap_live(), left);
}
END_TEST

/* It leaves by longjmp, and the next walk is whole. */
START_TEST(test_visitor_jumps)
{
	static int what = 5;

	for (int i = 0; i < SLOTS; i++)
		allocated(i, i % 3, heap_alloc(types[i % 3].type));
	for (stop_at = 1; stop_at < SLOTS; stop_at += 133) {
		for (int i = 0; i < SLOTS; i++)
			slots[i].seen = false;
		visited = 0;
		if (setjmp(out) == 0) {
			smal_each_object(thread, visit_and_do, &what);
			ck_abort_msg("it did not leave");
		}
		ck_assert_uint_eq(visited, stop_at);
		expect_walk();
		heap_collect();
	}
}
END_TEST

/* The objects of weak references, maps and finalizers are objects, too. */
START_TEST(test_walk_of_weak_things)
{
	struct smal_queue *queue;
	struct smal_map *map;

	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	allocated(0, 0, heap_alloc(types[0].type));
	roots[0] = smal_weak_create(thread, slots[0].object, 0);
	roots[1] = smal_ephemeron_create(thread, slots[0].object, NULL);
	roots[2] = map = smal_map_create(thread, SMAL_MAP_STRONG, NULL, NULL, NULL);
	ck_assert_int_eq(smal_map_put(thread, map, slots[0].object, map), SMAL_OK);
	ck_assert_ptr_nonnull(smal_finalizer_add(thread, queue, slots[0].object, NULL, 0));
	stop_at = 1000;
	visited = 0;
	last = 0;
	ck_assert_int_eq(smal_each_object(thread, stop, &last), 0);
	ck_assert_uint_eq(visited, 6);
	ck_assert_uint_eq(heap_live(), 6);
}
END_TEST

/* ---- The space ---- */

START_TEST(test_space)
{
	struct smal_space_stats before, during, after;

	smal_trim(thread);
	smal_get_space_stats(&before);
	for (int i = 0; i < 100; i++)
		allocated(i, 3, memset(heap_alloc_bytes(types[3].type, 500000), 1, 500000));
	smal_get_space_stats(&during);
	ck_assert_uint_ge(during.used_bytes, before.used_bytes + 100 * 500000);
	for (int i = 0; i < 100; i++)
		dead(i);
	heap_collect();
	smal_trim(thread);
	smal_get_space_stats(&after);
	ck_assert_uint_le(after.used_bytes, before.used_bytes);
	ck_assert_uint_eq(after.dirty_bytes, 0);
	ck_assert_uint_eq(after.committed_bytes,
	                  after.used_bytes + after.free_bytes + after.metadata_bytes);
	ck_assert_uint_le(after.committed_bytes, after.reserved_bytes);
	ck_assert_uint_eq(after.os_failures, before.os_failures);
}
END_TEST

/* ---- At a glance ---- */

static size_t heap_in_callback, fresh_in_callback;

static void glance(const struct smal_collection *collection, void *user)
{
	(void)user;
	heap_in_callback = smal_gc_heap_bytes(gc);
	fresh_in_callback = smal_gc_fresh_bytes(gc);
	EXPECT(heap_in_callback == collection->heap_bytes);
}

static void *glance_outside(void *argument)
{
	*(size_t *)argument = smal_gc_heap_bytes(gc);
	EXPECT(smal_gc_fresh_bytes(gc) <= smal_gc_heap_bytes(gc));
	return NULL;
}

/* The same figure as the counts have, also where those can't be asked for. */
START_TEST(test_heap_bytes)
{
	struct smal_gc_stats stats;
	size_t outside = 0;
	pthread_t other;

	smal_gc_set_observer(gc, glance, NULL);
	ck_assert_uint_eq(smal_gc_heap_bytes(gc), 0);
	for (int i = 0; i < SLOTS; i++) {
		if (i % 100 == 5)
			allocated(i, 5, heap_alloc(types[5].type));
		else
			allocated(i, 3, heap_alloc_bytes(types[3].type, 900));
		if (i % 200 != 0)
			continue;
		smal_gc_get_stats(gc, &stats);
		ck_assert_uint_eq(smal_gc_heap_bytes(gc), stats.objects.heap_bytes);
	}
	heap_in_callback = 0;
	heap_collect();
	ck_assert_uint_eq(heap_in_callback, smal_gc_heap_bytes(gc));
	ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
	ck_assert_uint_eq(smal_gc_heap_bytes(gc), heap_in_callback);
	ck_assert_int_eq(pthread_create(&other, NULL, glance_outside, &outside), 0);
	ck_assert_int_eq(pthread_join(other, NULL), 0);
	ck_assert_uint_eq(outside, heap_in_callback);
	ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
	/* And less, where memory has gone back. */
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].object != NULL)
			dead(i);
	heap_collect();
	smal_trim(thread);
	smal_gc_get_stats(gc, &stats);
	ck_assert_uint_eq(smal_gc_heap_bytes(gc), stats.objects.heap_bytes);
	ck_assert_uint_lt(smal_gc_heap_bytes(gc), outside);
	smal_gc_set_observer(gc, NULL, NULL);
}
END_TEST

/* What a thread keeps to itself, beside what it had claimed before. */
enum { UNTOLD = 64 * 1024 };

/* What has been allocated since the last collection, dead or alive. */
START_TEST(test_fresh_bytes)
{
	smal_gc_set_torture(gc, 0);
	smal_gc_set_observer(gc, glance, NULL);
	for (int round = 0; round < 4; round++) {
		size_t bytes = 0;

		for (int i = 0; i < 3000; i++) {
			int large = i % 1000 == 999;

			bytes += smal_size(large ? heap_alloc(types[5].type)
			                         : heap_alloc_bytes(types[3].type, 900));
			if (i % 500 != 0)
				continue;
			ck_assert_uint_ge(smal_gc_fresh_bytes(gc) + 2 * UNTOLD, bytes);
			ck_assert_uint_le(smal_gc_fresh_bytes(gc), bytes + 2 * UNTOLD);
		}
		heap_collect();
		ck_assert_uint_eq(fresh_in_callback, 0);
		ck_assert_uint_eq(smal_gc_fresh_bytes(gc), 0);
	}
	smal_gc_set_observer(gc, NULL, NULL);
}
END_TEST

static Suite *stats_suite(void)
{
	Suite *suite = suite_create("stats");
	TCase *counts = tcase_create("counts");

	tcase_add_checked_fixture(counts, begin, heap_end);
	tcase_add_test(counts, test_random);
	tcase_add_test(counts, test_ended_type);
	tcase_add_test(counts, test_walk_stops);
	tcase_add_test(counts, test_walk_of_nothing);
	tcase_add_loop_test(counts, test_visitor_acts, 0, 5);
	tcase_add_test(counts, test_visitor_jumps);
	tcase_add_test(counts, test_walk_of_weak_things);
	tcase_add_test(counts, test_space);
	tcase_add_test(counts, test_heap_bytes);
	tcase_add_test(counts, test_fresh_bytes);
	suite_add_tcase(suite, counts);
	return suite;
}

int main(void)
{
	return test_main(stats_suite);
}
