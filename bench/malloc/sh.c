/* SPDX-License-Identifier: MIT */
/*
 * sh.c: two mixes of sizes and orders, in the manner of MicroQuill's
 * SmartHeap benchmarks sh6bench and sh8bench.
 *
 * sh6: each round allocates blocks of 1 to 1000 bytes, small ones far more
 * often. The last quarter is freed at once, last in first out; a quarter is
 * saved until the end of the next round; the rest goes first in first out.
 *
 * sh8: the same sizes and quite a few larger ones, freed in random order, and
 * the saved quarter is left to the next thread: it is freed there.
 *
 *   blocks   in a round (4000)
 *   rounds   (500)
 *   threads  (1)
 */
#include "work.h"

#include <stdatomic.h>

enum { SAVED_PART = 4, BYTES_MAX = 1000, SH8_LOW_LOG2 = 4, SH8_DOUBLINGS = 9 };

static uint64_t blocks, rounds;
static unsigned threads;
static _Atomic(struct block *) saved[MOST_THREADS];

static size_t size_small(uint64_t *random)
{
	size_t bytes = size_power(random, 3, 7);

	return bytes > BYTES_MAX ? BYTES_MAX : bytes - 7;
}

static void drop_all(struct worker *worker, struct block *table, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		block_drop(&worker->tally, &table[i]);
}

/* Leaves a table of saved blocks to a thread; frees the one that was there. */
static void saved_leave(struct worker *worker, unsigned to, struct block *table)
{
	struct block *before = atomic_exchange(&saved[to], table);

	if (!before)
		return;
	drop_all(worker, before, blocks / SAVED_PART);
	free(before);
}

static struct block *saved_take(const struct block *table)
{
	uint64_t count = blocks / SAVED_PART, i;
	struct block *copy = table_new(count, sizeof *copy);

	for (i = 0; i < count; i++)
		copy[i] = table[i];
	return copy;
}

static void sh6_work(struct worker *worker)
{
	struct block *table = table_new(blocks, sizeof *table);
	uint64_t part = blocks / SAVED_PART, round, i;

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < blocks; i++)
			table[i] = block_new(&worker->tally, size_small(&worker->random));
		for (i = blocks; i-- > blocks - part;)
			block_drop(&worker->tally, &table[i]);
		drop_all(worker, table + part, blocks - 2 * part);
		saved_leave(worker, worker->index, saved_take(table));
	}
	saved_leave(worker, worker->index, NULL);
	free(table);
}

static void shuffle(struct worker *worker, struct block *table)
{
	uint64_t i;

	for (i = blocks - 1; i > 0; i--) {
		uint64_t j = measure_random_below(&worker->random, i + 1);
		struct block other = table[j];

		table[j] = table[i];
		table[i] = other;
	}
}

static void sh8_work(struct worker *worker)
{
	struct block *table = table_new(blocks, sizeof *table);
	unsigned next = (worker->index + 1) % threads;
	uint64_t part = blocks / SAVED_PART, round, i;

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < blocks; i++)
			table[i] = block_new(
				&worker->tally,
				i % 8 ? size_small(&worker->random)
				      : size_power(&worker->random, SH8_LOW_LOG2, SH8_DOUBLINGS));
		shuffle(worker, table);
		saved_leave(worker, next, saved_take(table));
		drop_all(worker, table + part, blocks - part);
	}
	free(table);
}

static void run(void (*work)(struct worker *worker))
{
	unsigned i;

	threads = work_threads();
	blocks = measure_number("blocks", 4000);
	rounds = work_steps("rounds", 500);
	if (blocks < SAVED_PART)
		measure_fail("blocks out of range");
	work_run(threads, work);
	for (i = 0; i < threads; i++)
		saved_leave(&workers[0], i, NULL);
}

void sh6(void)
{
	run(sh6_work);
}

void sh8(void)
{
	run(sh8_work);
}
