/* SPDX-License-Identifier: MIT */
/*
 * work.h: what the workloads of malloc-work share: blocks that are touched and
 * checked, threads with random numbers and a tally of their own, and figures.
 *
 * A workload is bound by its work, never by time: it asks for a number of steps
 * and does the same under every allocator. It calls malloc, calloc, realloc and
 * free and no other function that hands out memory.
 *
 * A block's first and last byte, and one in each page between, are written when
 * it is new; the ends are looked at before it is freed. Whoever finds one damaged
 * ends the process with status 1.
 */
#ifndef BENCH_MALLOC_WORK_H
#define BENCH_MALLOC_WORK_H

#include "../measure.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	MOST_THREADS = 16,
	PAGE_BYTES = 4096,
	LINE_BYTES = 128,
};

/** What one thread has allocated. Live bytes of one thread can be negative. */
struct tally {
	uint64_t calls;
	int64_t live_bytes, peak_bytes;
};

/** A thread of a workload; it outlives the system's thread and can run again. */
struct worker {
	_Alignas(LINE_BYTES) struct tally tally;
	uint64_t random;
	unsigned index;
	void (*run)(struct worker *worker);
	pthread_t id;
};

extern struct worker workers[MOST_THREADS];

/** A block as its owner remembers it. */
struct block {
	unsigned char *base;
	uint32_t bytes, cookie;
};

/** A number of steps: the argument, or the default, over the argument share=. */
uint64_t work_steps(const char *name, uint64_t otherwise);

/** The argument threads=, 1 if there is none. */
unsigned work_threads(void);

/** Runs so many workers, each in a thread; one alone runs in the caller. */
void work_run(unsigned threads, void (*run)(struct worker *worker));

/** The same, and one alone has a thread too. */
void work_spawn(unsigned threads, void (*run)(struct worker *worker));

/**
 * Where fragmentation counts: how the memory that is resident now compares to
 * these bytes, live at this moment. The mean of all samples is a figure.
 */
void work_sample(int64_t live_bytes);

/** Live bytes of all workers together. */
int64_t work_live_bytes(void);

/** Where tallies do not know: the most bytes that were live at once. */
void work_peak(uint64_t bytes);

/** Where tallies do not know: calls of malloc and its kin. */
void work_calls(uint64_t calls);

/** Writes the figures. */
void work_report(void);

static inline void tally_add(struct tally *tally, size_t bytes)
{
	tally->calls++;
	tally->live_bytes += (int64_t)bytes;
	if (tally->live_bytes > tally->peak_bytes)
		tally->peak_bytes = tally->live_bytes;
}

/** Writes a byte at both ends and in each page. */
static inline void block_touch(unsigned char *base, size_t bytes, unsigned char value)
{
	size_t at;

	base[0] = value;
	for (at = PAGE_BYTES; at < bytes; at += PAGE_BYTES)
		base[at] = value;
	base[bytes - 1] = value;
	measure_use(base);
}

/** A new block of at least one byte, touched. */
static inline struct block block_new(struct tally *tally, size_t bytes)
{
	struct block block = { malloc(bytes), (uint32_t)bytes, (uint32_t)tally->calls };

	if (!block.base)
		measure_fail("no memory");
	block_touch(block.base, bytes, (unsigned char)block.cookie);
	tally_add(tally, bytes);
	return block;
}

static inline void block_check(const struct block *block)
{
	if (block->base[0] != (unsigned char)block->cookie ||
	    block->base[block->bytes - 1] != (unsigned char)block->cookie)
		measure_fail("a block is damaged");
}

/** Checks and frees a block; nothing if there is none. */
static inline void block_drop(struct tally *tally, struct block *block)
{
	if (!block->base)
		return;
	block_check(block);
	free(block->base);
	tally->live_bytes -= block->bytes;
	block->base = NULL;
}

/**
 * A size of at least 2^low_log2 bytes within so many doublings. Each doubling is
 * half as frequent as the one before, so that all have about as many bytes.
 */
static inline size_t size_power(uint64_t *random, unsigned low_log2, unsigned doublings)
{
	uint64_t bits = measure_random(random);
	unsigned doubling = (unsigned)__builtin_ctzll(bits | (uint64_t)1 << (doublings - 1));
	uint64_t low = (uint64_t)1 << (low_log2 + doubling);

	return low + ((bits >> 32) * low >> 32);
}

/** An array that a workload keeps its blocks in; it counts for nothing. */
static inline void *table_new(size_t count, size_t bytes)
{
	void *table = calloc(count, bytes);

	if (!table)
		measure_fail("no memory");
	return table;
}

/** The workloads. */
void pair(void);
void larson(void);
void xmalloc(void);
void sh6(void);
void sh8(void);
void scratch(void);
void thrash(void);
void mstress(void);
void replace(void);
void vectors(void);
void phases(void);
void robson(void);
void web(void);
void values(void);
void cleared(void);
void large(void);
void spawn(void);
void batches(void);
void pool(void);
void mleak(void);
void factor(void);
void trees(void);
void strings(void);

#endif
