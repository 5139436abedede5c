/* SPDX-License-Identifier: MIT */
/*
 * abi_stack.c: what libgc sees of the stacks of threads that are blocked or that a client
 * stops, and the signals with which it stops them. (Stacks of a client's: abi_fiber.c.)
 */
#define _GNU_SOURCE
#include "test/libgc/abi.h"

#define GC_SUSPEND_THREAD_ID pthread_t
#include <gc/javaxfc.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

static sem_t ready, go;

static void begin(void)
{
	abi_begin();
	GC_allow_register_threads();
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

/* Makes and watches objects number first and following, `count` of them, on the stack. */
static void make(void **slots, size_t first, size_t count)
{
	for (size_t i = 0; i < count; i++)
		abi_watch(first + i, slots[i] = GC_malloc(i % 100 + 8));
	ABI_SEEN(slots);
}

static void see_live(size_t limit)
{
	EXPECT_EQ(abi_dead(0, limit), 0);
}

/* ---- Blocked threads ---- */

static void *blocks(void *argument)
{
	EXPECT(argument == &ready);
	sem_post(&ready);
	wait_for(&go);
	return &go;
}

static void __attribute__((noinline)) hold_blocked(void)
{
	void *slots[ABI_MANY];

	make(slots, 0, ABI_MANY);
	EXPECT(GC_do_blocking(blocks, &ready) == &go);
	ABI_SEEN(slots);
}

static void *blocked_thread(void *argument)
{
	hold_blocked();
	/* It is as before. */
	for (int i = 0; i < 1000; i++)
		EXPECT(abi_all(GC_malloc(100), 0, 100));
	GC_gcollect();
	return argument;
}

/* What the caller's frames refer to is kept. */
START_TEST(test_blocked)
{
	pthread_t thread;

	ck_assert_int_eq(GC_pthread_create(&thread, NULL, blocked_thread, NULL), 0);
	wait_for(&ready);
	for (int i = 0; i < 5; i++) {
		abi_collect();
		see_live(ABI_MANY);
	}
	sem_post(&go);
	GC_pthread_join(thread, NULL);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

static void *collects_meanwhile(void *argument)
{
	wait_for(&ready);
	for (int i = 0; i < 5; i++) {
		abi_collect();
		see_live(ABI_MANY);
	}
	sem_post(&go);
	return argument;
}

/* The first thread. */
START_TEST(test_blocked_first)
{
	pthread_t thread;

	ck_assert_int_eq(GC_pthread_create(&thread, NULL, collects_meanwhile, NULL), 0);
	hold_blocked();
	GC_pthread_join(thread, NULL);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

static size_t depth;
static bool by_another;

/* Collects as often as it is asked to. */
static void *collects_for(void *times)
{
	for (size_t i = 0; i < (size_t)times; i++) {
		wait_for(&go);
		abi_collect();
		sem_post(&ready);
	}
	return NULL;
}

static void collect_somehow(void)
{
	abi_clear_stack();
	if (by_another) {
		sem_post(&go);
		wait_for(&ready);
	} else
		abi_collect();
}

enum { DEPTH = 8, EACH = 100 };

static void *go_inside(void *argument);

/* At each depth there are objects, in frames that are active. */
static void *active(void *argument)
{
	size_t level = (size_t)argument;
	void *slots[EACH];

	make(slots, level * EACH, EACH);
	collect_somehow();
	see_live((level + 1) * EACH);
	if (level + 1 < DEPTH)
		EXPECT_EQ((size_t)GC_do_blocking(go_inside, (void *)(level + 1)), level + 1);
	collect_somehow();
	see_live((level + 1) * EACH);
	ABI_SEEN(slots);
	depth++;
	return argument;
}

static void *go_inside(void *argument)
{
	return GC_call_with_gc_active(active, argument);
}

static void *nests(void *argument)
{
	EXPECT(active(NULL) == NULL);
	return argument;
}

/* In the first thread or in another one, with collections by itself or by another. */
START_TEST(test_nested)
{
	pthread_t thread, collector;

	by_another = _i >= 2;
	if (by_another)
		ck_assert_int_eq(
			GC_pthread_create(&collector, NULL, collects_for, (void *)(2 * DEPTH)), 0);
	if (_i % 2 == 0)
		nests(NULL);
	else {
		ck_assert_int_eq(GC_pthread_create(&thread, NULL, nests, NULL), 0);
		GC_pthread_join(thread, NULL);
	}
	if (by_another)
		GC_pthread_join(collector, NULL);
	ck_assert_uint_eq(depth, DEPTH);
	abi_collect();
	ck_assert_uint_ge(abi_dead(0, DEPTH * EACH), DEPTH * EACH * 9 / 10);
}
END_TEST

static void *is_active(void *argument)
{
	void *slots[ABI_MANY];

	make(slots, 0, ABI_MANY);
	abi_collect();
	see_live(ABI_MANY);
	ABI_SEEN(slots);
	return argument;
}

/* Without being blocked. */
START_TEST(test_active)
{
	ck_assert_ptr_eq(GC_call_with_gc_active(is_active, &depth), &depth);
}
END_TEST

/* A thread that wakes while another collects. */
static bool stop;

static void *naps(void *argument)
{
	usleep(10);
	return argument;
}

static void *wakes(void *argument)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		void *object = GC_malloc(64);

		abi_fill(object, 5, 64);
		GC_do_blocking(naps, NULL);
		EXPECT(abi_filled(object, 5, 64));
	}
	return argument;
}

START_TEST(test_wakes)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		EXPECT_EQ(GC_pthread_create(&threads[i], NULL, wakes, NULL), 0);
	for (int i = 0; i < (test_is_slow() ? 20 : 500); i++) {
		for (int j = 0; j < 100; j++)
			memset(GC_malloc(64), 0xa5, 64);
		GC_gcollect();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(GC_pthread_join(threads[i], NULL), 0);
}
END_TEST

/* ---- Threads that are stopped ---- */

static volatile size_t counter;

static void *counts(void *argument)
{
	void *slots[ABI_MANY];

	make(slots, 0, ABI_MANY);
	sem_post(&ready);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		counter++;
	ABI_SEEN(slots);
	return argument;
}

static bool counter_moves(void)
{
	size_t before = counter;

	for (int i = 0; i < 1000 && counter == before; i++)
		usleep(1000);
	return counter != before;
}

static bool counter_rests(void)
{
	size_t before = counter;

	usleep(50000);
	return counter == before;
}

static pthread_t start_counting(void)
{
	pthread_t thread;

	EXPECT_EQ(GC_pthread_create(&thread, NULL, counts, NULL), 0);
	wait_for(&ready);
	EXPECT(counter_moves());
	return thread;
}

static void end_counting(pthread_t thread)
{
	EXPECT(counter_moves());
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	EXPECT_EQ(GC_pthread_join(thread, NULL), 0);
}

START_TEST(test_stopped_world)
{
	pthread_t thread = start_counting();

	for (int i = 0; i < 3; i++) {
		GC_stop_world_external();
		ck_assert(counter_rests());
		GC_start_world_external();
		ck_assert(counter_moves());
		GC_gcollect();
	}
	end_counting(thread);
}
END_TEST

/* It rests through collections, and keeps what it kept. Stopping twice is stopping
 * once. */
START_TEST(test_suspended)
{
	pthread_t thread = start_counting();

	ck_assert_int_eq(GC_is_thread_suspended(thread), 0);
	GC_suspend_thread(thread);
	GC_suspend_thread(thread);
	ck_assert_int_ne(GC_is_thread_suspended(thread), 0);
	ck_assert(counter_rests());
	for (int i = 0; i < 5; i++) {
		abi_collect();
		see_live(ABI_MANY);
		for (int j = 0; j < 10000; j++)
			GC_malloc(100);
	}
	ck_assert(counter_rests());
	GC_resume_thread(thread);
	ck_assert_int_eq(GC_is_thread_suspended(thread), 0);
	GC_resume_thread(thread);
	end_counting(thread);
}
END_TEST

/* ---- Signals ---- */

static void *blocks_signals(void *argument)
{
	sigset_t all, now;

	sigfillset(&all);
	EXPECT_EQ(GC_pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
	EXPECT_EQ(pthread_sigmask(SIG_SETMASK, NULL, &now), 0);
	EXPECT_EQ(sigismember(&now, SIGUSR1), 1);
	return counts(argument);
}

/* A thread that blocks all signals is stopped still. */
START_TEST(test_signals)
{
	pthread_t thread;

	ck_assert_int_gt(GC_get_suspend_signal(), 0);
	ck_assert_int_gt(GC_get_thr_restart_signal(), 0);
	EXPECT_EQ(GC_pthread_create(&thread, NULL, blocks_signals, NULL), 0);
	wait_for(&ready);
	for (int i = 0; i < 5; i++) {
		abi_collect();
		see_live(ABI_MANY);
	}
	end_counting(thread);
}
END_TEST

/* Chosen before the collector is initialised; afterwards without effect. */
START_TEST(test_signals_chosen)
{
	GC_set_suspend_signal(SIGRTMIN + 6);
	GC_set_thr_restart_signal(SIGRTMIN + 5);
	begin();
	ck_assert_int_eq(GC_get_suspend_signal(), SIGRTMIN + 6);
	ck_assert_int_eq(GC_get_thr_restart_signal(), SIGRTMIN + 5);
	GC_set_suspend_signal(SIGUSR1);
	ck_assert_int_eq(GC_get_suspend_signal(), SIGRTMIN + 6);
	end_counting(start_counting());
	GC_gcollect();
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: stacks");
	TCase *plain = tcase_create("stacks"), *bare = tcase_create("signals");

	tcase_add_checked_fixture(plain, begin, NULL);
	tcase_add_test(plain, test_blocked);
	tcase_add_test(plain, test_blocked_first);
	tcase_add_loop_test(plain, test_nested, 0, 4);
	tcase_add_test(plain, test_active);
	tcase_add_test(plain, test_wakes);
	tcase_add_test(plain, test_stopped_world);
	tcase_add_test(plain, test_suspended);
	tcase_add_test(plain, test_signals);
	suite_add_tcase(suite, plain);
	tcase_add_test(bare, test_signals_chosen);
	suite_add_tcase(suite, bare);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
