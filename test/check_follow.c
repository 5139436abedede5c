/* SPDX-License-Identifier: MIT */
/*
 * check_follow.c: where a runtime says in a variable where the stack ends that a thread
 * stands on, that part of it is a root, and nothing else of the thread's; where it says
 * something that can't be, nothing is freed, and the sink is told.
 */
#include <smal/gc/attach.h>

#include "test/coroutine.h"
#include "test/hidden.h"
#include "test/hold.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

enum { STACK_BYTES = 64 * 1024 };

static struct coroutine coroutine;
static char *stack;
/* What the runtime keeps. */
static const void *volatile stack_limit;
static volatile uint32_t ready, over;

static void begin_with(const struct smal_gc_options *options)
{
	heap_begin(options);
	/* What is only hidden must stay until it is asked about. */
	smal_gc_set_torture(gc, 0);
	crew_begin();
	hidden_begin();
	stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(stack, MAP_FAILED);
	stack_limit = NULL;
	ready = over = 0;
}

static void begin(void)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF };

	begin_with(&options);
}

static void begin_by_signal(void)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF, .stop_signal = SIGPWR };

	begin_with(&options);
}

static void end(void)
{
	crew_end();
	heap_end();
	munmap(stack, STACK_BYTES);
}

/* Runs the body on the stack, which is the current one meanwhile. */
static void run(struct smal_thread *self, void (*body)(struct coroutine *coroutine))
{
	coroutine_begin(&coroutine, COROUTINE_CONTEXT, stack, STACK_BYTES, false, body);
	stack_limit = stack + STACK_BYTES;
	coroutine_resume(&coroutine, self);
	stack_limit = NULL;
}

/* ---- What is a root ---- */

/* The objects are held here alone. */
static void hold_here(struct coroutine *self)
{
	char *volatile local[HIDDEN];

	hidden_make(self->self);
	for (int i = 0; i < HIDDEN; i++)
		local[i] = (char *)~hidden[i] + 8;
	hidden_scribble();
	for (int i = 0; i < 3; i++)
		EXPECT(smal_collect(self->self) == SMAL_OK);
	EXPECT(hidden_live() == HIDDEN);
	for (int i = 0; i < HIDDEN; i++)
		EXPECT(local[i] == (char *)~hidden[i] + 8);
}

START_TEST(test_held)
{
	ck_assert_int_eq(smal_thread_follow(thread, &stack_limit), SMAL_OK);
	run(thread, hold_here);
	ck_assert(coroutine.over);
	/* On a stack that is known it is not asked for. */
	hidden_scribble();
	stack_limit = (void *)1;
	heap_collect();
	ck_assert_uint_lt(hidden_live(), HIDDEN / 4);
	hidden_make(thread);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
}
END_TEST

static void collect_here(struct coroutine *self)
{
	hidden_scribble();
	EXPECT(smal_collect(self->self) == SMAL_OK);
	self->index = hidden_live();
}

/* The part of the thread's own stack that waits. */
static void *volatile *waits_base, *volatile *waits_limit;

static void mark_waiting(struct smal_marker *marker, void *user)
{
	(void)user;
	smal_mark_range(marker, (void *)(uintptr_t)waits_base, (void *)(uintptr_t)waits_limit);
}

/* A stack that is left is for a root function. */
START_TEST(test_left_behind)
{
	void *volatile local[HIDDEN];

	ck_assert_int_eq(smal_thread_follow(thread, &stack_limit), SMAL_OK);
	waits_base = local;
	waits_limit = local + HIDDEN;
	ck_assert_int_eq(smal_root_add_function(gc, mark_waiting, NULL, "waiting"), SMAL_OK);
	hidden_make(thread);
	for (int i = 0; i < HIDDEN; i++)
		local[i] = (void *)~hidden[i];
	run(thread, collect_here);
	ck_assert_uint_eq(coroutine.index, HIDDEN);
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	run(thread, collect_here);
	ck_assert_uint_lt(coroutine.index, HIDDEN / 4);
	for (int i = 0; i < HIDDEN; i++)
		local[i] = NULL;
}
END_TEST

/* Above the end there may be anything. */
static void hold_above(struct coroutine *self)
{
	char *volatile local[HIDDEN];

	hidden_make(self->self);
	for (int i = 0; i < HIDDEN; i++)
		local[i] = (char *)~hidden[i];
	stack_limit = (const void *)&local[HIDDEN / 2];
	collect_here(self);
	for (int i = 0; i < HIDDEN / 2; i++)
		EXPECT(hidden_is_live(hidden[i]));
	EXPECT(local[0] == (char *)~hidden[0]);
}

START_TEST(test_end)
{
	ck_assert_int_eq(smal_thread_follow(thread, &stack_limit), SMAL_OK);
	run(thread, hold_above);
	ck_assert_uint_lt(coroutine.index, HIDDEN * 3 / 4);
}
END_TEST

/* ---- Others collect ---- */

static void leave_here(struct coroutine *self)
{
	char *volatile local[HIDDEN];

	hidden_make(self->self);
	for (int i = 0; i < HIDDEN; i++)
		local[i] = (char *)~hidden[i];
	hidden_scribble();
	EXPECT(smal_thread_leave(self->self) == SMAL_OK);
	smal_atomic_store_u32(&ready, 1);
	crew_wait(NULL, &over, 1);
	EXPECT(smal_thread_enter(self->self) == SMAL_OK);
	EXPECT(local[0] == (char *)~hidden[0]);
}

static void poll_here(struct coroutine *self)
{
	char *volatile local[HIDDEN];

	hidden_make(self->self);
	for (int i = 0; i < HIDDEN; i++)
		local[i] = (char *)~hidden[i];
	hidden_scribble();
	smal_atomic_store_u32(&ready, 1);
	crew_wait(self->self, &over, 1);
	EXPECT(local[0] == (char *)~hidden[0]);
}

/* Does nothing that the collector would see. */
static void spin_here(struct coroutine *self)
{
	char *volatile local[HIDDEN];

	hidden_make(self->self);
	for (int i = 0; i < HIDDEN; i++)
		local[i] = (char *)~hidden[i];
	hidden_scribble();
	smal_atomic_store_u32(&ready, 1);
	while (smal_atomic_load_u32(&over) == 0)
		;
	EXPECT(local[0] == (char *)~hidden[0]);
}

static void (*body)(struct coroutine *coroutine);

static void follow(struct member *member)
{
	EXPECT(smal_thread_follow(member->self, &stack_limit) == SMAL_OK);
	run(member->self, body);
	smal_atomic_store_u32(&ready, 2);
}

/* However the thread has stopped there. */
static void collect_meanwhile(void (*there)(struct coroutine *coroutine))
{
	body = there;
	crew_start(1, true, follow);
	crew_wait(thread, &ready, 1);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
		ck_assert_uint_eq(hidden_live(), HIDDEN);
	}
	smal_atomic_store_u32(&over, 1);
	crew_wait(thread, &ready, 2);
	crew_join();
	heap_collect();
	ck_assert_uint_lt(hidden_live(), HIDDEN / 4);
}

START_TEST(test_others_collect)
{
	collect_meanwhile(_i == 0 ? leave_here : poll_here);
}
END_TEST

START_TEST(test_by_signal)
{
	void (*const bodies[])(struct coroutine *coroutine) = { leave_here, poll_here, spin_here };

	collect_meanwhile(bodies[_i]);
}
END_TEST

#ifdef HOLD_REGISTERS

/* Has pushed the registers when it leaves, and gives them back as it returns. */
static __attribute__((noinline)) void leave_below(struct smal_thread *self)
{
	__asm__ volatile("xor %%ebx, %%ebx\n	xor %%r12d, %%r12d\n	xor %%r13d, %%r13d\n"
	                 "	xor %%r14d, %%r14d\n	xor %%r15d, %%r15d"
	                 :
	                 :
	                 : "rbx", "r12", "r13", "r14", "r15", "cc");
	EXPECT(smal_thread_leave(self) == SMAL_OK);
}

static int leave_for_now(void *argument)
{
	uint32_t turn = smal_atomic_add_u32(&ready, 1) + 1;

	if (turn / 2 / HOLD_REGISTERS % 2 == 0)
		EXPECT(smal_thread_leave(argument) == SMAL_OK);
	else
		leave_below(argument);
	hidden_scribble();
	smal_atomic_add_u32(&ready, 1);
	crew_wait(NULL, &over, turn / 2 + 1);
	EXPECT(smal_thread_enter(argument) == SMAL_OK);
	return 0;
}

static void hold_in_registers(struct coroutine *self)
{
	for (int i = 0; i < HIDDEN; i++) {
		int reg = i % HOLD_REGISTERS;
		uintptr_t word;

		hidden_make(self->self);
		hidden_scribble();
		word = hold_registers[reg].hold(hidden[i], 0, leave_for_now, self->self);
		EXPECT(word == ~hidden[i]);
		if (!hidden_is_live(~word))
			ck_abort_msg("only %s held it", hold_registers[reg].name);
		self->index += hidden_live();
	}
}

static void follow_registers(struct member *member)
{
	EXPECT(smal_thread_follow(member->self, &stack_limit) == SMAL_OK);
	run(member->self, hold_in_registers);
}

/* As it left, with its registers. */
START_TEST(test_registers)
{
	crew_start(1, true, follow_registers);
	for (uint32_t i = 1; i <= HIDDEN; i++) {
		crew_wait(thread, &ready, 2 * i);
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
		smal_atomic_store_u32(&over, i);
	}
	crew_join();
	ck_assert_uint_lt(coroutine.index, HIDDEN * HIDDEN / 4);
}
END_TEST

#endif

/* ---- What is no answer ---- */

static const void *answer;

static void collect_lost(struct coroutine *self)
{
	hidden_make(self->self);
	hidden_scribble();
	stack_limit = answer;
	EXPECT(smal_collect(self->self) == SMAL_OK);
	crew_told(SMAL_ERROR_INVALID);
	EXPECT(hidden_live() == HIDDEN);
	/* It is read anew each time. */
	stack_limit = stack + STACK_BYTES;
	collect_here(self);
}

START_TEST(test_lost)
{
	const struct smal_fiber *own = &smal_attached(thread)->own;
	const void *answers[] = { NULL, stack, (const void *)own->limit,
		                  (const void *)(own->base + 4096), (const void *)1 };

	answer = answers[_i];
	ck_assert_int_eq(smal_thread_follow(thread, &stack_limit), SMAL_OK);
	run(thread, collect_lost);
	ck_assert(coroutine.over);
	ck_assert_uint_lt(coroutine.index, HIDDEN / 4);
}
END_TEST

static void collect_unfollowed(struct coroutine *self)
{
	hidden_make(self->self);
	hidden_scribble();
	EXPECT(smal_thread_follow(self->self, NULL) == SMAL_OK);
	EXPECT(smal_collect(self->self) == SMAL_OK);
	crew_told(SMAL_ERROR_INVALID);
	EXPECT(hidden_live() == HIDDEN);
	EXPECT(smal_thread_follow(self->self, &stack_limit) == SMAL_OK);
	collect_here(self);
}

START_TEST(test_ended)
{
	ck_assert_int_eq(smal_thread_follow(thread, &stack_limit), SMAL_OK);
	run(thread, collect_unfollowed);
	ck_assert_uint_lt(coroutine.index, HIDDEN / 4);
}
END_TEST

/* An attachment that ends takes it along. */
START_TEST(test_detached)
{
	ck_assert_int_eq(smal_thread_follow(thread, &stack_limit), SMAL_OK);
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	ck_assert_ptr_null((const void *)(uintptr_t)smal_attached(thread)->follow);
}
END_TEST

/* ---- Fibers ---- */

static void collect_on_fiber(struct coroutine *self)
{
	char *volatile local[HIDDEN];

	hidden_make(self->self);
	for (int i = 0; i < HIDDEN; i++)
		local[i] = (char *)~hidden[i];
	/* Who believed it would miss them. */
	stack_limit = (const void *)&local[0];
	collect_here(self);
	EXPECT(local[0] == (char *)~hidden[0]);
}

/* A fiber is a stack that is known, and so is the one that it was entered from. */
START_TEST(test_fiber)
{
	void *volatile local = heap_alloc(hidden_type);
	uintptr_t object = HIDE(local);

	ck_assert_int_eq(smal_thread_follow(thread, &stack_limit), SMAL_OK);
	coroutine_begin(&coroutine, COROUTINE_CONTEXT, stack, STACK_BYTES, true, collect_on_fiber);
	coroutine_resume(&coroutine, thread);
	ck_assert_uint_eq(coroutine.index, HIDDEN);
	ck_assert(hidden_is_live(object));
	ck_assert_int_eq(smal_fiber_destroy(coroutine.fiber), SMAL_OK);
	ck_assert_ptr_nonnull(local);
}
END_TEST

/* ---- What is refused ---- */

static void follow_from_outside(struct member *member)
{
	(void)member;
	EXPECT(smal_thread_follow(thread, &stack_limit) == SMAL_ERROR_NOT_ATTACHED);
	crew_told(SMAL_ERROR_NOT_ATTACHED);
}

static void follow_in_root(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	EXPECT(smal_thread_follow(thread, &stack_limit) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
}

START_TEST(test_refused)
{
	ck_assert_int_eq(smal_thread_follow(NULL, &stack_limit), SMAL_ERROR_NOT_ATTACHED);
	crew_told(SMAL_ERROR_NOT_ATTACHED);
	crew_start(1, false, follow_from_outside);
	crew_join();
	ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
	ck_assert_int_eq(smal_thread_follow(thread, &stack_limit), SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
	ck_assert_int_eq(smal_root_add_function(gc, follow_in_root, NULL, NULL), SMAL_OK);
	heap_collect();
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	ck_assert_ptr_null((const void *)(uintptr_t)smal_attached(thread)->follow);
}
END_TEST

static Suite *follow_suite(void)
{
	Suite *suite = suite_create("follow");
	TCase *alone = tcase_create("alone");
	TCase *by_signal = tcase_create("by signal");

	tcase_add_checked_fixture(alone, begin, end);
	tcase_add_test(alone, test_held);
	tcase_add_test(alone, test_left_behind);
	tcase_add_test(alone, test_end);
	tcase_add_loop_test(alone, test_others_collect, 0, 2);
#ifdef HOLD_REGISTERS
	tcase_add_test(alone, test_registers);
#endif
	tcase_add_loop_test(alone, test_lost, 0, 5);
	tcase_add_test(alone, test_ended);
	tcase_add_test(alone, test_detached);
	tcase_add_test(alone, test_fiber);
	tcase_add_test(alone, test_refused);
	suite_add_tcase(suite, alone);

	tcase_add_checked_fixture(by_signal, begin_by_signal, end);
	tcase_add_loop_test(by_signal, test_by_signal, 0, 3);
	suite_add_tcase(suite, by_signal);
	return suite;
}

int main(void)
{
	return test_main(follow_suite);
}
