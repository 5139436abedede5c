/* SPDX-License-Identifier: MIT */
/*
 * larson.c: a server whose threads hand over their work and end.
 *
 * After Larson and Krishnan, "Memory allocation for long-running server
 * applications" (1998). A hand is a table of blocks of 8 to 1000 bytes. A thread
 * takes a hand, replaces blocks of it at random, leaves it and ends; in the next
 * generation another thread has it, and frees what it has not allocated.
 *
 *   blocks       in a hand (1000)
 *   steps        blocks that a thread replaces (100,000)
 *   generations  of threads (50)
 *   threads      at once (1)
 */
#include "work.h"

enum { BYTES_MIN = 8, BYTES_MAX = 1000 };

static struct block *hands[MOST_THREADS];
static uint64_t blocks, steps, generation;
static unsigned threads;

static size_t size_pick(uint64_t *random)
{
	return BYTES_MIN + measure_random_below(random, BYTES_MAX - BYTES_MIN + 1);
}

static void serve(struct worker *worker)
{
	struct block *hand = hands[(worker->index + generation) % threads];
	uint64_t i;

	for (i = 0; i < steps; i++) {
		struct block *block = &hand[measure_random_below(&worker->random, blocks)];

		block_drop(&worker->tally, block);
		*block = block_new(&worker->tally, size_pick(&worker->random));
	}
}

void larson(void)
{
	uint64_t generations = work_steps("generations", 50), i;
	unsigned t;

	threads = work_threads();
	blocks = measure_number("blocks", 1000);
	steps = measure_number("steps", 100000);
	for (t = 0; t < threads; t++) {
		uint64_t random = 100 + t;

		hands[t] = table_new(blocks, sizeof **hands);
		for (i = 0; i < blocks; i++)
			hands[t][i] = block_new(&workers[0].tally, size_pick(&random));
	}
	for (generation = 0; generation < generations; generation++)
		work_spawn(threads, serve);
	for (t = 0; t < threads; t++) {
		for (i = 0; i < blocks; i++)
			block_drop(&workers[0].tally, &hands[t][i]);
		free(hands[t]);
	}
	work_peak(threads * blocks * (BYTES_MIN + BYTES_MAX) / 2);
}
