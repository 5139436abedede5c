/* SPDX-License-Identifier: MIT */
/*
 * stress_space.c: a long mixed use of one space costs little metadata and
 * little waste; and several threads that use one space and one stride at once,
 * give back what others took, and ask about any address while it comes and
 * goes, find nothing lost and nothing broken.
 */
#include "test/ground.h"

#include <smal/base/atomic.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct smal_space *space;

/* ---- Metadata and waste ---- */

enum { LIVE = 200000 };

static struct {
	char *base;
	uint32_t bytes;
} live[LIVE];

/* Bytes of the chunks that are cut into elements. */
static uint64_t element_chunk_bytes(void)
{
	uint64_t bytes = 0;

	SMAL_LIST_EACH(link, &space->segments) {
		const struct smal_segment *segment =
			SMAL_CONTAINER(link, struct smal_segment, link);
		size_t groups = segment->element_blocks *
		                (size_t)(SMAL_BLOCK_CHUNKS / segment->group_chunks);

		for (size_t i = 0; i < groups; i++)
			if (segment->groups[i].order != 0 && segment->groups[i].order < SMAL_NODE_CLOSED)
				bytes += (segment->groups[i].count + 1u) * (uint64_t)SMAL_CHUNK;
	}
	return bytes;
}

/* Elements of 1 to 2048 bytes, small ones more often, and some runs; from the
 * first full house on, each operation replaces one that is picked at random. */
START_TEST(test_long_use)
{
	uint64_t steps = test_long() ? 60000000 : 512 * 1024;
	uint64_t asked_bytes = 0, has_bytes = 0, chunk_bytes, start = smal_os_clock_ns();
	struct smal_space_options options = { .decay_ms = 1000 };
	struct smal_space_counts counts;
	struct test_random random;
	double waste, rounding;
	uint64_t runs = 0;

	if (test_is_slow())
		steps /= 10;
	test_random_init(&random, 1);
	space = smal_space_create(&options);
	ck_assert_ptr_nonnull(space);
	for (uint64_t step = 0; step < steps; step++) {
		size_t at = test_random_below(&random, steps < LIVE ? steps : LIVE);
		size_t bytes = 1 + test_random_below(&random, (size_t)16 << test_random_below(&random, 8));
		bool run = test_random_below(&random, 1000) == 0, zeroed;

		if (live[at].base != NULL && live[at].bytes <= SMAL_ELEMENT_LARGEST) {
			asked_bytes -= live[at].bytes;
			has_bytes -= smal_element_bytes(space, live[at].base);
			EXPECT(smal_element_give(space, live[at].base));
		} else if (live[at].base != NULL) {
			EXPECT(smal_space_give(space, live[at].base, live[at].bytes));
			runs--;
		}
		if (run) {
			bytes += SMAL_ELEMENT_LARGEST + test_random_below(&random, 65536);
			live[at].base = smal_space_take(space, bytes, 1, &zeroed);
			runs++;
		} else {
			live[at].base = smal_element_take(space, bytes);
			asked_bytes += bytes;
			has_bytes += smal_element_bytes(space, live[at].base);
		}
		live[at].bytes = (uint32_t)bytes;
		EXPECT(live[at].base != NULL);
	}
	chunk_bytes = element_chunk_bytes();
	smal_space_get_counts(space, &counts);
	waste = 100.0 * (double)(chunk_bytes - has_bytes) / (double)chunk_bytes;
	rounding = 100.0 * (double)(has_bytes - asked_bytes) / (double)has_bytes;
	printf("%" PRIu64 " operations in %" PRIu64 " ms: %" PRIu64 " MiB in elements, %" PRIu64
	       " runs, metadata %" PRIu64 " KiB, waste in chunks %.1f %%, by rounding %.1f %%\n",
	       steps, (smal_os_clock_ns() - start) / 1000000, has_bytes >> 20, runs,
	       counts.metadata_bytes >> 10, waste, rounding);
	ground_check(space);
	ck_assert_uint_le(counts.metadata_bytes, 5000000);
	ck_assert(test_is_slow() || waste <= 8.0);
	smal_space_destroy(space);
}
END_TEST

/* ---- Threads ---- */

enum { THREADS = 4, SLOTS = 64, SHARED = 256 };

/* What one thread leaves for another: the address of a described thing, which
 * begins with its description. */
struct thing {
	uint64_t tag;
	size_t bytes;
	enum { RUN, ELEMENT, SLOT } kind;
};

static volatile AO_t shared[SHARED];
static struct smal_stride stride;
static volatile AO_t working;

static struct thing *exchange(struct thing *mine, uint64_t at)
{
	uintptr_t old;

	do {
		old = smal_atomic_load(&shared[at]);
	} while (!smal_atomic_cas(&shared[at], old, (uintptr_t)mine));
	return (struct thing *)old;
}

/* What is marked behind it. */
static size_t body_bytes(const struct thing *thing)
{
	return (smal_min(thing->bytes, SMAL_CHUNK) - sizeof *thing) & ~(size_t)7;
}

static struct thing *make(struct test_random *random)
{
	unsigned kind = (unsigned)test_random_below(random, 8);
	struct thing *thing, made = { .tag = test_random_next(random) };
	bool zeroed;

	if (kind == 0) {
		made.kind = RUN;
		made.bytes = (1 + test_random_below(random, 400)) * SMAL_CHUNK;
		thing = smal_space_take(space, made.bytes, 1, &zeroed);
	} else if (kind < 4) {
		made.kind = ELEMENT;
		made.bytes = 64 + test_random_below(random, 1900);
		thing = smal_element_take(space, made.bytes);
	} else {
		made.kind = SLOT;
		made.bytes = stride.stride_bytes;
		while ((thing = smal_stride_take(&stride)) == NULL)
			if (smal_stride_grow(&stride, 0) == NULL)
				break;
	}
	if (thing == NULL)
		ck_abort_msg("no memory");
	*thing = made;
	ground_mark(thing + 1, body_bytes(&made), made.tag);
	return thing;
}

static void end_thing(struct thing *thing, struct test_random *random)
{
	struct thing was = *thing;

	ground_check_mark(thing + 1, body_bytes(&was), was.tag);
	switch (was.kind) {
	case RUN:
		/* At times in two parts, of which the second may be longer before. */
		if (was.bytes > SMAL_CHUNK && test_random_below(random, 2) == 0) {
			bool zeroed;

			EXPECT(smal_space_give(space, (char *)thing + SMAL_CHUNK,
			                       was.bytes - SMAL_CHUNK));
			if (smal_space_extend(space, thing, SMAL_CHUNK, 3 * SMAL_CHUNK, &zeroed))
				EXPECT(smal_space_give(space, (char *)thing + SMAL_CHUNK,
				                       2 * SMAL_CHUNK));
			was.bytes = SMAL_CHUNK;
		}
		EXPECT(smal_space_give(space, thing, was.bytes));
		break;
	case ELEMENT:
		EXPECT(smal_element_bytes(space, thing) >= was.bytes);
		EXPECT(smal_element_give(space, thing));
		break;
	case SLOT:
		EXPECT(smal_stride_give(&stride, thing));
	}
}

static void *hammer(void *argument)
{
	uint64_t steps = ground_steps() / 2 / THREADS;
	struct thing *mine[SLOTS] = { NULL };
	struct test_random random;

	test_random_init(&random, 100 + (uintptr_t)argument);
	for (uint64_t step = 0; step < steps; step++) {
		size_t at = test_random_below(&random, SLOTS);

		if (mine[at] == NULL)
			mine[at] = make(&random);
		else if (test_random_below(&random, 3) == 0)
			mine[at] = exchange(mine[at], test_random_below(&random, SHARED));
		else {
			end_thing(mine[at], &random);
			mine[at] = NULL;
		}
		if (test_random_below(&random, 4096) == 0)
			smal_space_purge(space, 0);
		if (test_random_below(&random, 1024) == 0) {
			struct smal_space_counts counts;

			smal_space_get_counts(space, &counts);
			EXPECT(counts.used_bytes + counts.free_bytes + counts.metadata_bytes ==
			       counts.committed_bytes);
		}
	}
	for (size_t at = 0; at < SLOTS; at++)
		if (mine[at] != NULL)
			end_thing(mine[at], &random);
	smal_atomic_add(&working, (uintptr_t)-1);
	return NULL;
}

/* Large runs come and go, so that segments do. */
static void *come_and_go(void *argument)
{
	size_t bytes = SMAL_REGION + SMAL_BLOCK;
	uint64_t rounds = 0;

	(void)argument;
	while (smal_atomic_load(&working) > 0 && UINTPTR_MAX > 0xffffffffu) {
		bool zeroed;
		char *run = smal_space_take(space, bytes, 1, &zeroed);

		EXPECT(run != NULL);
		run[0] = run[bytes - 1] = 1;
		EXPECT(smal_table_find((uintptr_t)run + bytes - 1) ==
		       smal_table_find((uintptr_t)run));
		EXPECT(smal_space_give(space, run, bytes));
		if (++rounds > (test_is_slow() ? 300 : 3000))
			break;
	}
	return NULL;
}

/* Asks about any word. */
static void *ask(void *argument)
{
	struct test_random random;

	test_random_init(&random, 200 + (uintptr_t)argument);
	while (smal_atomic_load(&working) > 0) {
		uintptr_t word = smal_atomic_load(&shared[test_random_below(&random, SHARED)]);
		struct smal_segment *segment;

		word += test_random_below(&random, GIB) - GIB / 2;
		segment = smal_table_find(word);
		EXPECT(segment == NULL || segment->space == space);
	}
	return NULL;
}

START_TEST(test_threads)
{
	struct smal_space_options options = { .decay_ms = 50, .segment_bytes = 64 * MIB };
	pthread_t threads[THREADS + 2];
	struct test_random random;

	test_random_init(&random, 3);
	space = ground_space(&options);
	ck_assert(smal_stride_init(&stride, space, 1, 1, 200));
	smal_atomic_store(&working, THREADS);
	for (uintptr_t i = 0; i < THREADS + 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
		                                i < THREADS    ? hammer :
		                                i == THREADS ? come_and_go :
		                                               ask,
		                                (void *)i),
		                 0);
	for (int i = 0; i < THREADS + 2; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_ptr_null(smal_stride_check(&stride));
	ground_check(space);
	for (size_t at = 0; at < SHARED; at++) {
		struct thing *left = exchange(NULL, at);

		if (left != NULL)
			end_thing(left, &random);
	}
	ck_assert_ptr_null(smal_stride_check(&stride));
	ck_assert_uint_le(stride.buffers, 1);
	smal_stride_fini(&stride);
	smal_space_purge(space, 0);
	ground_check(space);
	smal_space_destroy(space);
}
END_TEST

static Suite *stress_suite(void)
{
	Suite *suite = suite_create("stress of a space");
	TCase *use = tcase_create("long use");
	TCase *threads = tcase_create("threads");

	tcase_add_test(use, test_long_use);
	suite_add_tcase(suite, use);

	tcase_add_test(threads, test_threads);
	suite_add_tcase(suite, threads);
	return suite;
}

int main(void)
{
	return test_main(stress_suite);
}
