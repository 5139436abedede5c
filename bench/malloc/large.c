/* SPDX-License-Identifier: MIT */
/*
 * large.c: two workloads of large blocks, of which some live at once and one
 * after the other is replaced.
 *
 * large: blocks of 5 to 25 MiB by malloc. cleared: blocks of 64 KiB to 4 MiB by
 * calloc, in which each page is read to see that it is zero, and written.
 *
 *   keep     blocks that live at once in each thread (20; cleared: 8)
 *   steps    of each thread (600; cleared: 8000)
 *   threads  (1)
 */
#include "work.h"

enum {
	LARGE_MIN = 5 << 20,
	LARGE_MAX = 25 << 20,
	CLEARED_MIN_LOG2 = 16,
	CLEARED_DOUBLINGS = 6,
};

static uint64_t keep, steps;

static struct block large_new(struct worker *worker)
{
	return block_new(&worker->tally,
	                 LARGE_MIN +
	                         measure_random_below(&worker->random, LARGE_MAX - LARGE_MIN + 1));
}

static struct block cleared_new(struct worker *worker)
{
	size_t bytes = size_power(&worker->random, CLEARED_MIN_LOG2, CLEARED_DOUBLINGS), at;
	unsigned char *base = calloc(1, bytes);
	struct block block = { base, (uint32_t)bytes, 1 + worker->tally.calls % 255 };

	if (!base)
		measure_fail("no memory");
	for (at = 0; at < bytes; at += PAGE_BYTES)
		if (base[at] != 0)
			measure_fail("a block is not zero");
	if (base[bytes - 1] != 0)
		measure_fail("a block is not zero");
	block_touch(base, bytes, (unsigned char)block.cookie);
	tally_add(&worker->tally, bytes);
	return block;
}

static void work_with(struct worker *worker, struct block (*make)(struct worker *worker))
{
	struct block *table = table_new(keep, sizeof *table);
	uint64_t i;

	for (i = 0; i < steps; i++) {
		struct block *block = &table[measure_random_below(&worker->random, keep)];

		block_drop(&worker->tally, block);
		*block = make(worker);
	}
	for (i = 0; i < keep; i++)
		block_drop(&worker->tally, &table[i]);
	free(table);
}

static void large_work(struct worker *worker)
{
	work_with(worker, large_new);
}

static void cleared_work(struct worker *worker)
{
	work_with(worker, cleared_new);
}

void large(void)
{
	keep = measure_number("keep", 20);
	steps = work_steps("steps", 600);
	work_run(work_threads(), large_work);
}

void cleared(void)
{
	keep = measure_number("keep", 8);
	steps = work_steps("steps", 8000);
	work_run(work_threads(), cleared_work);
}
