/* SPDX-License-Identifier: MIT */
/*
 * abi_arrive.c: threads that come at once, while the first one, which was alone until
 * then, is in the middle of something: has the lock, allocates, collects; or at its end.
 *
 *   first    --------[lock]--[lock]--[lock]--[lock]-----    knows of no other thread
 *   others           register, ...   [lock]  [lock] ...     all at once
 *
 * A process becomes one of several threads but once: each attempt is a process of its
 * own, a child of the test's, which has no collector. One that hangs is ended by its
 * alarm.
 */
#define _GNU_SOURCE
#include "test/libgc/abi.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	OTHERS = 12,
	KEPT = 20000,
	LINKS = 200,
	ATTEMPTS = 60,
	CHILD_SECONDS = 20,
	/* The status of a child in which all went well. */
	WELL = 7
};

/* What the first thread does, over and over. */
enum first { LOCKS, ALLOCATES, COLLECTS, FIRSTS };

static bool go, all_came;
static unsigned come, have_lock;

/* ---- What each thread does ---- */

/* With the lock: nobody else has it for as long. */
static void *alone(void *us)
{
	TEST_DEMAND(__atomic_fetch_add(&have_lock, 1, __ATOMIC_SEQ_CST) == 0);
	usleep(*(const useconds_t *)us);
	TEST_DEMAND(__atomic_fetch_sub(&have_lock, 1, __ATOMIC_SEQ_CST) == 1);
	return NULL;
}

static void lock_for(useconds_t us)
{
	GC_call_with_alloc_lock(alone, &us);
}

/* The table of links is changed with the lock: all that were put there are found. */
static void link_many(void)
{
	void **objects[LINKS];

	for (size_t i = 0; i < LINKS; i++) {
		objects[i] = GC_malloc(32);
		TEST_DEMAND(GC_general_register_disappearing_link(objects[i], objects[i]) ==
		            GC_SUCCESS);
	}
	for (size_t i = 0; i < LINKS; i++)
		TEST_DEMAND(GC_unregister_disappearing_link(objects[i]) == 1);
	ABI_SEEN(objects);
}

static void work(void)
{
	for (int i = 0; i < 4; i++) {
		lock_for(1);
		link_many();
	}
}

/* ---- Coming ---- */

static void stand_by(void)
{
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void has_come(void)
{
	if (__atomic_add_fetch(&come, 1, __ATOMIC_SEQ_CST) == OTHERS)
		__atomic_store_n(&all_came, true, __ATOMIC_RELEASE);
}

/* The collector hears of it when it registers. */
static void *registers(void *argument)
{
	struct GC_stack_base base;

	stand_by();
	TEST_DEMAND(GC_get_stack_base(&base) == GC_SUCCESS);
	TEST_DEMAND(GC_register_my_thread(&base) == GC_SUCCESS);
	work();
	has_come();
	TEST_DEMAND(GC_unregister_my_thread() == GC_SUCCESS);
	return argument;
}

/* The collector has made it. */
static void *is_created(void *argument)
{
	work();
	has_come();
	return argument;
}

/* Makes one in the moment in which the others come. */
static void *creates(void *argument)
{
	pthread_t thread;

	stand_by();
	TEST_DEMAND(GC_pthread_create(&thread, NULL, is_created, argument) == 0);
	TEST_DEMAND(GC_pthread_join(thread, NULL) == 0);
	return argument;
}

/* On ours alone: nobody is told of it. */
static void *says_nothing(void *argument)
{
	stand_by();
	work();
	has_come();
	return argument;
}

static void *(*body(int i))(void *)
{
	if (i % 3 == 1 && !abi_on_stock())
		return creates;
	return i % 3 == 2 && !abi_on_stock() ? says_nothing : registers;
}

/* ---- An attempt ---- */

/* Long enough in a collection for the others to wait for its end together; then in the
 * lock while they come. */
static void be_first(enum first first, useconds_t us)
{
	switch (first) {
	case LOCKS:
		lock_for(us);
		usleep(us);
		break;
	case ALLOCATES:
		link_many();
		lock_for(us / 8);
		break;
	default:
		GC_gcollect();
		lock_for(us);
	}
}

static void *keep_many(void)
{
	void **head = NULL;

	for (int i = 0; i < KEPT; i++) {
		void **object = GC_malloc(64);

		*object = head;
		head = object;
	}
	return head;
}

_Noreturn static void attempt(enum first first, int number)
{
	pthread_t threads[OTHERS];
	void *kept;

	alarm(CHILD_SECONDS);
	abi_begin();
	GC_allow_register_threads();
	kept = keep_many();
	for (int i = 0; i < OTHERS; i++)
		TEST_DEMAND(pthread_create(&threads[i], NULL, body(i), NULL) == 0);
	__atomic_store_n(&go, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&all_came, __ATOMIC_ACQUIRE))
		be_first(first, (useconds_t)(50 + number % 10 * 200));
	for (int i = 0; i < OTHERS; i++)
		TEST_DEMAND(pthread_join(threads[i], NULL) == 0);
	GC_gcollect();
	link_many();
	GC_reachable_here(kept);
	_exit(WELL);
}

START_TEST(test_arrive)
{
	for (int i = 0; i < (test_is_slow() ? 5 : ATTEMPTS); i++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			attempt((enum first)_i, i);
		EXPECT(waitpid(child, &status, 0) == child);
		EXPECT_EQ(status, WELL << 8);
	}
}
END_TEST

/* ---- The first at its end ---- */

static pthread_key_t late_key;

/* Later than the collector's own destructor, as late as there is another round. */
static void late(void *round)
{
	if ((size_t)round < PTHREAD_DESTRUCTOR_ITERATIONS - 1) {
		pthread_setspecific(late_key, (void *)((size_t)round + 1));
		return;
	}
	__atomic_store_n(&go, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&all_came, __ATOMIC_ACQUIRE))
		be_first(LOCKS, 50);
}

static void *ends(void *argument)
{
	struct GC_stack_base base;

	TEST_DEMAND(GC_get_stack_base(&base) == GC_SUCCESS);
	TEST_DEMAND(GC_register_my_thread(&base) == GC_SUCCESS);
	pthread_setspecific(late_key, (void *)1);
	return argument;
}

_Noreturn static void attempt_late(void)
{
	pthread_t first, other;

	alarm(CHILD_SECONDS);
	come = OTHERS - 1;
	TEST_DEMAND(pthread_key_create(&late_key, late) == 0);
	TEST_DEMAND(pthread_create(&first, NULL, ends, NULL) == 0);
	TEST_DEMAND(pthread_create(&other, NULL, registers, NULL) == 0);
	pthread_join(other, NULL);
	pthread_join(first, NULL);
	/* It waits for nobody who is gone. */
	GC_gcollect();
	_exit(WELL);
}

/* On ours alone: stock libgc knows no thread that does not say that it ends. */
START_TEST(test_late)
{
	for (int i = 0; !abi_on_stock() && i < (test_is_slow() ? 2 : 20); i++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			attempt_late();
		EXPECT(waitpid(child, &status, 0) == child);
		EXPECT_EQ(status, WELL << 8);
	}
}
END_TEST

/* ---- Made with the lock ---- */

static void *create_locked(void *thread)
{
	TEST_DEMAND(GC_pthread_create(thread, NULL, is_created, NULL) == 0);
	return NULL;
}

_Noreturn static void attempt_locked(void)
{
	pthread_t thread;

	alarm(CHILD_SECONDS);
	abi_begin();
	GC_allow_register_threads();
	GC_call_with_alloc_lock(create_locked, &thread);
	TEST_DEMAND(GC_pthread_join(thread, NULL) == 0);
	lock_for(1);
	_exit(WELL);
}

/* On ours alone: stock libgc's lock does not nest. */
START_TEST(test_locked)
{
	pid_t child;
	int status;

	if (abi_on_stock())
		return;
	child = fork();
	if (child == 0)
		attempt_locked();
	EXPECT(waitpid(child, &status, 0) == child);
	EXPECT_EQ(status, WELL << 8);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: threads that come at once");
	TCase *plain = tcase_create("at once");

	tcase_add_loop_test(plain, test_arrive, 0, FIRSTS);
	tcase_add_test(plain, test_late);
	tcase_add_test(plain, test_locked);
	suite_add_tcase(suite, plain);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
