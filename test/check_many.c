/* SPDX-License-Identifier: MIT */
/*
 * check_many.c: collectors of one process do not know each other: collecting one
 * stops no thread of another, threads that collect each other's do not wait for each
 * other, and objects of one are nothing to the other. They come and go without a
 * trace, and many of them are cheap.
 */
#include <smal/gc/gc.h>

#include "test/crew.h"

#include <string.h>

/* A collector beside that of collector.h, and a type of it. */
struct other {
	struct smal_gc *gc;
	struct smal_type *pair;
};

static volatile uint32_t go, ready, counter;

/* Without Check's assertions, which keep memory of their own. */
static struct smal_type *pair_type(struct smal_gc *of)
{
	static const uintptr_t both = 3;
	struct smal_type_desc desc = { .name = "pair", .bytes = 16, .marking = SMAL_MARK_LAYOUT,
		                       .layout = { &both, 2, 0 } };
	struct smal_type *type;

	EXPECT(smal_type_create(of, &desc, &type) == SMAL_OK);
	return type;
}

static void other_begin(struct other *other)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF, .exact_stacks = 1 };

	EXPECT(smal_gc_create(&options, &other->gc) == SMAL_OK);
	other->pair = pair_type(other->gc);
}

static void begin(void)
{
	heap_begin_exact();
	crew_begin();
	go = ready = counter = 0;
}

static void end(void)
{
	crew_end();
	heap_end();
}

/* ---- Not stopped ---- */

static struct other one;

/* Allocates, and collects, in the one collector. */
static void use_one(struct member *member)
{
	struct smal_thread *self;

	(void)member;
	EXPECT(smal_thread_attach(one.gc, &self) == SMAL_OK);
	for (unsigned i = 0; smal_atomic_load_u32(&go) == 0; i++) {
		EXPECT(smal_alloc(self, one.pair) != NULL);
		smal_poll(self);
		if (i % 100 == 0)
			EXPECT(smal_collect(self) == SMAL_OK);
		smal_atomic_add_u32(&counter, 1);
	}
	EXPECT(smal_thread_detach(self) == SMAL_OK);
}

/* The collection of gc can't end before the threads of the one have gone on. */
static void wait_for_progress(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	crew_wait(NULL, &counter, smal_atomic_load_u32(&counter) + 1000);
	smal_atomic_add_u32(&ready, 1);
}

START_TEST(test_not_stopped)
{
	other_begin(&one);
	ck_assert_int_eq(smal_root_add_function(gc, wait_for_progress, NULL, NULL), SMAL_OK);
	crew_start(3, false, use_one);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	smal_atomic_store_u32(&go, 1);
	crew_join();
	ck_assert_uint_ge(ready, 10);
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	ck_assert_int_eq(smal_gc_destroy(one.gc), SMAL_OK);
}
END_TEST

/* ---- Each other's ---- */

enum { SEVERAL = 3 };

static struct other several[SEVERAL];

/* Attached to all; collects its own, and another at times. */
static void collect_each_other(struct member *member)
{
	unsigned rounds = test_is_slow() ? 200 : 2000;
	struct smal_thread *self[SEVERAL];
	struct smal_frame frame[SEVERAL];
	void *slots[SEVERAL];

	for (unsigned i = 0; i < SEVERAL; i++) {
		EXPECT(smal_thread_attach(several[i].gc, &self[i]) == SMAL_OK);
		slots[i] = NULL;
		smal_frame_push(self[i], &frame[i], &slots[i], 1);
	}
	for (unsigned round = 0; round < rounds; round++) {
		unsigned at = (member->index + round / 50) % SEVERAL, next = (at + 1) % SEVERAL;

		EXPECT((slots[next] = smal_alloc(self[next], several[next].pair)) != NULL);
		EXPECT(smal_collect(self[at]) == SMAL_OK);
		EXPECT(smal_type_of(slots[next]) == several[next].pair);
		if (round % 16 == 0) {
			EXPECT(smal_thread_leave(self[next]) == SMAL_OK);
			EXPECT(smal_collect(self[at]) == SMAL_OK);
			EXPECT(smal_thread_enter(self[next]) == SMAL_OK);
		}
	}
	for (unsigned i = 0; i < SEVERAL; i++) {
		smal_frame_pop(self[i], &frame[i]);
		EXPECT(smal_thread_detach(self[i]) == SMAL_OK);
	}
}

START_TEST(test_each_other)
{
	for (int i = 0; i < SEVERAL; i++)
		other_begin(&several[i]);
	crew_start((unsigned)_i, false, collect_each_other);
	crew_join();
	for (int i = 0; i < SEVERAL; i++)
		ck_assert_int_eq(smal_gc_destroy(several[i].gc), SMAL_OK);
}
END_TEST

/* ---- Objects of another ---- */

static void refuse_object(void *object)
{
	struct smal_weak *weak = smal_weak_create(thread, NULL, 0);
	struct smal_queue *queue;

	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	ck_assert_int_eq(smal_free(thread, object), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_resize(thread, object, 8), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_weak_create(thread, object, 0));
	ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_weak_set(thread, weak, object), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_ephemeron_create(thread, object, NULL));
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_finalizer_add(thread, queue, object, NULL, 0));
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_watch_add(thread, queue, object, NULL));
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_base(thread, (uintptr_t)object));
	ck_assert_int_eq(smal_queue_destroy(queue), SMAL_OK);
}

START_TEST(test_foreign_objects)
{
	struct smal_type_desc text = { .name = "text" };
	struct smal_type *text_type;
	struct smal_thread *self;
	struct smal_gc_stats stats;
	void *objects[3];

	other_begin(&one);
	ck_assert_int_eq(smal_thread_attach(one.gc, &self), SMAL_OK);
	ck_assert_int_eq(smal_type_create(one.gc, &text, &text_type), SMAL_OK);
	objects[0] = smal_alloc(self, one.pair);
	objects[1] = smal_alloc_bytes(self, text_type, 100);
	objects[2] = smal_alloc_bytes(self, text_type, 1000000);
	for (int i = 0; i < 3; i++)
		refuse_object(objects[i]);
	/* A type of another is none, either. */
	ck_assert_ptr_null(smal_alloc_slow(thread, one.pair));
	crew_told(SMAL_ERROR_INVALID);
	smal_gc_get_stats(one.gc, &stats);
	ck_assert_uint_eq(stats.objects.live_objects, 3);
	/* And a way to an object of another keeps nothing there. */
	roots[0] = heap_alloc(heap_pair_type());
	memcpy(roots[0], objects, 2 * sizeof *objects);
	heap_collect();
	ck_assert_int_eq(smal_collect(self), SMAL_OK);
	smal_gc_get_stats(one.gc, &stats);
	ck_assert_uint_eq(stats.objects.live_objects, 0);
	ck_assert_int_eq(smal_thread_detach(self), SMAL_OK);
	ck_assert_int_eq(smal_gc_destroy(one.gc), SMAL_OK);
}
END_TEST

/* ---- Coming and going ---- */

enum { KEPT = 100 };

static void live(struct smal_gc *in, struct smal_type *type, struct smal_thread **self)
{
	EXPECT(smal_thread_attach(in, self) == SMAL_OK);
	for (int i = 0; i < KEPT; i++)
		EXPECT(smal_alloc(*self, type) != NULL);
}

static void *come_and_go(void *argument)
{
	unsigned cycles = *(unsigned *)argument, highest = 0;

	for (unsigned i = 0; i < cycles; i++) {
		struct smal_thread *self;
		struct other it;

		other_begin(&it);
		live(it.gc, it.pair, &self);
		if (it.gc->owner > highest)
			highest = it.gc->owner;
		if (i % 8 == 0)
			EXPECT(smal_collect(self) == SMAL_OK);
		EXPECT(smal_thread_detach(self) == SMAL_OK);
		EXPECT(smal_gc_destroy(it.gc) == SMAL_OK);
	}
	*(unsigned *)argument = highest;
	return NULL;
}

/* In threads, since the system takes long to say where the first one's stack is. */
static unsigned run_cycles(unsigned cycles)
{
	unsigned arguments[2] = { cycles, cycles };
	pthread_t ids[2];

	for (int i = 0; i < 2; i++)
		EXPECT(pthread_create(&ids[i], NULL, come_and_go, &arguments[i]) == 0);
	EXPECT(smal_thread_leave(thread) == SMAL_OK);
	for (int i = 0; i < 2; i++)
		EXPECT(pthread_join(ids[i], NULL) == 0);
	EXPECT(smal_thread_enter(thread) == SMAL_OK);
	return arguments[0] > arguments[1] ? arguments[0] : arguments[1];
}

START_TEST(test_cycles)
{
	unsigned cycles = test_is_slow() ? 500 : test_long() ? 50000 : 5000;
	struct smal_space_stats before, after;
	size_t mappings;

	run_cycles(100);
	smal_get_space_stats(&before);
	mappings = test_mappings();
	/* Numbers are used again: this collector's and two more. */
	ck_assert_uint_le(run_cycles(cycles), 3);
	smal_get_space_stats(&after);
	ck_assert_uint_eq(after.used_bytes, before.used_bytes);
	ck_assert_uint_eq(after.mappings, before.mappings);
	ck_assert_uint_eq(after.os_failures, before.os_failures);
	if (mappings != TEST_UNKNOWN && !test_is_slow())
		ck_assert_uint_le(test_mappings(), mappings + 2);
}
END_TEST

/* ---- Many at a time ---- */

enum { MANY = 1000, LARGEST_COST = 256 * 1024 };

static struct other many[MANY];

static void *attach_to_many(void *argument)
{
	static struct smal_thread *self[MANY];
	size_t before = test_private_dirty_bytes(), bytes;
	unsigned count = *(unsigned *)argument;

	for (unsigned i = 0; i < count; i++) {
		other_begin(&many[i]);
		live(many[i].gc, many[i].pair, &self[i]);
	}
	bytes = test_private_dirty_bytes();
	if (bytes != TEST_UNKNOWN && !test_is_slow())
		EXPECT((bytes - before) / count < LARGEST_COST);
	for (unsigned i = 0; i < count; i++) {
		struct smal_gc_stats stats;

		EXPECT(smal_thread_self(many[i].gc) == self[i]);
		smal_gc_get_stats(many[i].gc, &stats);
		EXPECT(stats.objects.live_objects == KEPT);
		if (i % 10 == 0)
			EXPECT(smal_check(self[i]) == SMAL_OK && smal_collect(self[i]) == SMAL_OK);
	}
	return NULL;
}

/* The thread ends attached to all of them. */
START_TEST(test_many)
{
	unsigned count = test_is_slow() ? MANY / 10 : MANY;
	pthread_t id;

	ck_assert_int_eq(pthread_create(&id, NULL, attach_to_many, &count), 0);
	ck_assert_int_eq(pthread_join(id, NULL), 0);
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(smal_gc_destroy(many[i].gc), SMAL_OK);
	heap_check();
}
END_TEST

static Suite *many_suite(void)
{
	Suite *suite = suite_create("many");
	TCase *apart = tcase_create("apart");
	TCase *count = tcase_create("count");

	tcase_add_checked_fixture(apart, begin, end);
	tcase_add_test(apart, test_not_stopped);
	tcase_add_loop_test(apart, test_each_other, 2, 5);
	tcase_add_test(apart, test_foreign_objects);
	suite_add_tcase(suite, apart);

	tcase_add_checked_fixture(count, begin, end);
	tcase_add_test(count, test_cycles);
	tcase_add_test(count, test_many);
	suite_add_tcase(suite, count);
	return suite;
}

int main(void)
{
	return test_main(many_suite);
}
