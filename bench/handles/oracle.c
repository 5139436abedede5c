/* SPDX-License-Identifier: MIT */
/*
 * oracle.c: first fit in the order of addresses, over the gaps between locked blocks.
 *
 * A tree over the gaps has at each node the most room of those below it, so that the
 * first gap where a block fits is found from the root down, however many are locked.
 */
#include "oracle.h"

#include "work.h"

#include <stdlib.h>

/* Between two locked blocks: what is filled lies below `next`. */
struct gap {
	uint64_t next, limit;
};

static struct gap *gaps;
static size_t gap_count;

/* Node 1 is the root, i has 2i and 2i + 1 below it; gap g is leaf `leaves` + g. */
static uint64_t *rooms;
static size_t leaves;

static int compare_pieces(const void *left, const void *right)
{
	uint64_t a = ((const struct piece *)left)->address;
	uint64_t b = ((const struct piece *)right)->address;

	return (a > b) - (a < b);
}

static void gaps_make(const struct piece *pieces, size_t count)
{
	uint64_t from = pieces[0].address;
	size_t i;

	gap_count = 0;
	for (i = 0; i < count; i++)
		if (pieces[i].locked) {
			gaps[gap_count++] = (struct gap){ from, pieces[i].address };
			from = pieces[i].address + pieces[i].bytes;
		}
	gaps[gap_count++] = (struct gap){ from, UINT64_MAX };
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void rooms_make(void)
{
	size_t i;

	for (leaves = 1; leaves < gap_count; leaves *= 2)
		;
	rooms = work_pages(2 * leaves * sizeof *rooms);
	for (i = 0; i < gap_count; i++)
		rooms[leaves + i] = gaps[i].limit - gaps[i].next;
	for (i = leaves - 1; i > 0; i--)
		rooms[i] = larger(rooms[2 * i], rooms[2 * i + 1]);
}

/* The lowest place for a block: its own at last, for everything below is packed. */
static uint64_t place(struct piece *piece)
{
	struct gap *gap;
	size_t at = 1;

	while (at < leaves)
		at = 2 * at + (rooms[2 * at] < piece->bytes);
	gap = &gaps[at - leaves];
	piece->to = gap->next;
	gap->next += piece->bytes;
	for (rooms[at] -= piece->bytes; at > 1; at /= 2)
		rooms[at / 2] = larger(rooms[at], rooms[at ^ 1]);
	return piece->to;
}

static void plan_end(const struct piece *pieces, size_t count, struct plan *plan)
{
	size_t i;

	plan->base = pieces[0].address;
	plan->limit = 0;
	for (i = 0; i < count; i++)
		if (pieces[i].to + pieces[i].bytes > plan->limit)
			plan->limit = pieces[i].to + pieces[i].bytes;
	plan->hole_bytes = 0;
	for (i = 0; i + 1 < gap_count; i++)
		if (gaps[i].limit - gaps[i].next > plan->hole_bytes)
			plan->hole_bytes = gaps[i].limit - gaps[i].next;
}

void oracle_plan(struct piece *pieces, size_t count, struct plan *plan)
{
	size_t locked = 0, i;

	for (i = 0; i < count; i++)
		locked += pieces[i].locked;
	qsort(pieces, count, sizeof *pieces, compare_pieces);
	gaps = work_pages((locked + 1) * sizeof *gaps);
	gaps_make(pieces, count);
	rooms_make();
	*plan = (struct plan){ 0 };
	for (i = 0; i < count; i++) {
		if (pieces[i].locked)
			pieces[i].to = pieces[i].address;
		else if (place(&pieces[i]) != pieces[i].address) {
			plan->moved_blocks++;
			plan->moved_bytes += pieces[i].bytes;
		}
	}
	plan_end(pieces, count, plan);
}
