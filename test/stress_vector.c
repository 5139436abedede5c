/* SPDX-License-Identifier: MIT */
/*
 * stress_vector.c: several threads use a pool at once, each its own vectors, and hand
 * some over; another one looks at the sums meanwhile.
 */
#include "test/vectors.h"

#include <pthread.h>
#include <time.h>
#include <string.h>

enum { THREADS = 4, VECTORS = 60, DROPS = 16 };

/* Vectors that one thread leaves for another. */
static volatile AO_t drops[DROPS];
static volatile AO_t over;
static uint64_t steps;
static bool small_only;

struct vector {
	char *base;
	size_t used;
	uint64_t tag;
};

static void drop_or_free(struct test_random *random, char *vector)
{
	volatile AO_t *drop = &drops[test_random_below(random, DROPS)];
	AO_t had = smal_atomic_load(drop);

	if (test_random_below(random, 2) == 0 && smal_atomic_cas(drop, had, (AO_t)vector))
		vector = (char *)had;
	EXPECT(smal_vector_free(pool, vector) == SMAL_OK);
}

static void renew(struct test_random *random, struct vector *vector)
{
	static const size_t limits[] = { 50, 500, 5000, 200000 };
	bool large = !small_only && test_random_below(random, 20) == 0;
	size_t bytes = test_random_below(random, limits[large ? 3 : test_random_below(random, 3)]);

	if (vector->base == NULL)
		*vector = (struct vector){ smal_vector_alloc(pool, bytes / 2), 0, 0 };
	EXPECT(vector->base != NULL);
	heaps_mark(vector->base, smal_min(vector->used, bytes), vector->tag);
	vector->base = smal_vector_resize(pool, vector->base, bytes);
	EXPECT(vector->base != NULL);
	heaps_check_mark(vector->base, smal_min(vector->used, bytes), vector->tag);
	vector->used = bytes;
	vector->tag = test_random_next(random);
	heaps_mark(vector->base, bytes, vector->tag);
}

static void *work(void *argument)
{
	struct vector vectors[VECTORS] = { 0 };
	struct test_random random;

	test_random_init(&random, (uintptr_t)argument);
	for (uint64_t step = 0; step < steps; step++) {
		struct vector *vector = &vectors[test_random_below(&random, VECTORS)];

		if (vector->base != NULL) {
			heaps_check_mark(vector->base, vector->used, vector->tag);
			EXPECT(smal_vector_used(pool, vector->base) == vector->used);
		}
		if (vector->base != NULL && test_random_below(&random, 3) == 0) {
			drop_or_free(&random, vector->base);
			vector->base = NULL;
		} else if (vector->base != NULL && test_random_below(&random, 5) == 0) {
			EXPECT(smal_vector_shrink(pool, vector->base) == vector->base);
		} else {
			renew(&random, vector);
		}
	}
	for (int i = 0; i < VECTORS; i++)
		EXPECT(smal_vector_free(pool, vectors[i].base) == SMAL_OK);
	return NULL;
}

/* With pauses: a lock is no queue, and a check holds it for long. */
static void *look(void *argument)
{
	const struct timespec pause = { 0, 200000 };

	(void)argument;
	while (smal_atomic_load(&over) == 0) {
		struct smal_vector_stats stats = vectors_stats();

		EXPECT(stats.used_bytes <= stats.capacity_bytes);
		EXPECT(smal_vector_check(pool) == SMAL_OK);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void run(void)
{
	pthread_t id[THREADS], looker;

	smal_atomic_store(&over, 0);
	EXPECT(pthread_create(&looker, NULL, look, NULL) == 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		EXPECT(pthread_create(&id[i], NULL, work, (void *)(i + 1)) == 0);
	for (int i = 0; i < THREADS; i++)
		EXPECT(pthread_join(id[i], NULL) == 0);
	smal_atomic_store(&over, 1);
	EXPECT(pthread_join(looker, NULL) == 0);
	for (int i = 0; i < DROPS; i++) {
		EXPECT(smal_vector_free(pool, (void *)smal_atomic_load(&drops[i])) == SMAL_OK);
		smal_atomic_store(&drops[i], 0);
	}
	EXPECT_EQ(vectors_stats().vectors, 0);
}

START_TEST(test_system)
{
	steps = test_long() ? 3000000 : heaps_scale(40000);
	vectors_begin(NULL);
	run();
	vectors_end();
}
END_TEST

/* Sizes up to 5,000, and room for all of them at their largest. */
START_TEST(test_buffer)
{
	steps = test_long() ? 3000000 : heaps_scale(40000);
	ck_assert(vectors_begin_in((THREADS * (VECTORS + 2) + DROPS) * 16384, 16, 8192, 2));
	small_only = true;
	run();
	small_only = false;
	vectors_end_in();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("vector stress");
	TCase *t = tcase_create("threads");

	tcase_set_timeout(t, test_long() ? 1200 : 120);
	tcase_add_test(t, test_system);
	tcase_add_test(t, test_buffer);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
