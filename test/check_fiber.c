/* SPDX-License-Identifier: MIT */
/*
 * check_fiber.c: of each stack that does not run, what is in use is a root, with
 * the registers as they were, and nothing else; whatever way the runtime changes
 * stacks by, and whichever thread runs them. A collection on a stack that is not
 * known frees nothing, and says so.
 */
#include <smal/gc/gc.h>

#include "test/coroutine.h"
#include "test/hidden.h"
#include "test/hold.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { STACK_BYTES = 64 * 1024 };

static struct coroutine coroutine;
static char *stack;

static void begin_with(void (*heap)(void))
{
	heap();
	crew_begin();
	hidden_begin();
	stack = aligned_alloc(4096, STACK_BYTES);
	memset(stack, 0, STACK_BYTES);
}

static void begin_scanned(void)
{
	begin_with(heap_begin_scanned);
}

static void end(void)
{
	crew_end();
	heap_end();
	free(stack);
}

static void collect(void)
{
	hidden_scribble();
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
}

/* ---- What is held ---- */

static void hold_one(struct coroutine *self)
{
	char *volatile local = smal_alloc(self->self, hidden_type);

	EXPECT(local != NULL);
	self->hidden = HIDE(local);
	coroutine_yield(self);
	EXPECT(~self->hidden == (uintptr_t)local);
}

static unsigned count_live_of(const struct coroutine *all, unsigned count)
{
	unsigned live = 0;

	for (unsigned i = 0; i < count; i++)
		live += hidden_is_live(all[i].hidden);
	return live;
}

/* Many at a time; each holds the only pointer to an object in its frame. */
START_TEST(test_many)
{
	enum { EACH_BYTES = 16 * 1024 };
	unsigned count = (unsigned)heap_scale(10000);
	struct coroutine *all = calloc(count, sizeof *all);
	char *stacks = mmap(NULL, (size_t)count * EACH_BYTES, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert(all != NULL && stacks != MAP_FAILED);
	for (unsigned i = 0; i < count; i++) {
		coroutine_begin(&all[i], (enum coroutine_way)_i, stacks + (size_t)i * EACH_BYTES,
		                EACH_BYTES, true, hold_one);
		coroutine_resume(&all[i], thread);
	}
	collect();
	collect();
	ck_assert_uint_eq(count_live_of(all, count), count);
	/* The first half ends by itself, the rest as it stands. */
	for (unsigned i = 0; i < count; i++) {
		if (i < count / 2) {
			coroutine_resume(&all[i], thread);
			EXPECT(all[i].over);
		}
		EXPECT(smal_fiber_destroy(all[i].fiber) == SMAL_OK);
	}
	collect();
	ck_assert_uint_lt(count_live_of(all, count), 8 + count / 1000);
	heap_check();
	munmap(stacks, (size_t)count * EACH_BYTES);
	free(all);
}
END_TEST

#ifdef HOLD_REGISTERS

static int yield(void *argument)
{
	coroutine_yield(argument);
	return 0;
}

static void hold_in_registers(struct coroutine *self)
{
	for (int i = 0; i < HIDDEN; i++) {
		int reg = i % HOLD_REGISTERS;
		uintptr_t word;

		hidden_make(self->self);
		hidden_scribble();
		word = hold_registers[reg].hold(hidden[i], 0,
		                                self->way == COROUTINE_HAND
		                                        ? coroutine_yield_by_hand
		                                        : yield,
		                                self);
		EXPECT(word == ~hidden[i]);
		if (!hidden_is_live(~word))
			ck_abort_msg("only %s held it", hold_registers[reg].name);
		self->hidden += hidden_live();
	}
}

START_TEST(test_registers)
{
	if (CREW_UNDER_ASAN && _i == COROUTINE_SIGNAL)
		return;
	coroutine_begin(&coroutine, (enum coroutine_way)_i, stack, STACK_BYTES, true,
	                hold_in_registers);
	for (coroutine_resume(&coroutine, thread); !coroutine.over;
	     coroutine_resume(&coroutine, thread))
		collect();
	/* It was not that nothing dies. */
	ck_assert_uint_lt(coroutine.hidden, HIDDEN * HIDDEN / 4);
}
END_TEST

/* The same of the stack that a thread comes from. */
static void collect_on_fiber(struct coroutine *self)
{
	for (;;) {
		hidden_scribble();
		EXPECT(smal_collect(self->self) == SMAL_OK);
		coroutine_yield(self);
	}
}

static int resume(void *argument)
{
	coroutine_resume(argument, thread);
	return 0;
}

START_TEST(test_registers_of_own)
{
	if (CREW_UNDER_ASAN && _i == COROUTINE_SIGNAL)
		return;
	coroutine_begin(&coroutine, (enum coroutine_way)_i, stack, STACK_BYTES, true,
	                collect_on_fiber);
	coroutine.self = thread;
	for (int i = 0; i < HIDDEN; i++) {
		uintptr_t word;

		hidden_make(thread);
		hidden_scribble();
		word = hold_registers[i % HOLD_REGISTERS].hold(
			hidden[i], 0, _i == COROUTINE_HAND ? coroutine_resume_by_hand : resume,
			&coroutine);
		ck_assert_uint_eq(word, ~hidden[i]);
		ck_assert_msg(hidden_is_live(~word), "only %s held it",
		              hold_registers[i % HOLD_REGISTERS].name);
		ck_assert_uint_lt(hidden_live(), HIDDEN);
	}
}
END_TEST

#endif

/* ---- What is not ---- */

/* Leaves the addresses behind, far below where its caller goes on. */
static __attribute__((noinline)) void plant(void)
{
	char *volatile deep[2048];

	for (size_t i = 0; i < sizeof deep / sizeof *deep; i++)
		deep[i] = i < HIDDEN ? (char *)~hidden[i] : NULL;
}

static void plant_and_yield(struct coroutine *self)
{
	hidden_make(self->self);
	hidden_scribble();
	plant();
	coroutine_yield(self);
}

static unsigned count_planted(void)
{
	unsigned count = 0;

	for (size_t at = 0; at < STACK_BYTES; at += sizeof(uintptr_t)) {
		uintptr_t word = *(volatile uintptr_t *)(stack + at);

		for (int i = 0; i < HIDDEN; i++)
			count += word == ~hidden[i];
	}
	return count;
}

START_TEST(test_unused)
{
	coroutine_begin(&coroutine, (enum coroutine_way)_i, stack, STACK_BYTES, true,
	                plant_and_yield);
	coroutine_resume(&coroutine, thread);
	ck_assert_uint_ge(count_planted(), HIDDEN);
	collect();
	ck_assert_uint_lt(hidden_live(), HIDDEN / 4);
	ck_assert_int_eq(smal_fiber_destroy(coroutine.fiber), SMAL_OK);
}
END_TEST

/* A stack that has not run yet is none. */
START_TEST(test_new)
{
	struct smal_fiber *fiber;

	hidden_make(thread);
	for (int i = 0; i < HIDDEN; i++)
		memcpy(stack + (size_t)i * 64, &(uintptr_t){ ~hidden[i] }, sizeof *hidden);
	ck_assert_int_eq(smal_fiber_create(gc, stack, STACK_BYTES, &fiber), SMAL_OK);
	ck_assert_uint_ge(count_planted(), HIDDEN);
	collect();
	ck_assert_uint_lt(hidden_live(), HIDDEN / 4);
	ck_assert_int_eq(smal_fiber_destroy(fiber), SMAL_OK);
}
END_TEST

/* ---- Where a collection may run ---- */

static void collect_here(struct coroutine *self)
{
	char *volatile local[HIDDEN];
	char *volatile here = (char *)&local;

	EXPECT(smal_fiber_current(self->self) == self->fiber);
	EXPECT(here > stack && here < stack + STACK_BYTES);
	hidden_make(self->self);
	for (int i = 0; i < HIDDEN; i++)
		local[i] = (char *)~hidden[i] + 8;
	for (int i = 0; i < 3; i++) {
		hidden_scribble();
		EXPECT(smal_collect(self->self) == SMAL_OK);
		EXPECT(hidden_live() == HIDDEN);
		coroutine_yield(self);
	}
	for (int i = 0; i < HIDDEN; i++)
		EXPECT(local[i] == (char *)~hidden[i] + 8);
}

/* On a fiber, also if that is the thread's alternate signal stack. */
START_TEST(test_collect)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	coroutine_begin(&coroutine, (enum coroutine_way)_i, stack, STACK_BYTES, true, collect_here);
	for (coroutine_resume(&coroutine, thread); !coroutine.over;
	     coroutine_resume(&coroutine, thread)) {
		ck_assert_ptr_null(smal_fiber_current(thread));
		collect();
		ck_assert_uint_eq(hidden_live(), HIDDEN);
	}
	ck_assert_int_eq(smal_fiber_destroy(coroutine.fiber), SMAL_OK);
	ck_assert_int_eq(sigaltstack(&none, NULL), 0);
}
END_TEST

static void collect_lost(struct coroutine *self)
{
	hidden_make(self->self);
	hidden_scribble();
	EXPECT(smal_collect(self->self) == SMAL_OK);
	crew_told(SMAL_ERROR_INVALID);
	EXPECT(hidden_live() == HIDDEN);
}

/* Nobody has told of this stack. */
START_TEST(test_lost)
{
	coroutine_begin(&coroutine, COROUTINE_CONTEXT, stack, STACK_BYTES, false, collect_lost);
	coroutine_resume(&coroutine, thread);
	ck_assert(coroutine.over);
	ck_assert_uint_eq(hidden_live(), HIDDEN);
	collect();
	ck_assert_uint_lt(hidden_live(), HIDDEN / 4);
}
END_TEST

static Suite *fiber_suite(void)
{
	Suite *suite = suite_create("fiber");
	TCase *held = tcase_create("held");
	TCase *here = tcase_create("here");

	tcase_add_checked_fixture(held, begin_scanned, end);
	tcase_add_loop_test(held, test_many, 0, COROUTINE_WAYS);
#ifdef HOLD_REGISTERS
	tcase_add_loop_test(held, test_registers, 0, COROUTINE_WAYS);
	tcase_add_loop_test(held, test_registers_of_own, 0, COROUTINE_WAYS);
#endif
	tcase_add_loop_test(held, test_unused, 0, COROUTINE_WAYS);
	tcase_add_test(held, test_new);
	suite_add_tcase(suite, held);

	tcase_add_checked_fixture(here, begin_scanned, end);
	tcase_add_loop_test(here, test_collect, 0, COROUTINE_WAYS);
	tcase_add_test(here, test_lost);
	suite_add_tcase(suite, here);
	return suite;
}

int main(void)
{
	return test_main(fiber_suite);
}
