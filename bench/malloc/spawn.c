/* SPDX-License-Identifier: MIT */
/*
 * spawn.c: two workloads of threads that end.
 *
 * spawn: very many threads, each of which allocates a little, frees it and
 * ends: what a thread's own caches cost to make and to give back.
 *
 * mleak: each generation of threads allocates quite a few blocks and frees those
 * of the generation before, another thread's; so every block outlives its
 * thread, and none may be lost with it. Resident over live bytes at the end of
 * each generation of the second half is a figure.
 *
 *   blocks       of each thread (100; mleak: 20,000)
 *   generations  (12,000; mleak: 150)
 *   threads      at once (1)
 */
#include "work.h"

static struct block *hands[2][MOST_THREADS];
static uint64_t blocks, generation;
static unsigned threads;

static void little(struct worker *worker)
{
	struct block *table = table_new(blocks, sizeof *table);
	uint64_t i;

	for (i = 0; i < blocks; i++)
		table[i] = block_new(&worker->tally, size_power(&worker->random, 4, 6));
	for (i = 0; i < blocks; i++)
		block_drop(&worker->tally, &table[i]);
	free(table);
}

static void hand_on(struct worker *worker)
{
	struct block *own = hands[generation % 2][worker->index];
	struct block *other = hands[(generation + 1) % 2][(worker->index + 1) % threads];
	uint64_t i;

	for (i = 0; i < blocks; i++) {
		own[i] = block_new(&worker->tally, size_power(&worker->random, 4, 7));
		block_drop(&worker->tally, &other[i]);
	}
}

void spawn(void)
{
	uint64_t generations = work_steps("generations", 12000);

	threads = work_threads();
	blocks = measure_number("blocks", 100);
	while (generations-- > 0)
		work_spawn(threads, little);
}

void mleak(void)
{
	uint64_t generations = work_steps("generations", 150), i;
	unsigned t;

	threads = work_threads();
	blocks = measure_number("blocks", 20000);
	for (t = 0; t < 2 * threads; t++)
		hands[t % 2][t / 2] = table_new(blocks, sizeof **hands[0]);
	for (generation = 0; generation < generations; generation++) {
		work_spawn(threads, hand_on);
		if (generation >= generations / 2)
			work_sample(work_live_bytes());
	}
	for (t = 0; t < 2 * threads; t++) {
		for (i = 0; i < blocks; i++)
			block_drop(&workers[0].tally, &hands[t % 2][t / 2][i]);
		free(hands[t % 2][t / 2]);
	}
}
