/* SPDX-License-Identifier: MIT */
/*
 * check_switch.c: fibers that one thread after another runs keep what they hold;
 * each stack has its own chain of frames; and a switch, an end or a detachment at
 * the wrong moment is refused, and has changed nothing.
 */
#include <smal/gc/gc.h>

#include "test/coroutine.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_BYTES = 64 * 1024 };

static struct smal_type *pair;
static struct coroutine coroutine;
static char *stack;
static volatile uint32_t go, ready;

static void begin_with(void (*heap)(void))
{
	heap();
	crew_begin();
	pair = heap_pair_type();
	stack = aligned_alloc(4096, STACK_BYTES);
	memset(stack, 0, STACK_BYTES);
	go = ready = 0;
}

static void begin_scanned(void)
{
	begin_with(heap_begin_scanned);
}

static void begin_exact(void)
{
	begin_with(heap_begin_exact);
}

static void end(void)
{
	crew_end();
	heap_end();
	free(stack);
}

/* ---- From thread to thread ---- */

enum { RUNNERS = 4, TRAVELLERS = 24 };

static struct coroutine travellers[TRAVELLERS];
static volatile uint32_t claimed[TRAVELLERS], finished;

/* A list in its frame, longer at each step. */
static void travel(struct coroutine *self)
{
	unsigned steps = test_is_slow() ? 50 : 400;
	void **volatile list = NULL;

	for (uintptr_t n = 0; n < steps; n++) {
		void **cell = smal_alloc(self->self, pair);

		EXPECT(cell != NULL && cell[0] == NULL && cell[1] == NULL);
		cell[0] = list;
		cell[1] = (void *)(n * TRAVELLERS + self->index);
		list = cell;
		if (n % 16 == self->index % 16)
			EXPECT(smal_collect(self->self) == SMAL_OK);
		coroutine_yield(self);
		EXPECT(smal_fiber_current(self->self) == self->fiber);
	}
	for (void **cell = list; cell != NULL; cell = cell[0])
		EXPECT(cell[1] == (void *)(--steps * (uintptr_t)TRAVELLERS + self->index));
	EXPECT(steps == 0);
}

/* Runs whichever waits for a runner. */
static void run_travellers(struct member *member)
{
	struct test_random random;

	test_random_init(&random, member->index);
	while (smal_atomic_load_u32(&finished) < TRAVELLERS) {
		size_t at = test_random_below(&random, TRAVELLERS);

		smal_poll(member->self);
		if (!smal_atomic_cas_u32(&claimed[at], 0, 1))
			continue;
		coroutine_resume(&travellers[at], member->self);
		EXPECT(smal_fiber_current(member->self) == NULL);
		if (travellers[at].over)
			smal_atomic_add_u32(&finished, 1);
		else
			smal_atomic_store_u32(&claimed[at], 0);
	}
}

START_TEST(test_migrate)
{
	char *stacks = aligned_alloc(4096, TRAVELLERS * (size_t)STACK_BYTES);

	finished = 0;
	for (unsigned i = 0; i < TRAVELLERS; i++) {
		claimed[i] = 0;
		coroutine_begin(&travellers[i], (enum coroutine_way)_i,
		                stacks + (size_t)i * STACK_BYTES, STACK_BYTES, true, travel);
		travellers[i].index = i;
	}
	crew_start(RUNNERS, true, run_travellers);
	crew_join();
	for (unsigned i = 0; i < TRAVELLERS; i++)
		ck_assert_int_eq(smal_fiber_destroy(travellers[i].fiber), SMAL_OK);
	heap_collect();
	ck_assert_uint_lt(heap_live(), 400 * 2);
	free(stacks);
}
END_TEST

/* ---- Frames ---- */

static void *alloc_marked(struct smal_thread *self, uintptr_t mark)
{
	void **object = smal_alloc(self, pair);

	EXPECT(object != NULL);
	object[1] = (void *)mark;
	return object;
}

static void push_and_yield(struct coroutine *self)
{
	struct smal_frame outer, inner;
	void *slots[2] = { NULL };

	smal_frame_push(self->self, &outer, &slots[0], 1);
	slots[0] = alloc_marked(self->self, 1);
	smal_frame_push(self->self, &inner, &slots[1], 1);
	slots[1] = alloc_marked(self->self, 2);
	coroutine_yield(self);
	EXPECT(((void **)slots[0])[1] == (void *)1 && ((void **)slots[1])[1] == (void *)2);
	smal_frame_pop(self->self, &inner);
	coroutine_yield(self);
	EXPECT(((void **)slots[0])[1] == (void *)1);
	smal_frame_pop(self->self, &outer);
	/* That of the other stack is not on this one's chain. */
	smal_frame_pop(self->self, (struct smal_frame *)self->hidden);
	crew_told(SMAL_ERROR_INVALID);
}

START_TEST(test_frames)
{
	struct smal_frame frame;
	void *slots[1] = { NULL };

	coroutine_begin(&coroutine, (enum coroutine_way)_i, stack, STACK_BYTES, true,
	                push_and_yield);
	coroutine.hidden = (uintptr_t)&frame;
	smal_frame_push(thread, &frame, slots, 1);
	slots[0] = alloc_marked(thread, 3);
	coroutine_resume(&coroutine, thread);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 3);
	/* Off and on again, between the other stack's. */
	smal_frame_pop(thread, &frame);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
	smal_frame_push(thread, &frame, slots, 1);
	slots[0] = alloc_marked(thread, 4);
	coroutine_resume(&coroutine, thread);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
	coroutine_resume(&coroutine, thread);
	ck_assert(coroutine.over);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1);
	ck_assert_ptr_eq(((void **)slots[0])[1], (void *)4);
	smal_frame_pop(thread, &frame);
	ck_assert_int_eq(smal_fiber_destroy(coroutine.fiber), SMAL_OK);
}
END_TEST

/* A fiber that is destroyed as it stands takes its frames along. */
START_TEST(test_destroyed_frames)
{
	coroutine_begin(&coroutine, (enum coroutine_way)_i, stack, STACK_BYTES, true,
	                push_and_yield);
	coroutine_resume(&coroutine, thread);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
	ck_assert_int_eq(smal_fiber_destroy(coroutine.fiber), SMAL_OK);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* ---- Refused ---- */

/* On a fiber: what may not be done there. */
static void misuse_on_fiber(struct coroutine *self)
{
	EXPECT(smal_fiber_switch(self->self, self->fiber) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_thread_detach(self->self) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_fiber_destroy(self->fiber) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_fiber_current(self->self) == self->fiber);
	smal_atomic_store_u32(&ready, 1);
	crew_wait(self->self, &go, 1);
}

static void run_misuse(struct member *member)
{
	coroutine_begin(&coroutine, COROUTINE_CONTEXT, stack, STACK_BYTES, true, misuse_on_fiber);
	coroutine_resume(&coroutine, member->self);
	EXPECT(coroutine.over);
}

START_TEST(test_running)
{
	crew_start(1, true, run_misuse);
	crew_wait(thread, &ready, 1);
	/* Another thread runs on it. */
	ck_assert_int_eq(smal_fiber_switch(thread, coroutine.fiber), SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	ck_assert_int_eq(smal_fiber_destroy(coroutine.fiber), SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	ck_assert_ptr_null(smal_fiber_current(thread));
	heap_collect();
	smal_atomic_store_u32(&go, 1);
	crew_join();
	ck_assert_int_eq(smal_fiber_destroy(coroutine.fiber), SMAL_OK);
}
END_TEST

START_TEST(test_wrong)
{
	struct smal_gc_options exact = { .exact_stacks = 1 };
	struct smal_fiber *fiber = NULL, *foreign;
	struct smal_gc *other;

	/* Its own stack already. */
	ck_assert_int_eq(smal_fiber_switch(thread, NULL), SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	ck_assert_int_eq(smal_fiber_create(gc, NULL, STACK_BYTES, &fiber), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_fiber_create(gc, stack, 0, &fiber), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_fiber_create(gc, stack, SIZE_MAX, &fiber), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_fiber_create(gc, stack, STACK_BYTES, NULL), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_fiber_create(NULL, stack, STACK_BYTES, &fiber), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(fiber);
	ck_assert_int_eq(smal_fiber_destroy(NULL), SMAL_OK);
	ck_assert_int_eq(smal_gc_create(&exact, &other), SMAL_OK);
	ck_assert_int_eq(smal_fiber_create(other, stack, STACK_BYTES, &foreign), SMAL_OK);
	ck_assert_int_eq(smal_fiber_switch(thread, foreign), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_gc_destroy(other), SMAL_OK);
	ck_assert_ptr_null(smal_fiber_current(thread));
}
END_TEST

/* In callbacks fibers are neither made nor ended. */
static struct smal_fiber *kept;

static void meddle(struct smal_marker *marker, void *user)
{
	struct smal_fiber *fiber;

	(void)marker;
	(void)user;
	EXPECT(smal_fiber_create(gc, stack, STACK_BYTES, &fiber) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_fiber_destroy(kept) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_fiber_switch(thread, kept) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	smal_atomic_store_u32(&ready, 1);
}

START_TEST(test_callback)
{
	ck_assert_int_eq(smal_fiber_create(gc, stack, STACK_BYTES, &kept), SMAL_OK);
	ck_assert_int_eq(smal_root_add_function(gc, meddle, NULL, NULL), SMAL_OK);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert_uint_eq(ready, 1);
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	ck_assert_int_eq(smal_fiber_destroy(kept), SMAL_OK);
	/* Its memory is another thing's, or nobody's. */
	ck_assert_int_eq(smal_fiber_destroy(kept), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_fiber_switch(thread, kept), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
}
END_TEST

static Suite *switch_suite(void)
{
	Suite *suite = suite_create("switch");
	TCase *migrate = tcase_create("migrate");
	TCase *exact = tcase_create("exact");

	tcase_add_checked_fixture(migrate, begin_scanned, end);
	/* A longjmp to where another thread has set out is none of setjmp's promises. */
	tcase_add_loop_test(migrate, test_migrate, COROUTINE_CONTEXT, COROUTINE_CONTEXT + 1);
#if COROUTINE_HAND_WAY
	tcase_add_loop_test(migrate, test_migrate, COROUTINE_HAND, COROUTINE_HAND + 1);
#endif
	tcase_add_test(migrate, test_running);
	suite_add_tcase(suite, migrate);

	tcase_add_checked_fixture(exact, begin_exact, end);
	tcase_add_loop_test(exact, test_frames, 0, COROUTINE_WAYS);
	tcase_add_loop_test(exact, test_destroyed_frames, 0, COROUTINE_WAYS);
	tcase_add_test(exact, test_wrong);
	tcase_add_test(exact, test_callback);
	suite_add_tcase(suite, exact);
	return suite;
}

int main(void)
{
	return test_main(switch_suite);
}
