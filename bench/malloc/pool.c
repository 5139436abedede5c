/* SPDX-License-Identifier: MIT */
/*
 * pool.c: two loops in the manner of glibc's own benchmarks of malloc.
 *
 * batches: as many blocks of one size as a batch has, 25, 100, 400 and 1600 in
 * turn, are allocated and freed in the same order. The size changes with the
 * batch.
 *
 * pool: a table of blocks, of which a random one is replaced in each step.
 *
 * Sizes are those of a power law: density as size^-0.9 or nearly so, from 4 to
 * 32,768 bytes. Sizes and places are drawn before the loop begins.
 *
 *   steps    blocks of each thread (batches: 20,000,000; pool: 12,000,000)
 *   places   of the table (1024)
 *   threads  (1)
 */
#include "work.h"

enum { DRAWN = 8192, LOW_LOG2 = 2, DOUBLINGS = 13, BATCHES = 4, MOST_BATCH = 1600 };

static const unsigned batch_sizes[BATCHES] = { 25, 100, 400, MOST_BATCH };
static uint64_t steps, places;
static uint32_t sizes[DRAWN], indices[DRAWN];

/* With a density of 1/size each doubling is as likely as any other; with
 * size^-0.9 each has 1.07 times the one before. */
static size_t size_law(uint64_t *random)
{
	double weight = 1, sum = 0, at;
	unsigned i;
	uint64_t low;

	for (i = 0; i < DOUBLINGS; i++, weight *= 1.0718)
		sum += weight;
	at = (double)measure_random_below(random, 1 << 30) / (1 << 30) * sum;
	for (i = 0, weight = 1; i < DOUBLINGS - 1 && at >= weight; i++, weight *= 1.0718)
		at -= weight;
	low = (uint64_t)1 << (LOW_LOG2 + i);
	return low + measure_random_below(random, low);
}

static void draw(void)
{
	uint64_t random = 20;
	int i;

	for (i = 0; i < DRAWN; i++) {
		sizes[i] = (uint32_t)size_law(&random);
		indices[i] = (uint32_t)measure_random_below(&random, places);
	}
}

static void batches_work(struct worker *worker)
{
	struct block *table = table_new(MOST_BATCH, sizeof *table);
	uint64_t done = 0, round;

	for (round = 0; done < steps; round++) {
		unsigned count = batch_sizes[round % BATCHES], i;
		uint32_t size = sizes[round % DRAWN];

		/* Large sizes by the hundred only. */
		while (count > 25 && (uint64_t)count * size > 1 << 20)
			count /= 4;
		for (i = 0; i < count; i++)
			table[i] = block_new(&worker->tally, size);
		for (i = 0; i < count; i++)
			block_drop(&worker->tally, &table[i]);
		done += count;
	}
	free(table);
}

static void pool_work(struct worker *worker)
{
	struct block *table = table_new(places, sizeof *table);
	uint64_t at = worker->index * 1000, i;

	for (i = 0; i < steps; i++, at++) {
		struct block *block = &table[indices[at % DRAWN]];

		block_drop(&worker->tally, block);
		/* Sizes and places repeat, in ever new pairs. */
		*block = block_new(&worker->tally, sizes[(at + at / DRAWN) % DRAWN]);
	}
	for (i = 0; i < places; i++)
		block_drop(&worker->tally, &table[i]);
	free(table);
}

void batches(void)
{
	unsigned threads = work_threads();

	places = 1;
	steps = work_steps("steps", 20000000);
	draw();
	work_run(threads, batches_work);
}

void pool(void)
{
	unsigned threads = work_threads();

	places = measure_number("places", 1024);
	steps = work_steps("steps", 12000000);
	if (places < 1)
		measure_fail("places out of range");
	draw();
	work_run(threads, pool_work);
}
