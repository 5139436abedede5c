/* SPDX-License-Identifier: MIT */
/*
 * pair.c: the hottest path: blocks of one size, so many allocated, then all
 * freed in the same order, again and again.
 *
 * With noop=1 nothing is allocated, and the same is written into a block that
 * stays: what the loop itself costs, for count-malloc.
 *
 *   bytes    of a block (64)
 *   depth    blocks that live at once (1)
 *   pairs    of malloc and free (20,000,000)
 *   threads  (1)
 */
#include "work.h"

enum { MOST_DEPTH = 1 << 16 };

static uint64_t bytes, depth, pairs;
static unsigned char *resident;

static void pair_one(struct worker *worker)
{
	uint64_t i;

	for (i = 0; i < pairs; i++) {
		unsigned char *block = resident ? resident : malloc(bytes);

		if (!block)
			measure_fail("no memory");
		block_touch(block, bytes, (unsigned char)i);
		if (block[bytes - 1] != (unsigned char)i)
			measure_fail("a block is damaged");
		if (!resident)
			free(block);
	}
	worker->tally.calls += pairs;
}

static void pair_many(struct worker *worker)
{
	unsigned char **table = table_new(depth, sizeof *table);
	uint64_t round, i;

	for (round = 0; round < pairs / depth; round++) {
		for (i = 0; i < depth; i++) {
			table[i] = malloc(bytes);
			if (!table[i])
				measure_fail("no memory");
			block_touch(table[i], bytes, (unsigned char)(round + i));
		}
		for (i = 0; i < depth; i++) {
			if (table[i][0] != (unsigned char)(round + i) ||
			    table[i][bytes - 1] != (unsigned char)(round + i))
				measure_fail("a block is damaged");
			free(table[i]);
		}
	}
	worker->tally.calls += round * depth;
	free(table);
}

void pair(void)
{
	unsigned threads = work_threads();

	bytes = measure_number("bytes", 64);
	depth = measure_number("depth", 1);
	pairs = work_steps("pairs", 20000000);
	if (bytes < 1 || depth < 1 || depth > MOST_DEPTH)
		measure_fail("bytes or depth out of range");
	if (pairs < depth)
		pairs = depth;
	if (measure_number("noop", 0))
		resident = table_new(1, bytes);
	work_run(threads, depth == 1 ? pair_one : pair_many);
	work_peak(bytes * depth * threads);
}
