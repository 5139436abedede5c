/* SPDX-License-Identifier: MIT */
/*
 * abi_cancel.c: threads that are cancelled while they collect, or while they are
 * suspended; and threads that are suspended where they hold what others wait for.
 */
#define _GNU_SOURCE
#include "test/libgc/abi.h"

#include <gc/javaxfc.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static volatile bool stop;
static volatile unsigned steps, warned, cleaned, went_on;

static void begin(void)
{
	abi_begin();
	GC_allow_register_threads();
}

/* ---- Cancelled in a collection ---- */

static void forget(void *object, void *data)
{
	EXPECT(object != NULL && data == NULL);
}

static void make_cycles(size_t n)
{
	while (n-- != 0) {
		void **a = GC_malloc(16), **b = GC_malloc(16);

		*a = b;
		*b = a;
		GC_register_finalizer(a, forget, NULL, NULL, NULL);
		GC_register_finalizer(b, forget, NULL, NULL, NULL);
	}
}

static void warn(char *format, GC_word value)
{
	EXPECT(format != NULL);
	(void)value;
	warned++;
	pthread_testcancel();
}

/* The program's functions are called by its collection: cycles are told of. */
static void *is_cancelled(void *argument)
{
	abi_away(make_cycles, 50);
	EXPECT(pthread_cancel(pthread_self()) == 0);
	GC_gcollect();
	GC_dump();
	went_on++;
	pthread_testcancel();
	return argument;
}

START_TEST(test_collecting)
{
	pthread_t thread;
	void *result = NULL;

	if (abi_on_stock())
		return;
	GC_set_warn_proc(warn);
	ck_assert_int_eq(GC_pthread_create(&thread, NULL, is_cancelled, NULL), 0);
	ck_assert_int_eq(GC_pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, PTHREAD_CANCELED);
	ck_assert_uint_eq(went_on, 1);
	ck_assert_uint_gt(warned, 0);
	abi_collect();
}
END_TEST

/* ---- Suspended ---- */

static void clean(void *argument)
{
	(void)argument;
	cleaned++;
	for (int i = 0; i < 1000; i++)
		GC_malloc(32);
}

static void *allocates(void *argument)
{
	pthread_cleanup_push(clean, NULL);
	while (!stop) {
		GC_malloc(32);
		if (++steps % 1024 == 0)
			pthread_testcancel();
	}
	pthread_cleanup_pop(0);
	return argument;
}

static void *allocates_without_signals(void *argument)
{
	sigset_t all;

	sigfillset(&all);
	EXPECT(GC_pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
	while (!stop) {
		GC_malloc(32);
		steps++;
	}
	return argument;
}

static void *collects(void *argument)
{
	while (!stop) {
		GC_gcollect();
		steps++;
	}
	return argument;
}

static void wait_for_steps(void)
{
	unsigned before = steps;

	while (steps == before)
		usleep(100);
}

static pthread_t start(void *(*body)(void *))
{
	pthread_t thread;

	EXPECT_EQ(GC_pthread_create(&thread, NULL, body, NULL), 0);
	wait_for_steps();
	return thread;
}

/* A suspended thread does nothing, also if it is cancelled; then it is. */
START_TEST(test_suspended)
{
	for (int i = 0; i < (test_is_slow() ? 3 : 20); i++) {
		pthread_t thread = start(allocates);
		void *result = NULL;

		cleaned = 0;
		GC_suspend_thread(thread);
		EXPECT_EQ(GC_pthread_cancel(thread), 0);
		usleep(2000);
		EXPECT_EQ(cleaned, 0);
		GC_resume_thread(thread);
		EXPECT_EQ(GC_pthread_join(thread, &result), 0);
		EXPECT(result == PTHREAD_CANCELED || abi_on_stock());
		EXPECT_EQ(cleaned, 1);
		abi_collect();
	}
}
END_TEST

/* One that has blocked whatever it may, and one that collects and nothing else. */
START_TEST(test_suspended_anywhere)
{
	pthread_t thread = start(_i == 0 ? allocates_without_signals : collects);

	for (int i = 0; i < (test_is_slow() ? 10 : 200); i++) {
		unsigned before;

		GC_suspend_thread(thread);
		before = steps;
		GC_gcollect();
		EXPECT_EQ(steps, before);
		GC_resume_thread(thread);
		if (i % 20 == 0)
			wait_for_steps();
	}
	stop = true;
	ck_assert_int_eq(GC_pthread_join(thread, NULL), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: threads that are cancelled, and suspended");
	TCase *plain = tcase_create("cancelled and suspended");

	tcase_add_checked_fixture(plain, begin, NULL);
	tcase_add_test(plain, test_collecting);
	tcase_add_test(plain, test_suspended);
	tcase_add_loop_test(plain, test_suspended_anywhere, 0, 2);
	suite_add_tcase(suite, plain);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
