/* SPDX-License-Identifier: MIT */
/*
 * robson.c: the adversary of Robson's lower bound for fragmentation.
 *
 * After J. M. Robson, "Worst case fragmentation of first fit and best fit
 * storage allocation strategies" (1977). Live bytes never exceed a bound M.
 * First M is filled with the smallest blocks. Step i looks at addresses that are
 * f modulo 2^i, for one of the two f that continue the f of the step before:
 * blocks that hold no such address are freed, and the room goes to blocks of 2^i
 * bytes, of which none fits between two that are left. The f is taken that
 * leaves more room which can't be used. No allocator that does not move
 * blocks can do with less than M/2 * log2(largest/smallest) or so.
 *
 * The work depends on the addresses, so it is the same under every allocator in
 * its bound alone. The figure is resident bytes over M at the end.
 *
 *   live    the bound M in bytes (32M)
 *   low     log2 of the smallest block (5)
 *   high    log2 of the largest (15)
 *   rounds  (1)
 */
#include "work.h"

/* What every block begins with: a list runs through all that are live. */
struct cell {
	struct cell *next;
	uint64_t bytes;
};

static struct cell *cells;

static void cell_drop(struct cell *cell)
{
	unsigned char *end = (unsigned char *)cell + cell->bytes - 1;

	if (cell->bytes > sizeof *cell && *end != (unsigned char)(cell->bytes >> 4))
		measure_fail("a block is damaged");
	workers[0].tally.live_bytes -= (int64_t)cell->bytes;
	free(cell);
}

static void fill(uint64_t live, uint64_t bytes)
{
	struct tally *tally = &workers[0].tally;

	while ((uint64_t)tally->live_bytes + bytes <= live) {
		struct cell *cell = malloc(bytes);

		if (!cell)
			measure_fail("no memory");
		block_touch((unsigned char *)cell, bytes, (unsigned char)(bytes >> 4));
		cell->next = cells;
		cell->bytes = bytes;
		cells = cell;
		tally_add(tally, bytes);
	}
}

/* True if a block holds an address that is f modulo a power of two. */
static int cell_holds(const struct cell *cell, uint64_t f, uint64_t modulus)
{
	return ((f - (uintptr_t)cell) & (modulus - 1)) < cell->bytes;
}

/* The room that blocks which are left waste. */
static uint64_t waste(uint64_t f, uint64_t modulus)
{
	const struct cell *cell;
	uint64_t bytes = 0;

	for (cell = cells; cell; cell = cell->next)
		if (cell_holds(cell, f, modulus))
			bytes += modulus - cell->bytes;
	return bytes;
}

static void free_others(uint64_t f, uint64_t modulus)
{
	struct cell **at = &cells, *cell;

	while ((cell = *at)) {
		if (cell_holds(cell, f, modulus)) {
			at = &cell->next;
			continue;
		}
		*at = cell->next;
		cell_drop(cell);
	}
}

static void round_run(uint64_t live, unsigned low, unsigned high)
{
	uint64_t f = 0;
	unsigned i;

	fill(live, (uint64_t)1 << low);
	for (i = low + 1; i <= high; i++) {
		uint64_t modulus = (uint64_t)1 << i, other = f + modulus / 2;

		if (waste(other, modulus) > waste(f, modulus))
			f = other;
		free_others(f, modulus);
		fill(live, modulus);
	}
}

void robson(void)
{
	uint64_t live = work_steps("live", 32 << 20), rounds = measure_number("rounds", 1);
	unsigned low = (unsigned)measure_number("low", 5);
	unsigned high = (unsigned)measure_number("high", 15);

	if ((uint64_t)1 << low < sizeof(struct cell) || high > 30)
		measure_fail("low or high out of range");
	while (rounds-- > 0) {
		round_run(live, low, high);
		work_sample((int64_t)live);
		while (cells) {
			struct cell *cell = cells;

			cells = cell->next;
			cell_drop(cell);
		}
	}
}
