/* SPDX-License-Identifier: MIT */
/*
 * abi_fork.c: what is done with libgc's lock held while other threads collect, and forks
 * while they allocate.
 */
#define _GNU_SOURCE
#include "test/libgc/abi.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static void begin(void)
{
	abi_begin();
	GC_allow_register_threads();
}

/* ---- The lock ---- */

static GC_hidden_pointer weak[100];
static bool stop;

static void *renew(void *where)
{
	GC_hidden_pointer *link = where;
	void *object = *link == 0 ? NULL : GC_REVEAL_POINTER(*link);

	if (object != NULL)
		EXPECT(GC_base(object) == object && GC_is_heap_ptr(object));
	return object;
}

static void *reads_weak(void *argument)
{
	size_t read = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		for (size_t i = 0; i < 100; i++) {
			void *object = GC_call_with_alloc_lock(renew, &weak[i]);

			if (object != NULL) {
				EXPECT(abi_filled(object, i, 64));
				read++;
			}
		}
	*(size_t *)argument = read;
	return NULL;
}

/* Weak references that are read under the lock, while they are cleared. */
START_TEST(test_lock)
{
	pthread_t threads[3];
	size_t read[3] = { 0 };

	for (int i = 0; i < 3; i++)
		EXPECT_EQ(GC_pthread_create(&threads[i], NULL, reads_weak, &read[i]), 0);
	for (int round = 0; round < (test_is_slow() ? 20 : 300); round++) {
		for (size_t i = 0; i < 100; i++) {
			void *object = GC_malloc(64);

			abi_fill(object, i, 64);
			GC_alloc_lock();
			weak[i] = GC_HIDE_POINTER(object);
			GC_alloc_unlock();
			GC_general_register_disappearing_link((void **)&weak[i], object);
		}
		GC_gcollect();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(GC_pthread_join(threads[i], NULL), 0);
	ck_assert_uint_gt(read[0] + read[1] + read[2], 0);
}
END_TEST

/* ---- Forks ---- */

static void begin_forks(void)
{
	GC_set_handle_fork(1);
	begin();
}

static void *allocates(void *argument)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		abi_work(1 << 20, 1, false);
	return argument;
}

static void forget(void *object, void *data)
{
	EXPECT(object != NULL && data == NULL);
}

static void finalize_some(void)
{
	for (int i = 0; i < 2000; i++)
		GC_register_finalizer_no_order(GC_malloc(16), forget, NULL, NULL, NULL);
}

/* They need memory for the tables while they have the lock. */
static void *finalizes(void *argument)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		finalize_some();
	return argument;
}

static void child_works(void)
{
	alarm(60);
	finalize_some();
	abi_work(2 << 20, 3, true);
	abi_collect();
	_exit(GC_thread_is_registered() ? 7 : 1);
}

static void fork_often(void *(*body)(void *), bool by_hand)
{
	pthread_t threads[3];
	int status;

	for (int i = 0; i < 3; i++)
		EXPECT_EQ(GC_pthread_create(&threads[i], NULL, body, NULL), 0);
	for (int i = 0; i < (test_is_slow() ? 3 : 20); i++) {
		pid_t child;

		if (by_hand)
			GC_atfork_prepare();
		child = fork();
		if (by_hand)
			(child == 0 ? GC_atfork_child : GC_atfork_parent)();
		if (child == 0)
			child_works();
		EXPECT(waitpid(child, &status, 0) == child);
		EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		abi_work(0, 2, true);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(GC_pthread_join(threads[i], NULL), 0);
}

START_TEST(test_fork)
{
	fork_often(_i == 0 ? allocates : finalizes, false);
}
END_TEST

START_TEST(test_fork_by_hand)
{
	GC_set_handle_fork(-1);
	begin();
	fork_often(allocates, true);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: the lock, and forks");
	TCase *lock = tcase_create("the lock"), *forks = tcase_create("forks");
	TCase *bare = tcase_create("forks by hand");

	tcase_add_checked_fixture(lock, begin, NULL);
	tcase_add_test(lock, test_lock);
	suite_add_tcase(suite, lock);
	tcase_add_checked_fixture(forks, begin_forks, NULL);
	tcase_add_loop_test(forks, test_fork, 0, 2);
	suite_add_tcase(suite, forks);
	tcase_add_test(bare, test_fork_by_hand);
	suite_add_tcase(suite, bare);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
