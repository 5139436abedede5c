/* SPDX-License-Identifier: MIT */
/*
 * pairs.c: so many blocks of one size are allocated, used once each, and freed.
 *
 *   bytes   of a block (64)
 *   blocks  (1000)
 *   order   in which they are used and freed: in, as they were allocated, or
 *           shuffled (in)
 *   steps   blocks altogether in the rounds after the first one (8000000); one
 *           round at least
 *   share   steps, and blocks from a million on, are divided by that (1)
 *
 * In a round all are allocated, and touched in that order, used in the other order,
 * and freed in it. A touch is of the first 16 bytes, and a use is a touch; a handle is
 * locked for it. What the touch and the loop cost is in the figures of all peers.
 *
 * cold_ns is an allocation and its touch in the first round, where memory comes from
 * the system. alloc_ns, use_ns, free_ns are medians of the rounds after it; pair_ns is
 * an allocation and a free.
 */
#include "work.h"

#include <stdio.h>

enum { MOST_ROUNDS = 4096, TOUCH_BYTES = 16 };

/* Nanoseconds of each round. */
static uint64_t alloc_ns[MOST_ROUNDS], use_ns[MOST_ROUNDS], free_ns[MOST_ROUNDS];

static shim_name *names;
static uint32_t *order;
static uint64_t blocks, bytes;

static void touch(shim_name name)
{
	unsigned char *base = shim_lock(name);
	size_t i;

	for (i = 0; i < TOUCH_BYTES; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, base + i, sizeof word);
		word++;
		memcpy(base + i, &word, sizeof word);
	}
	measure_use(base);
	shim_unlock(name);
}

static uint64_t blocks_alloc(void)
{
	uint64_t begin_ns = measure_ns(), i;

	for (i = 0; i < blocks; i++) {
		names[i] = shim_new(bytes);
		if (__builtin_expect(!names[i], 0))
			measure_fail("no memory");
	}
	return measure_ns() - begin_ns;
}

static uint64_t blocks_touch(void)
{
	uint64_t begin_ns = measure_ns(), i;

	for (i = 0; i < blocks; i++)
		touch(names[i]);
	return measure_ns() - begin_ns;
}

static uint64_t blocks_use(void)
{
	uint64_t begin_ns = measure_ns(), i;

	for (i = 0; i < blocks; i++)
		touch(names[order[i]]);
	return measure_ns() - begin_ns;
}

static uint64_t blocks_free(void)
{
	uint64_t begin_ns = measure_ns(), i;

	for (i = 0; i < blocks; i++)
		shim_free(names[order[i]]);
	return measure_ns() - begin_ns;
}

static void order_make(const char *word)
{
	uint64_t random = 1, i;

	for (i = 0; i < blocks; i++)
		order[i] = (uint32_t)i;
	if (!strcmp(word, "in"))
		return;
	if (strcmp(word, "shuffled"))
		measure_fail("order is none of in, shuffled");
	for (i = blocks - 1; i > 0; i--) {
		uint64_t other = measure_random_below(&random, i + 1);
		uint32_t kept = order[i];

		order[i] = order[other];
		order[other] = kept;
	}
}

static double median_each(uint64_t *samples, uint64_t rounds)
{
	measure_sort(samples, rounds);
	return (double)samples[rounds / 2] / (double)blocks;
}

void pairs(void)
{
	uint64_t steps = measure_number("steps", 8000000), share = measure_number("share", 1);
	uint64_t rounds, round, begin_ns, begin_cpu_ns, wall, cold;
	double alloc, use, release;

	bytes = measure_number("bytes", 64);
	blocks = measure_number("blocks", 1000);
	if (bytes < TOUCH_BYTES || blocks < 1 || blocks > UINT32_MAX)
		measure_fail("bytes or blocks out of range");
	if (blocks >= 1000000)
		blocks /= share;
	rounds = steps / share / blocks;
	rounds = rounds < 1 ? 1 : rounds > MOST_ROUNDS ? MOST_ROUNDS : rounds;
	names = work_pages(blocks * sizeof *names);
	order = work_pages(blocks * sizeof *order);
	order_make(measure_word("order", "in"));
	shim_open(0);
	begin_ns = measure_ns();
	begin_cpu_ns = measure_cpu_ns();
	cold = blocks_alloc();
	cold += blocks_touch();
	blocks_free();
	for (round = 0; round < rounds; round++) {
		alloc_ns[round] = blocks_alloc();
		blocks_touch();
		use_ns[round] = blocks_use();
		free_ns[round] = blocks_free();
	}
	wall = measure_ns() - begin_ns;
	measure_line("wall_s", (double)wall / 1e9, "s");
	measure_line("cpu_s", (double)(measure_cpu_ns() - begin_cpu_ns) / 1e9, "s");
	alloc = median_each(alloc_ns, rounds);
	use = median_each(use_ns, rounds);
	release = median_each(free_ns, rounds);
	measure_line("cold_ns", (double)cold / (double)blocks, "ns");
	measure_line("alloc_ns", alloc, "ns");
	measure_line("use_ns", use, "ns");
	measure_line("free_ns", release, "ns");
	measure_line("pair_ns", alloc + release, "ns");
	shim_close();
}
