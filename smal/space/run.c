/* SPDX-License-Identifier: MIT */
/*
 * run.c: runs of chunks in the tree of one segment.
 *
 *   run of 600 chunks      | block 7    | block 8    | block 9            |
 *                          | whole      | whole      | 88 chunks | others |
 *
 * A run of c chunks is c / 256 whole blocks and, if something is left, the
 * first chunks of the block behind them; the rest of that block is free for
 * others. So nothing is rounded to blocks, and the position of a run says how
 * it is to be given back: a block whose node is closed was handed out whole.
 *
 * Which segment a run comes from, and what is counted, is space.c's. The space's
 * lock is held.
 */
#include <smal/space/space.h>

/* ---- Blocks ---- */

static void give_blocks(struct smal_segment *segment, uint32_t block, unsigned n)
{
	uint32_t region = block / SMAL_REGION_BLOCKS;

	if (smal_level_give(&segment->blocks, block, n)) {
		smal_level_close(&segment->blocks, region);
		smal_level_give(&segment->regions, region, 1);
	}
}

/* Opens a free region below limit (in regions). */
static bool open_region(struct smal_segment *segment, uint32_t limit)
{
	uint32_t region, blocks;

	if (!smal_level_take_below(&segment->regions, 1, 0, limit, &region))
		return false;
	blocks = segment->block_count - region * SMAL_REGION_BLOCKS;
	if (smal_level_open(&segment->blocks, region,
	                    (unsigned)smal_min(blocks, SMAL_REGION_BLOCKS)))
		return true;
	smal_level_give(&segment->regions, region, 1);
	return false;
}

/* Takes n whole blocks in a row that are committed, or if `grows`, are then;
 * false if there are none. What is committed is used before more is. A last
 * region that is too small may stay open, and empty. */
static bool take_blocks(struct smal_segment *segment, unsigned n, bool grows, uint32_t *block)
{
	uint32_t limit = (uint32_t)segment->committed_blocks;
	struct smal_level *blocks = &segment->blocks;
	unsigned order = smal_log2_ceil(n);

	/* A free region has no node: it may be committed all the same. */
	do {
		if (smal_level_take_below(blocks, n, order, limit, block))
			return true;
	} while (open_region(segment, (limit + SMAL_REGION_BLOCKS - (1u << order)) /
	                                      SMAL_REGION_BLOCKS));
	while (grows && !smal_level_take(blocks, n, order, block))
		grows = open_region(segment, SMAL_SEGMENT_REGIONS);
	if (!grows)
		return false;
	if (smal_segment_commit(segment, *block + n))
		return true;
	give_blocks(segment, *block, n);
	return false;
}

/* Opens a block that has just been taken; gives it back if that fails. */
static bool open_block(struct smal_segment *segment, uint32_t block)
{
	if (smal_level_open(&segment->chunks, block, smal_segment_capacity(segment, block)))
		return true;
	give_blocks(segment, block, 1);
	return false;
}

static void give_chunks(struct smal_segment *segment, uint32_t chunk, unsigned n)
{
	/* A short last block stays open: it is never handed out whole. */
	if (smal_level_give(&segment->chunks, chunk, n) &&
	    smal_segment_capacity(segment, chunk / SMAL_FAN) == SMAL_FAN) {
		smal_level_close(&segment->chunks, chunk / SMAL_FAN);
		give_blocks(segment, chunk / SMAL_FAN, 1);
	}
}

bool smal_run_open_short(struct smal_segment *segment)
{
	uint32_t block = segment->block_count - 1, region = block / SMAL_REGION_BLOCKS;

	if (smal_segment_capacity(segment, block) == SMAL_FAN)
		return true;
	return smal_level_take_at(&segment->regions, region, 1) &&
	       smal_level_open(&segment->blocks, region, block % SMAL_REGION_BLOCKS + 1) &&
	       smal_level_take_at(&segment->blocks, block, 1) && open_block(segment, block);
}

/* ---- Runs ---- */

static bool take_small(struct smal_segment *segment, unsigned n, unsigned order, bool grows,
                       uint32_t *chunk)
{
	uint32_t block;

	if (smal_level_take(&segment->chunks, n, order, chunk))
		return true;
	if (!take_blocks(segment, 1, grows, &block))
		return false;
	return open_block(segment, block) && smal_level_take(&segment->chunks, n, order, chunk);
}

static bool take_large(struct smal_segment *segment, size_t n, bool grows, uint32_t *chunk)
{
	unsigned whole = (unsigned)(n / SMAL_FAN), rest = (unsigned)(n % SMAL_FAN);
	uint32_t block;

	if (!take_blocks(segment, whole + (rest != 0), grows, &block))
		return false;
	*chunk = block * SMAL_FAN;
	if (rest == 0)
		return true;
	if (!open_block(segment, block + whole)) {
		give_blocks(segment, block, whole);
		return false;
	}
	return smal_level_take_at(&segment->chunks, (block + whole) * SMAL_FAN, rest);
}

bool smal_run_take(struct smal_segment *segment, size_t n, unsigned order, bool grows,
                   uint32_t *chunk)
{
	return n <= SMAL_FAN ? take_small(segment, (unsigned)n, order, grows, chunk)
	                     : take_large(segment, n, grows, chunk);
}

/* ---- Giving, and growing in place ---- */

/* Turns a block that was handed out whole into a full one with a node, so that
 * parts of it can be given. */
static bool split_block(struct smal_segment *segment, uint32_t block)
{
	return smal_level_open(&segment->chunks, block, SMAL_FAN) &&
	       smal_level_take_at(&segment->chunks, block * SMAL_FAN, SMAL_FAN);
}

bool smal_run_give(struct smal_segment *segment, uint32_t chunk, size_t n, bool dirty)
{
	uint32_t limit = chunk + (uint32_t)n, last = limit / SMAL_FAN;

	/* The first block and the last one may be given in part. If there is no
	 * memory to split the second of them, the first stays split, and full. */
	if (chunk % SMAL_FAN != 0 && smal_segment_is_whole(segment, chunk / SMAL_FAN) &&
	    !split_block(segment, chunk / SMAL_FAN))
		return false;
	if (limit % SMAL_FAN != 0 && smal_segment_is_whole(segment, last) &&
	    !split_block(segment, last))
		return false;
	if (dirty)
		smal_segment_give_dirty(segment, chunk, n);
	while (chunk < limit) {
		uint32_t block = chunk / SMAL_FAN, whole = 0;

		while (chunk + (whole + 1) * SMAL_FAN <= limit &&
		       smal_segment_is_whole(segment, block + whole) &&
		       (whole == 0 || (block + whole) % SMAL_REGION_BLOCKS != 0))
			whole++;
		if (whole > 0) {
			give_blocks(segment, block, whole);
			chunk += whole * SMAL_FAN;
		} else {
			unsigned here = (unsigned)smal_min(limit - chunk,
			                                   SMAL_FAN - chunk % SMAL_FAN);

			give_chunks(segment, chunk, here);
			chunk += here;
		}
	}
	return true;
}

/* Frees what smal_run_take_at has taken of a run; it is as clean as before. */
static void undo(struct smal_segment *segment, uint32_t chunk, uint32_t limit)
{
	while (chunk < limit) {
		unsigned here = (unsigned)smal_min(limit - chunk, SMAL_FAN - chunk % SMAL_FAN);

		if (chunk % SMAL_FAN == 0 && smal_segment_is_whole(segment, chunk / SMAL_FAN))
			give_blocks(segment, chunk / SMAL_FAN, 1);
		else
			give_chunks(segment, chunk, here);
		chunk += here;
	}
}

bool smal_run_take_at(struct smal_segment *segment, uint32_t chunk, size_t n)
{
	uint32_t first = chunk;

	while (n > 0) {
		uint32_t block = chunk / SMAL_FAN;
		unsigned here = (unsigned)smal_min(n, SMAL_FAN - chunk % SMAL_FAN);

		if (block >= segment->block_count)
			break;
		if (chunk % SMAL_FAN == 0 &&
		    (block >= segment->committed_blocks || smal_segment_is_whole(segment, block))) {
			if (!smal_level_take_at(&segment->blocks, block, 1))
				break;
			if (!smal_segment_commit(segment, block + 1)) {
				give_blocks(segment, block, 1);
				break;
			}
			if (here < SMAL_FAN && !open_block(segment, block))
				break;
			if (here == SMAL_FAN) {
				chunk += here;
				n -= here;
				continue;
			}
		}
		if (smal_segment_is_whole(segment, block) ||
		    !smal_level_take_at(&segment->chunks, chunk, here))
			break;
		chunk += here;
		n -= here;
	}
	if (n > 0)
		undo(segment, first, chunk);
	return n == 0;
}
