/* SPDX-License-Identifier: MIT */
/*
 * abi_thread.c: threads of libgc: those that are registered and those that it starts,
 * how they end, many of them. (Stacks: abi_stack.c; the lock, and forks: abi_fork.c.)
 */
#define _GNU_SOURCE
#include "test/libgc/abi.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

static sem_t ready, go;

static void begin(void)
{
	abi_begin();
	GC_allow_register_threads();
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
}

/* A collection may interrupt it. */
static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

static void enroll(void)
{
	struct GC_stack_base base;

	EXPECT_EQ(GC_get_stack_base(&base), GC_SUCCESS);
	EXPECT_EQ(GC_register_my_thread(&base), GC_SUCCESS);
}

static void *run(void *(*create_body)(void *), void *argument)
{
	pthread_t thread;
	void *result = NULL;

	EXPECT_EQ(pthread_create(&thread, NULL, create_body, argument), 0);
	EXPECT_EQ(pthread_join(thread, &result), 0);
	return result;
}

/* ---- Registering ---- */

static void *registers_often(void *argument)
{
	struct GC_stack_base base = { NULL };

	EXPECT(!GC_thread_is_registered());
	EXPECT_EQ(GC_get_stack_base(&base), GC_SUCCESS);
	EXPECT((char *)base.mem_base > (char *)&base);
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(GC_register_my_thread(&base), GC_SUCCESS);
		EXPECT(GC_thread_is_registered());
		EXPECT_EQ(GC_register_my_thread(&base), GC_DUPLICATE);
		EXPECT(abi_all(GC_malloc(100), 0, 100));
		GC_gcollect();
		EXPECT_EQ(GC_unregister_my_thread(), GC_SUCCESS);
		EXPECT(!GC_thread_is_registered());
	}
	return argument;
}

START_TEST(test_registered)
{
	int here;

	ck_assert_int_ne(GC_thread_is_registered(), 0);
	ck_assert_ptr_eq(run(registers_often, &here), &here);
	ck_assert_int_ne(GC_thread_is_registered(), 0);
}
END_TEST

static void *with_base(struct GC_stack_base *base, void *argument)
{
	EXPECT((char *)base->mem_base > (char *)&base);
	if (argument != NULL) {
		EXPECT_EQ(GC_register_my_thread(base), GC_SUCCESS);
		GC_gcollect();
		EXPECT_EQ(GC_unregister_my_thread(), GC_SUCCESS);
	}
	return &ready;
}

static void *calls_with_base(void *argument)
{
	EXPECT(GC_call_with_stack_base(with_base, argument) == &ready);
	return NULL;
}

START_TEST(test_call_with_base)
{
	ck_assert_ptr_eq(GC_call_with_stack_base(with_base, NULL), &ready);
	run(calls_with_base, &go);
}
END_TEST

/* ---- What a thread's stack keeps ---- */

/* Has a thousand objects on its stack until it may go. */
static void __attribute__((noinline)) hold(void)
{
	void *slots[ABI_MANY];

	for (size_t i = 0; i < ABI_MANY; i++)
		abi_watch(i, slots[i] = GC_malloc(i % 100 + 8));
	ABI_SEEN(slots);
	sem_post(&ready);
	wait_for(&go);
	ABI_SEEN(slots);
}

static void *holds(void *argument)
{
	hold();
	return argument;
}

static void *registers_and_holds(void *argument)
{
	enroll();
	hold();
	if (argument == NULL)
		EXPECT_EQ(GC_unregister_my_thread(), GC_SUCCESS);
	return argument;
}

static void see_held(void)
{
	wait_for(&ready);
	for (int i = 0; i < 5; i++)
		abi_collect();
	EXPECT_ALL_LIVE();
}

START_TEST(test_registered_holds)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, registers_and_holds, NULL), 0);
	see_held();
	sem_post(&go);
	pthread_join(thread, NULL);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

/* One that ends without a word. The documentation wants one, and stock libgc waits for
 * such a thread for ever; so this is for ours. */
START_TEST(test_ends_registered)
{
	pthread_t thread;

	if (abi_on_stock())
		return;
	ck_assert_int_eq(pthread_create(&thread, NULL, registers_and_holds, &go), 0);
	see_held();
	sem_post(&go);
	pthread_join(thread, NULL);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

static void *exits(void *argument)
{
	hold();
	GC_pthread_exit(argument);
}

/* Stock libgc loses that now and then, of a thread that it signals at the same time. */
static bool is_cancelled(void *result)
{
	return result == PTHREAD_CANCELED || (abi_on_stock() && result == NULL);
}

/* They end by return, by an exit, by being cancelled. */
START_TEST(test_created_holds)
{
	pthread_t thread;
	void *result = NULL;
	int argument;

	ck_assert_int_eq(GC_pthread_create(&thread, NULL, _i == 1 ? exits : holds, &argument), 0);
	see_held();
	if (_i == 2)
		ck_assert_int_eq(GC_pthread_cancel(thread), 0);
	else
		sem_post(&go);
	ck_assert_int_eq(GC_pthread_join(thread, &result), 0);
	ck_assert(_i == 2 ? is_cancelled(result) : result == (void *)&argument);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

static void *waits(void *argument)
{
	void *object = GC_malloc(100);

	sem_post(&ready);
	wait_for(&go);
	GC_reachable_here(object);
	return argument;
}

/* Threads that are cancelled while a collection has them stopped, or has just let them
 * go. */
START_TEST(test_cancelled)
{
	enum { THREADS = 3 };
	pthread_t threads[THREADS];
	void *result;

	for (int i = 0; i < (test_is_slow() ? 20 : 300); i++) {
		for (int j = 0; j < THREADS; j++) {
			EXPECT_EQ(GC_pthread_create(&threads[j], NULL, waits, NULL), 0);
			wait_for(&ready);
		}
		for (int j = 0; j < THREADS; j++) {
			GC_gcollect();
			EXPECT_EQ(GC_pthread_cancel(threads[j]), 0);
		}
		GC_gcollect();
		for (int j = 0; j < THREADS; j++) {
			result = NULL;
			EXPECT_EQ(GC_pthread_join(threads[j], &result), 0);
			EXPECT(is_cancelled(result));
		}
	}
}
END_TEST

START_TEST(test_detached)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	if (_i == 1)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	ck_assert_int_eq(GC_pthread_create(&thread, &attr, holds, NULL), 0);
	see_held();
	if (_i == 0)
		ck_assert_int_eq(GC_pthread_detach(thread), 0);
	sem_post(&go);
	for (int i = 0; i < 1000 && abi_dead(0, ABI_MANY) < ABI_MANY * 9 / 10; i++) {
		usleep(1000);
		abi_collect();
	}
	EXPECT_MOST_DEAD();
}
END_TEST

/* What is given to a thread and what it returns is kept on the way. */
static void *passes(void *argument)
{
	size_t *object = GC_malloc(64);

	usleep(10000);
	EXPECT(abi_filled(argument, 3, 64));
	abi_fill(object, 4, 64);
	return object;
}

static void *fresh_argument(void)
{
	void *object = GC_malloc(64);

	abi_fill(object, 3, 64);
	return object;
}

START_TEST(test_passed)
{
	enum { THREADS = 20 };
	pthread_t threads[THREADS];
	void *result;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(GC_pthread_create(&threads[i], NULL, passes, fresh_argument()), 0);
	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < 1000; j++)
			memset(GC_malloc(64), 0xa5, 64);
		abi_collect();
		usleep(3000);
	}
	for (int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(GC_pthread_join(threads[i], &result), 0);
		ck_assert(abi_filled(result, 4, 64));
	}
}
END_TEST

/* ---- Who is told ---- */

static unsigned stopped, resumed;
static pthread_t told_of;

static void on_thread(GC_EventType event, void *thread)
{
	if ((pthread_t)thread != told_of)
		return;
	stopped += event == GC_EVENT_THREAD_SUSPENDED;
	resumed += event == GC_EVENT_THREAD_UNSUSPENDED;
}

/* Another thread is stopped once in each collection, and goes on. How ours stops them
 * nobody sees. */
START_TEST(test_event)
{
	if (!abi_on_stock())
		return;
	ck_assert_int_eq(GC_pthread_create(&told_of, NULL, holds, NULL), 0);
	wait_for(&ready);
	GC_set_on_thread_event(on_thread);
	for (unsigned i = 1; i <= 5; i++) {
		GC_gcollect();
		ck_assert_uint_eq(stopped, i);
		ck_assert_uint_eq(resumed, i);
	}
	GC_set_on_thread_event(NULL);
	GC_gcollect();
	ck_assert_uint_eq(stopped, 5);
	sem_post(&go);
	GC_pthread_join(told_of, NULL);
}
END_TEST

/* ---- Many ---- */

static void *comes_and_goes(void *argument)
{
	if ((size_t)argument % 2 == 0)
		enroll();
	abi_work((size_t)argument << 20, 1, (size_t)argument % 16 == 0);
	if ((size_t)argument % 2 == 0)
		EXPECT_EQ(GC_unregister_my_thread(), GC_SUCCESS);
	return argument;
}

START_TEST(test_1000)
{
	enum { ATONCE = 20 };
	size_t n = test_is_slow() ? 100 : 1000;

	for (size_t i = 0; i < n; i += ATONCE) {
		pthread_t threads[ATONCE];

		for (size_t j = 0; j < ATONCE; j++)
			EXPECT_EQ(((i + j) % 2 == 0 ? pthread_create : GC_pthread_create)(
					  &threads[j], NULL, comes_and_goes, (void *)(i + j)),
			          0);
		for (size_t j = 0; j < ATONCE; j++) {
			void *result;

			EXPECT_EQ(((i + j) % 2 == 0 ? pthread_join : GC_pthread_join)(threads[j],
			                                                              &result),
			          0);
			EXPECT_EQ((size_t)result, i + j);
		}
	}
}
END_TEST

static void *collects(void *argument)
{
	abi_work((size_t)argument << 20, test_is_slow() ? 3 : 60, true);
	return NULL;
}

/* Collections by several threads at once. */
START_TEST(test_all_collect)
{
	pthread_t threads[6];

	for (size_t i = 0; i < 6; i++)
		EXPECT_EQ(GC_pthread_create(&threads[i], NULL, collects, (void *)i), 0);
	abi_work(0, 20, true);
	for (size_t i = 0; i < 6; i++)
		EXPECT_EQ(GC_pthread_join(threads[i], NULL), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: threads");
	TCase *plain = tcase_create("threads"), *cancel = tcase_create("cancelled");

	tcase_add_checked_fixture(plain, begin, NULL);
	tcase_add_test(plain, test_registered);
	tcase_add_test(plain, test_call_with_base);
	tcase_add_test(plain, test_registered_holds);
	tcase_add_test(plain, test_ends_registered);
	tcase_add_loop_test(plain, test_created_holds, 0, 3);
	tcase_add_loop_test(plain, test_detached, 0, 2);
	tcase_add_test(plain, test_passed);
	tcase_add_test(plain, test_event);
	tcase_add_test(plain, test_1000);
	tcase_add_test(plain, test_all_collect);
	suite_add_tcase(suite, plain);
	tcase_add_checked_fixture(cancel, begin, NULL);
	tcase_add_test(cancel, test_cancelled);
	tcase_set_timeout(cancel, 60);
	suite_add_tcase(suite, cancel);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
