/* SPDX-License-Identifier: MIT */
/*
 * check_thread.c: threads attach to collectors and detach, or end without; what
 * they had claimed is used again. The counts of what many threads allocate and
 * free at once are exact at any moment.
 */
#include <smal/gc/gc.h>

#include "test/crew.h"

#include <limits.h>
#include <sched.h>
#include <unistd.h>

static struct smal_type *pair;
static volatile uint32_t go, ready, done;

static void begin_exact(void)
{
	heap_begin_exact();
	crew_begin();
	pair = heap_pair_type();
	go = ready = done = 0;
}

static void end(void)
{
	crew_end();
	heap_end();
}

/* ---- Attaching ---- */

enum { OTHERS = 3 };

static struct smal_gc *others[OTHERS];

static void begin_others(void)
{
	struct smal_gc_options exact = { .exact_stacks = 1 };

	begin_exact();
	for (int i = 0; i < OTHERS; i++)
		ck_assert_int_eq(smal_gc_create(&exact, &others[i]), SMAL_OK);
}

static void end_others(void)
{
	for (int i = 0; i < OTHERS; i++)
		ck_assert_int_eq(smal_gc_destroy(others[i]), SMAL_OK);
	end();
}

static void attach_and_detach(struct member *member)
{
	struct smal_thread *in[OTHERS], *again = NULL;

	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < OTHERS; i++) {
			struct smal_gc *other = others[((unsigned)i + member->index) % OTHERS];

			EXPECT(smal_thread_self(other) == NULL);
			EXPECT(smal_thread_attach(other, &in[i]) == SMAL_OK);
			EXPECT(smal_thread_self(other) == in[i]);
			EXPECT(smal_thread_attach(other, &again) == SMAL_ERROR_BUSY);
			crew_told(SMAL_ERROR_BUSY);
			EXPECT(again == NULL && smal_gc_destroy(other) == SMAL_ERROR_BUSY);
			crew_told(SMAL_ERROR_BUSY);
		}
		EXPECT(smal_alloc(member->self, pair) != NULL);
		/* In another order than that of attaching. */
		for (int i = 0; i < OTHERS; i++) {
			unsigned at = ((unsigned)i * 2 + 1) % OTHERS;

			EXPECT(smal_collect(in[at]) == SMAL_OK);
			EXPECT(smal_thread_detach(in[at]) == SMAL_OK);
			EXPECT(smal_thread_detach(in[at]) == SMAL_ERROR_NOT_ATTACHED);
			crew_told(SMAL_ERROR_NOT_ATTACHED);
		}
		EXPECT(smal_thread_self(gc) == member->self);
	}
}

START_TEST(test_attach)
{
	crew_start(8, true, attach_and_detach);
	crew_join();
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* An attachment's memory is used by the next thread: as many as there are threads
 * at a time, and what one has detached means nothing to another. */
static void use_again(struct member *member)
{
	void *object = smal_alloc(member->self, pair);

	EXPECT(object != NULL && smal_alloc_bytes(member->self, roots[1], 100) != NULL);
	smal_atomic_add_u32(&done, smal_thread_self(gc) == member->self);
}

START_TEST(test_use_again)
{
	struct smal_space_stats before, after;
	unsigned rounds = test_is_slow() ? 40 : 400;

	roots[1] = heap_text_type();
	for (unsigned i = 0; i < rounds; i++) {
		if (i == 10)
			smal_get_space_stats(&before);
		crew_start(1, true, use_again);
		crew_join();
	}
	smal_get_space_stats(&after);
	ck_assert_uint_eq(after.used_bytes, before.used_bytes);
	ck_assert_uint_eq(done, rounds);
	ck_assert_uint_eq(heap_live(), 2 * rounds);
	roots[1] = NULL;
}
END_TEST

/* ---- Ends without detaching ---- */

/* Rounds of destructors in which what is attached may be used: all but the last one,
 * and that in which the library's own detaches. */
enum { ROUNDS = PTHREAD_DESTRUCTOR_ITERATIONS - 2 };

static pthread_key_t key;

/* Holds objects in windows, in frames and by weak references, and goes. */
static void prepare_to_die(struct smal_thread *self, struct smal_frame *frame, void **slots)
{
	smal_frame_push(self, frame, slots, 2);
	for (int i = 0; i < 100; i++)
		EXPECT((slots[0] = smal_alloc(self, pair)) != NULL);
	EXPECT((slots[1] = smal_weak_create(self, slots[0], 0)) != NULL);
}

static void *die(void *argument)
{
	struct smal_thread *self, *in_other;
	struct smal_frame frame;
	void *slots[2] = { NULL };

	EXPECT(smal_thread_attach(gc, &self) == SMAL_OK);
	EXPECT(smal_thread_attach(others[0], &in_other) == SMAL_OK);
	prepare_to_die(self, &frame, slots);
	switch (*(int *)argument) {
	case 0:
		return argument;
	case 1:
		pthread_exit(argument);
	case 2:
		EXPECT(smal_thread_leave(self) == SMAL_OK &&
		       smal_thread_leave(in_other) == SMAL_OK);
		smal_atomic_store_u32(&ready, 1);
		for (;;)
			pause();
	default:
		/* Canceled while it computes, attached. */
		EXPECT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0);
		smal_atomic_store_u32(&ready, 1);
		for (;;)
			sched_yield();
	}
}

static void let_die(int way)
{
	pthread_t id;
	void *result;

	smal_atomic_store_u32(&ready, 0);
	ck_assert_int_eq(pthread_create(&id, NULL, die, &way), 0);
	if (way >= 2) {
		crew_wait(thread, &ready, 1);
		ck_assert_int_eq(pthread_cancel(id), 0);
	}
	/* Attaching and detaching wait for a collection, and for who is inside; no more. */
	ck_assert_int_eq(pthread_join(id, &result), 0);
	ck_assert_ptr_eq(result, way < 2 ? &way : PTHREAD_CANCELED);
}

START_TEST(test_die)
{
	struct smal_space_stats before, after;
	unsigned rounds = test_is_slow() ? 20 : 100;

	for (unsigned i = 0; i < rounds; i++) {
		let_die(_i);
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
		ck_assert_uint_eq(heap_live(), 0);
		if (i == 5)
			smal_get_space_stats(&before);
	}
	smal_get_space_stats(&after);
	ck_assert_uint_eq(after.used_bytes, before.used_bytes);
	heap_check();
}
END_TEST

/* A runtime's destructor, which uses what is attached. */
static void allocate_at_end(void *value)
{
	struct smal_thread *self = smal_thread_self(gc);
	uintptr_t round = (uintptr_t)value;
	void **object;

	EXPECT(self != NULL);
	object = smal_alloc(self, pair);
	EXPECT(object != NULL && smal_collect(self) == SMAL_OK);
	EXPECT((object = smal_alloc(self, pair)) != NULL);
	object[0] = roots[0];
	roots[0] = object;
	smal_atomic_add_u32(&done, 1);
	if (round < ROUNDS)
		EXPECT(pthread_setspecific(key, (void *)(round + 1)) == 0);
}

/* One that attaches in the last round of all, when nobody asks any more: it is gone, and
 * no collection waits for it for ever. */
static void attach_at_end(void *value)
{
	uintptr_t round = (uintptr_t)value;
	struct smal_thread *self;

	if (round < PTHREAD_DESTRUCTOR_ITERATIONS) {
		EXPECT(pthread_setspecific(key, (void *)(round + 1)) == 0);
		return;
	}
	EXPECT(smal_thread_attach(gc, &self) == SMAL_OK);
	EXPECT(smal_alloc(self, pair) != NULL);
	smal_atomic_add_u32(&done, 1);
}

static void *end_unseen(void *argument)
{
	EXPECT(pthread_setspecific(key, (void *)1) == 0);
	return argument;
}

START_TEST(test_unseen)
{
	pthread_t other;

	ck_assert_int_eq(pthread_key_create(&key, attach_at_end), 0);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_create(&other, NULL, end_unseen, NULL), 0);
		ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
		ck_assert_int_eq(pthread_join(other, NULL), 0);
		ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
		ck_assert_uint_eq(done, i + 1);
		heap_collect();
		ck_assert_uint_eq(heap_live(), 0);
	}
	heap_check();
	pthread_key_delete(key);
}
END_TEST

static void *end_with_destructor(void *argument)
{
	struct smal_thread *self;

	EXPECT(smal_thread_attach(gc, &self) == SMAL_OK);
	EXPECT(pthread_setspecific(key, (void *)1) == 0);
	return argument;
}

START_TEST(test_destructors)
{
	pthread_t id;

	ck_assert_int_eq(pthread_key_create(&key, allocate_at_end), 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(pthread_create(&id, NULL, end_with_destructor, NULL), 0);
		ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
		ck_assert_int_eq(pthread_join(id, NULL), 0);
		ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
	}
	ck_assert_uint_eq(done, 10 * ROUNDS);
	heap_collect();
	ck_assert_uint_eq(heap_live(), done);
	ck_assert_int_eq(pthread_key_delete(key), 0);
}
END_TEST

/* ---- Counts ---- */

enum { COUNTERS = 8 };

static struct tally {
	uint64_t objects, bytes;
} tallies[COUNTERS];

static struct smal_type *text;

static void allocate_and_tally(struct member *member)
{
	struct tally *tally = &tallies[member->index];
	struct test_random random;
	size_t steps = heap_scale(30000);
	struct smal_frame frame;
	void *slots[1] = { NULL };

	test_random_init(&random, member->index);
	*tally = (struct tally){ 0 };
	smal_frame_push(member->self, &frame, slots, 1);
	for (size_t i = 0; i < steps; i++) {
		bool fixed = test_random_below(&random, 2) == 0;
		size_t bytes = 1 + test_random_below(&random, i % 500 == 0 ? 400000 : 600);
		void *object = fixed ? smal_alloc(member->self, pair)
		                     : smal_alloc_bytes(member->self, text, bytes);

		EXPECT(object != NULL);
		tally->objects++;
		tally->bytes += smal_size(object);
		slots[0] = object;
		if (i % 1000 == 999)
			EXPECT(smal_collect(member->self) == SMAL_OK);
		else if (test_random_below(&random, 4) == 0)
			EXPECT(smal_free(member->self, object) == SMAL_OK);
	}
	smal_frame_pop(member->self, &frame);
	crew_meet(member->self, COUNTERS);
	/* All are attached, with windows half used. */
	smal_atomic_add_u32(&ready, 1);
	crew_wait(member->self, &go, 1);
}

START_TEST(test_counts)
{
	struct smal_gc_stats stats, before = { 0 };
	struct tally sum = { 0 };

	text = heap_text_type();
	crew_start(COUNTERS, true, allocate_and_tally);
	while (smal_atomic_load_u32(&ready) < COUNTERS) {
		smal_poll(thread);
		smal_gc_get_stats(gc, &stats);
		EXPECT(stats.objects.allocated_objects ==
		       stats.objects.live_objects + stats.objects.freed_objects);
		EXPECT(stats.objects.allocated_objects >= before.objects.allocated_objects);
		before = stats;
	}
	for (int i = 0; i < COUNTERS; i++) {
		sum.objects += tallies[i].objects;
		sum.bytes += tallies[i].bytes;
	}
	smal_gc_get_stats(gc, &stats);
	ck_assert_uint_eq(stats.objects.allocated_objects, sum.objects);
	ck_assert_uint_eq(stats.objects.allocated_bytes, sum.bytes);
	heap_check();
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
	smal_atomic_store_u32(&go, 1);
	crew_join();
	smal_gc_get_stats(gc, &stats);
	ck_assert_uint_eq(stats.objects.allocated_objects, sum.objects);
	ck_assert_uint_eq(stats.objects.freed_bytes, sum.bytes);
}
END_TEST

static Suite *thread_suite(void)
{
	Suite *suite = suite_create("thread");
	TCase *attach = tcase_create("attach");
	TCase *counts = tcase_create("counts");

	tcase_add_checked_fixture(attach, begin_others, end_others);
	tcase_add_test(attach, test_attach);
	tcase_add_test(attach, test_use_again);
	tcase_add_loop_test(attach, test_die, 0, CREW_UNDER_ASAN ? 2 : 4);
	tcase_add_test(attach, test_destructors);
	/* TSan's own data of a thread are gone by then. */
	if (!CREW_UNDER_TSAN)
		tcase_add_test(attach, test_unseen);
	suite_add_tcase(suite, attach);

	tcase_add_checked_fixture(counts, begin_exact, end);
	tcase_add_test(counts, test_counts);
	suite_add_tcase(suite, counts);
	return suite;
}

int main(void)
{
	return test_main(thread_suite);
}
