/* SPDX-License-Identifier: MIT */
/*
 * replace.c: a table whose places are filled and emptied at random.
 *
 * In the manner of alloc-test by OLogN. A step picks a place, those at the front
 * more often; a block there is checked and freed, an empty place gets a block of
 * 2^low to 2^(low + doublings) bytes, small ones more often.
 *
 *   places_log2     places of each thread's table (16)
 *   low, doublings  (3, 8)
 *   steps           of each thread (10,000,000)
 *   threads         (1)
 */
#include "work.h"

static uint64_t places, steps;
static unsigned low, doublings;

static uint64_t place_pick(uint64_t *random)
{
	uint64_t a = measure_random_below(random, places);
	uint64_t b = measure_random_below(random, places);

	return a < b ? a : b;
}

static void work(struct worker *worker)
{
	struct block *table = table_new(places, sizeof *table);
	uint64_t i;

	for (i = 0; i < steps; i++) {
		struct block *block = &table[place_pick(&worker->random)];

		if (block->base)
			block_drop(&worker->tally, block);
		else
			*block = block_new(&worker->tally,
			                   size_power(&worker->random, low, doublings));
	}
	for (i = 0; i < places; i++)
		block_drop(&worker->tally, &table[i]);
	free(table);
}

void replace(void)
{
	unsigned threads = work_threads();

	places = (uint64_t)1 << measure_number("places_log2", 16);
	low = (unsigned)measure_number("low", 3);
	doublings = (unsigned)measure_number("doublings", 8);
	steps = work_steps("steps", 10000000);
	if (doublings < 1 || low + doublings > 30)
		measure_fail("low or doublings out of range");
	work_run(threads, work);
}
