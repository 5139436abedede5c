/* SPDX-License-Identifier: MIT */
/*
 * cache.c: whether an allocator makes threads share cache lines.
 *
 * After Berger and others, "Hoard: a scalable memory allocator for multithreaded
 * applications" (2000). A thread allocates a small block, writes it many times,
 * frees it and begins again: thrash finds out whether two threads get blocks in
 * one line. In scratch the thread first frees a block that the main thread made
 * next to the others': an allocator that hands it out again there goes on
 * sharing.
 *
 *   bytes    of a block (8)
 *   writes   to each block (200)
 *   blocks   of each thread (1,000,000)
 *   threads  (1)
 */
#include "work.h"

#include <limits.h>

static uint64_t bytes, writes, blocks;
static struct block given[MOST_THREADS];

/* Adds to all bytes in turn, so many times; each time is a write. */
static void block_write(volatile unsigned char *base, unsigned char number)
{
	uint64_t i, at = 0;

	for (i = 0; i < writes; i++) {
		base[at] = (unsigned char)(base[at] + number);
		at = at + 1 == bytes ? 0 : at + 1;
	}
}

static void work(struct worker *worker)
{
	uint64_t i;

	block_drop(&worker->tally, &given[worker->index]);
	for (i = 0; i < blocks; i++) {
		struct block block = block_new(&worker->tally, bytes);

		block_write(block.base, 1);
		block_write(block.base, UCHAR_MAX);
		block_drop(&worker->tally, &block);
	}
}

static void run(int give)
{
	unsigned threads = work_threads(), i;

	bytes = measure_number("bytes", 8);
	writes = measure_number("writes", 200) / 2;
	blocks = work_steps("blocks", 1000000);
	if (bytes < 1)
		measure_fail("bytes out of range");
	for (i = 0; give && i < threads; i++)
		given[i] = block_new(&workers[i].tally, bytes);
	work_run(threads, work);
}

void scratch(void)
{
	run(1);
}

void thrash(void)
{
	run(0);
}
