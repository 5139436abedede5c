/* SPDX-License-Identifier: MIT */
/*
 * oracle.h: what a compaction has to do at least, found from the layout before it,
 * with a sort and all the tables that a heap has no room for: each block that is not
 * locked goes to the lowest place where it fits, blocks in the order of their addresses.
 */
#ifndef BENCH_HANDLES_ORACLE_H
#define BENCH_HANDLES_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A block: where it is, what it takes there, where it goes. */
struct piece {
	uint64_t address, to;
	uint32_t bytes;
	bool locked;
};

struct plan {
	/* Moves; the least address and behind the greatest, of all blocks after it; the
	 * longest hole between them. */
	uint64_t moved_blocks, moved_bytes, base, limit, hole_bytes;
};

/** Sorts pieces by address and plans. */
void oracle_plan(struct piece *pieces, size_t count, struct plan *plan);

#endif
