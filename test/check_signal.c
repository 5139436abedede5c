/* SPDX-License-Identifier: MIT */
/*
 * check_signal.c: a stop signal stops threads that never call in; what they hold in
 * frames and registers stays; and all of that amid any number of the program's own
 * signals, on the stack and on alternate ones, without a system call that fails.
 */
#include <smal/gc/gc.h>

#include "test/crew.h"
#include "test/hidden.h"
#include "test/hold.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

static volatile uint32_t go, ready, counter, delivered, moved;

static void begin(void)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF, .stop_signal = SIGPWR };

	heap_begin(&options);
	crew_begin();
	hidden_begin();
	go = ready = counter = delivered = moved = 0;
}

static void end(void)
{
	crew_end();
	heap_end();
}

/* ---- Stopping ---- */

static void watch_counter(struct smal_marker *marker, void *user)
{
	uint32_t before = smal_atomic_load_u32(&counter);

	(void)marker;
	(void)user;
	crew_yield(100);
	smal_atomic_add_u32(&moved, before != smal_atomic_load_u32(&counter));
}

static void compute(struct member *member)
{
	(void)member;
	while (smal_atomic_load_u32(&go) == 0)
		smal_atomic_add_u32(&counter, 1);
}

START_TEST(test_spinning)
{
	ck_assert_int_eq(smal_root_add_function(gc, watch_counter, NULL, NULL), SMAL_OK);
	crew_start(4, true, compute);
	for (int i = 0; i < 30; i++) {
		crew_wait(thread, &counter, smal_atomic_load_u32(&counter) + 100);
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	}
	smal_atomic_store_u32(&go, 1);
	crew_join();
	ck_assert_uint_eq(moved, 0);
}
END_TEST

/* Computes until the test has collected. */
static int spin(void *unused)
{
	uint32_t round;

	(void)unused;
	hidden_scribble();
	round = smal_atomic_add_u32(&ready, 1) + 1;
	while (smal_atomic_load_u32(&go) < round)
		;
	return 0;
}

static __attribute__((noinline)) void hold_on_stack(void)
{
	char *volatile local[HIDDEN];

	for (int i = 0; i < HIDDEN; i++)
		local[i] = (char *)~hidden[i] + i;
	spin(NULL);
	for (int i = 0; i < HIDDEN; i++)
		EXPECT(local[i] == (char *)~hidden[i] + i);
}

static void hold(struct member *member)
{
	hidden_make(member->self);
	hidden_scribble();
	hold_on_stack();
	EXPECT(hidden_live() == HIDDEN);
	spin(NULL);
	EXPECT(hidden_live() < HIDDEN / 4);
#ifdef HOLD_REGISTERS
	for (int i = 0; i < HIDDEN; i++) {
		int reg = i % HOLD_REGISTERS;

		hidden_make(member->self);
		hidden_scribble();
		if (!hidden_is_live(~hold_registers[reg].hold(hidden[i], 0, spin, NULL)))
			ck_abort_msg("only %s held it", hold_registers[reg].name);
	}
#endif
	smal_atomic_store_u32(&ready, UINT32_MAX);
}

START_TEST(test_holding)
{
	crew_start(1, true, hold);
	for (unsigned i = 1; smal_atomic_load_u32(&ready) != UINT32_MAX; i++) {
		crew_wait(thread, &ready, i);
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
		smal_atomic_store_u32(&go, i);
	}
	crew_join();
}
END_TEST

/* ---- System calls ---- */

static int pipes[2];

/* Blocks without leaving: no EINTR, though each collection sends a signal. */
static void read_bytes(struct member *member)
{
	char byte;

	(void)member;
	for (int i = 0; i < 50; i++) {
		smal_atomic_add_u32(&ready, 1);
		EXPECT(read(pipes[0], &byte, 1) == 1 && byte == i);
	}
}

START_TEST(test_restarted)
{
	ck_assert_int_eq(pipe(pipes), 0);
	crew_start(1, true, read_bytes);
	for (unsigned i = 0; i < 50; i++) {
		char byte = (char)i;

		crew_wait(thread, &ready, i + 1);
		for (int j = 0; j < 10; j++)
			ck_assert_int_eq(smal_collect(thread), SMAL_OK);
		ck_assert_int_eq(write(pipes[1], &byte, 1), 1);
	}
	crew_join();
	ck_assert_int_eq(close(pipes[0]) | close(pipes[1]), 0);
}
END_TEST

/* ---- The program's own signals ---- */

enum { WORKERS = 4, LENGTH = 50 };

static volatile uint32_t ended;

static void on_profile(int number)
{
	volatile unsigned work = 0;

	(void)number;
	while (work < 50)
		work++;
	errno = EBADMSG;
	smal_atomic_add_u32(&delivered, 1);
}

/* A timer's come at the rate of the system's clock. */
static uint32_t wanted(bool storm)
{
	uint32_t often = test_long() ? 100000 : test_is_slow() ? 500 : 5000;

	return storm ? often : often / 50;
}

/* A list on the stack, whose cells are checked, and made anew. */
static void allocate_and_check(struct smal_thread *self)
{
	void **list = NULL, **cell;
	uintptr_t n;

	for (n = 0; n < LENGTH; n++) {
		EXPECT((cell = smal_alloc(self, roots[1])) != NULL && cell[0] == NULL);
		cell[0] = list;
		cell[1] = (void *)n;
		list = cell;
	}
	for (cell = list; cell != NULL; cell = cell[0])
		EXPECT(cell[1] == (void *)--n);
	EXPECT(n == 0);
	EXPECT(smal_free(self, list) == SMAL_OK);
}

static void work_amid_signals(struct member *member)
{
	stack_t stack = { .ss_size = 1 << 16 }, none = { .ss_flags = SS_DISABLE };

	stack.ss_sp = malloc(stack.ss_size);
	EXPECT(member->index % 2 == 0 || sigaltstack(&stack, NULL) == 0);
	smal_atomic_add_u32(&ready, 1);
	while (smal_atomic_load_u32(&go) == 0) {
		allocate_and_check(member->self);
		if (member->index == 0)
			EXPECT(smal_collect(member->self) == SMAL_OK);
	}
	smal_atomic_add_u32(&ended, 1);
	/* The signals are over before the thread is. */
	crew_wait(member->self, &go, 2);
	EXPECT(sigaltstack(&none, NULL) == 0);
	free(stack.ss_sp);
}

static void collect_amid_signals(bool storm)
{
	for (unsigned i = 0; smal_atomic_load_u32(&delivered) < wanted(storm); i++) {
		if (storm)
			EXPECT(pthread_kill(crew[i % WORKERS].id, SIGPROF) == 0);
		if (i % 16 == 0)
			EXPECT(smal_collect(thread) == SMAL_OK);
	}
}

START_TEST(test_own_signals)
{
	struct sigaction action = { .sa_handler = on_profile, .sa_flags = SA_RESTART | SA_ONSTACK };
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };

	ended = 0;
	roots[1] = heap_pair_type();
	ck_assert_int_eq(sigfillset(&action.sa_mask), 0);
	/* Once with the stop signal blocked meanwhile, once nested in the handler. */
	if (_i % 2 == 1)
		ck_assert_int_eq(sigemptyset(&action.sa_mask), 0);
	ck_assert_int_eq(sigaction(SIGPROF, &action, NULL), 0);
	crew_start(WORKERS, true, work_amid_signals);
	crew_wait(thread, &ready, WORKERS);
	if (_i >= 2)
		ck_assert_int_eq(setitimer(ITIMER_PROF, &often, NULL), 0);
	collect_amid_signals(_i < 2);
	ck_assert_int_eq(setitimer(ITIMER_PROF, &never, NULL), 0);
	smal_atomic_store_u32(&go, 1);
	crew_wait(thread, &ended, WORKERS);
	smal_atomic_store_u32(&go, 2);
	crew_join();
	roots[1] = NULL;
}
END_TEST

/* ---- Refused ---- */

START_TEST(test_refused)
{
	struct smal_gc_options options = { .stop_signal = SIGPWR, .exact_stacks = 1 };
	static const int wrong[] = { SIGKILL, SIGSTOP, 9999, -1 };
	struct smal_gc *other = NULL;

	ck_assert_int_eq(smal_gc_create(&options, &other), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		options = (struct smal_gc_options){ .stop_signal = wrong[i] };
		ck_assert_int_eq(smal_gc_create(&options, &other), SMAL_ERROR_INVALID);
		crew_told(SMAL_ERROR_INVALID);
	}
	ck_assert_ptr_null(other);
}
END_TEST

static Suite *signal_suite(void)
{
	Suite *suite = suite_create("signal");
	TCase *tcase = tcase_create("signal");

	tcase_add_checked_fixture(tcase, begin, end);
	/* ThreadSanitizer keeps signals back until a thread calls the system. */
	if (!CREW_UNDER_TSAN) {
		tcase_add_test(tcase, test_spinning);
		tcase_add_test(tcase, test_holding);
	}
	tcase_add_test(tcase, test_restarted);
	tcase_add_loop_test(tcase, test_own_signals, 0, 3);
	tcase_add_test(tcase, test_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(signal_suite);
}
