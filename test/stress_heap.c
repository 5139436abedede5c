/* SPDX-License-Identifier: MIT */
/*
 * stress_heap.c: many threads, many blocks, no order: one makes what the other frees;
 * all exchange what they have; a thousand come and go. Nothing is lost or overwritten,
 * and there are never more buffers than the blocks need.
 */
#include "test/heaps.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

static void begin(void)
{
	heaps_begin_plain();
	alarm(test_long() ? 1200 : 120);
}

static void end(void)
{
	heaps_end();
	alarm(0);
}

/* ---- One makes, the other frees ---- */

enum { RING = 1024 };

struct ring {
	volatile AO_t head, tail;
	volatile AO_t slot[RING];
	uint64_t count;
};

static void *consume(void *argument)
{
	struct ring *ring = argument;

	for (uint64_t i = 0; i < ring->count; i++) {
		unsigned char *block;

		while (smal_atomic_load(&ring->head) == i)
			sched_yield();
		block = (void *)smal_atomic_load(&ring->slot[i % RING]);
		EXPECT(*block == (unsigned char)i);
		heaps_free(block);
		smal_atomic_store(&ring->tail, i + 1);
	}
	return NULL;
}

static void produce(struct ring *ring, size_t most_bytes)
{
	struct test_random random;
	pthread_t id;

	test_random_init(&random, 1);
	EXPECT(pthread_create(&id, NULL, consume, ring) == 0);
	for (uint64_t i = 0; i < ring->count; i++) {
		unsigned char *block = heaps_alloc(1 + test_random_below(&random, most_bytes));

		*block = (unsigned char)i;
		while (i - smal_atomic_load(&ring->tail) >= RING)
			sched_yield();
		smal_atomic_store(&ring->slot[i % RING], (uintptr_t)block);
		smal_atomic_store(&ring->head, i + 1);
	}
	EXPECT(pthread_join(id, NULL) == 0);
}

/* Of 10^6 blocks (10^7), at most RING are in use at once: buffers for those, and a
 * few for each class. */
START_TEST(test_pair)
{
	static const size_t most[] = { 16, 128, 2000 };
	static struct ring ring;
	uint64_t bound = RING * most[_i] +
	                 (smal_heap_class_of(most[_i]) + 1) * 4 * (uint64_t)SMAL_ID_BYTES;

	ring = (struct ring){ .count = test_long() ? 10000000 : heaps_scale(1000000) };
	produce(&ring, most[_i]);
	heaps_audit(0, 0);
	ck_assert_uint_le(heaps_stats().buffer_peak_bytes, bound);
}
END_TEST

/* ---- A thousand ---- */

/* 10^3 threads, one after another, each leave blocks; their buffers are what those
 * need, and go when the blocks do. */
START_TEST(test_thousand)
{
	size_t threads = heaps_scale(1000);
	void *(*blocks)[HEAPS_LEFT] = malloc(threads * sizeof *blocks);
	uint64_t used;

	for (size_t t = 0; t < threads; t++)
		heaps_in_thread(heaps_leave, blocks[t]);
	heaps_check();
	used = heaps_stats().used_bytes;
	ck_assert_uint_eq(heaps_stats().used_blocks, threads * HEAPS_LEFT);
	ck_assert_uint_le(heaps_stats().buffer_bytes, used + used / 8 + 8 * MIB);
	for (size_t t = 0; t < threads; t++)
		heaps_free_left(blocks[t]);
	heaps_audit(0, 0);
	smal_heap_trim(heap);
	heaps_audit(0, 0);
	ck_assert_uint_le(heaps_stats().buffer_bytes,
	                  SMAL_HEAP_CLASSES * 2 * (uint64_t)SMAL_ID_BYTES);
	free(blocks);
}
END_TEST

/* ---- All at once ---- */

enum { BOXES = 256 };
static volatile AO_t boxes[BOXES];

static uintptr_t exchange(volatile AO_t *box, uintptr_t value)
{
	uintptr_t old;

	do
		old = smal_atomic_load(box);
	while (!smal_atomic_cas(box, old, value));
	return old;
}

/* Puts blocks into boxes, and frees what was there: a block's first words are its
 * bytes and their tag. */
static void *mingle(void *argument)
{
	struct test_random random;

	test_random_init(&random, (uintptr_t)argument);
	for (size_t step = heaps_scale(test_long() ? 2000000 : 100000); step > 0; step--) {
		size_t bytes = 16 + test_random_below(&random, test_random_below(&random, 50) == 0
		                                                       ? 70000
		                                                       : 600);
		uint64_t *block = heaps_alloc(bytes), *old;

		block[0] = bytes;
		heaps_mark(block + 1, bytes - 8, bytes);
		old = (void *)exchange(&boxes[test_random_below(&random, BOXES)], (uintptr_t)block);
		if (old != NULL) {
			heaps_check_mark(old + 1, old[0] - 8, old[0]);
			heaps_free(old);
		}
		if (step % 20000 == 0)
			smal_heap_trim(heap);
	}
	return NULL;
}

START_TEST(test_mingle)
{
	uint64_t blocks = 0, used = 0;
	pthread_t ids[4];

	for (int turn = 0; turn < 3; turn++) {
		for (uintptr_t i = 0; i < 4; i++)
			EXPECT(pthread_create(&ids[i], NULL, mingle,
			                      (void *)(i + 4 * (unsigned)turn)) == 0);
		for (int i = 0; i < 4; i++)
			EXPECT(pthread_join(ids[i], NULL) == 0);
		heaps_check();
	}
	for (int i = 0; i < BOXES; i++) {
		uint64_t *block = (void *)boxes[i];

		blocks += block != NULL;
		used += block != NULL ? heaps_slot_bytes(block[0]) : 0;
	}
	heaps_audit(blocks, used);
	for (int i = 0; i < BOXES; i++)
		heaps_free((void *)boxes[i]);
	heaps_audit(0, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("heap stress");
	TCase *t = tcase_create("stress");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_loop_test(t, test_pair, 0, 3);
	tcase_add_test(t, test_thousand);
	tcase_add_test(t, test_mingle);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
