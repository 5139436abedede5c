/* SPDX-License-Identifier: MIT */
/*
 * check_vector_fork.c: a fork while other threads use pools: in the child every pool is
 * whole, also those in a caller's memory, and can be used; and the list of locks that
 * are held over a fork.
 */
#include "test/vectors.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 2, VECTORS = 50 };

static struct smal_vector_pool *pools[2];
static volatile AO_t over;

static void *work(void *argument)
{
	struct smal_vector_pool *mine = argument;
	static __thread char *vectors[VECTORS];
	struct test_random random;

	test_random_init(&random, (uintptr_t)&random);
	while (smal_atomic_load(&over) == 0) {
		char **at = &vectors[test_random_below(&random, VECTORS)];
		size_t bytes = test_random_below(
			&random, test_random_below(&random, 20) == 0 ? 100000 : 500);

		if (*at == NULL) {
			*at = smal_vector_alloc(mine, bytes);
		} else if (bytes % 3 == 0) {
			EXPECT(smal_vector_free(mine, *at) == SMAL_OK);
			*at = NULL;
		} else {
			char *vector = smal_vector_resize(mine, *at, bytes);

			*at = vector != NULL ? vector : *at;
		}
	}
	for (int i = 0; i < VECTORS; i++)
		EXPECT(smal_vector_free(mine, vectors[i]) == SMAL_OK);
	return NULL;
}

static void use(struct smal_vector_pool *mine)
{
	char *vectors[40];

	for (int i = 0; i < 40; i++) {
		vectors[i] = smal_vector_alloc(mine, 10);
		if (vectors[i] != NULL && smal_vector_used(mine, vectors[i]) != 0)
			_exit(2);
	}
	for (int i = 0; i < 40; i++)
		if (smal_vector_free(mine, vectors[i]) != SMAL_OK)
			_exit(3);
	if (smal_vector_check(mine) != SMAL_OK)
		_exit(4);
}

static void in_child(void *argument)
{
	(void)argument;
	alarm(60);
	use(pools[0]);
	use(pools[1]);
	if (smal_vector_pool_destroy(pools[0]) != SMAL_OK ||
	    smal_vector_pool_destroy(pools[1]) != SMAL_OK)
		_exit(5);
}

START_TEST(test_threads)
{
	int forks = test_long() ? 3000 : test_is_slow() ? 10 : 200;
	pthread_t id[2 * THREADS];

	vectors_begin(NULL);
	pools[0] = pool;
	ck_assert(vectors_begin_in(200 * KIB, 16, 4096, 2));
	pools[1] = pool;
	for (int i = 0; i < 2 * THREADS; i++)
		EXPECT(pthread_create(&id[i], NULL, work, pools[i % 2]) == 0);
	while (forks-- > 0)
		EXPECT_EQ(heaps_in_child(in_child, NULL), 0);
	smal_atomic_store(&over, 1);
	for (int i = 0; i < 2 * THREADS; i++)
		EXPECT(pthread_join(id[i], NULL) == 0);
	EXPECT_EQ(vectors_stats().vectors, 0);
	vectors_end_in();
	pool = pools[0];
	EXPECT_EQ(vectors_stats().vectors, 0);
	vectors_end();
}
END_TEST

/* The child goes on with what there was, and the parent does not see it. */
static char *shared[2];

static void change_in_child(void *argument)
{
	(void)argument;
	if (shared[0][0] != 1 || shared[1][99999] != 2)
		_exit(2);
	shared[0] = smal_vector_resize(pool, shared[0], 50000);
	shared[1] = smal_vector_resize(pool, shared[1], 3000000);
	if (shared[0] == NULL || shared[1] == NULL)
		_exit(3);
	memset(shared[0], 3, 50000);
	memset(shared[1], 4, 3000000);
	if (smal_vector_check(pool) != SMAL_OK)
		_exit(4);
}

START_TEST(test_contents)
{
	vectors_begin(NULL);
	shared[0] = vectors_resize(vectors_alloc(10), 10);
	shared[1] = vectors_resize(vectors_alloc(100000), 100000);
	memset(shared[0], 1, 10);
	memset(shared[1], 2, 100000);
	ck_assert_int_eq(heaps_in_child(change_in_child, NULL), 0);
	ck_assert_int_eq(shared[0][9], 1);
	ck_assert_int_eq(shared[1][0], 2);
	ck_assert_uint_eq(smal_vector_used(pool, shared[1]), 100000);
	vectors_end();
}
END_TEST

/* No heap and no pool was there before. */
static struct smal_os_lock lock = SMAL_OS_LOCK_INIT;

static void take_in_child(void *argument)
{
	(void)argument;
	alarm(60);
	smal_os_lock_take(&lock);
	smal_os_lock_give(&lock);
}

static void *fork_later(void *argument)
{
	(void)argument;
	EXPECT_EQ(heaps_in_child(take_in_child, NULL), 0);
	return NULL;
}

START_TEST(test_lock)
{
	struct smal_fork_lock node;
	pthread_t id;

	smal_fork_lock_add(&node, &lock);
	smal_os_lock_take(&lock);
	EXPECT(pthread_create(&id, NULL, fork_later, NULL) == 0);
	usleep(10000);
	smal_os_lock_give(&lock);
	EXPECT(pthread_join(id, NULL) == 0);
	EXPECT_EQ(heaps_in_child(take_in_child, NULL), 0);
	smal_fork_lock_remove(&node);
	ck_assert(smal_link_is_alone(&node.link));
	EXPECT_EQ(heaps_in_child(take_in_child, NULL), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("forks and vectors");
	TCase *t = tcase_create("forks");

	tcase_set_timeout(t, test_long() ? 1200 : 120);
	tcase_add_test(t, test_lock);
	tcase_add_test(t, test_contents);
	tcase_add_test(t, test_threads);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
