/* SPDX-License-Identifier: MIT */
/*
 * purge.c: memory that is free goes back to the system (space.h).
 *
 *   block infos   | 0 1 1 0 ... 4 x 64 bits, and when one was set |   a block
 *   dirty_regions |      1              |                             256 blocks
 *
 * Free chunks that have been in use are dirty until they are discarded. They are
 * handed out first as they are (warm), and then not known to be zero. A block's
 * dirty chunks go back together, when none has been added for so long; a region
 * is only looked at if its bit says that there may be some.
 *
 * The bits are space.c's invariants I1 and I2. The space's lock is held.
 */
#include <smal/space/space.h>

/* The mask of dirty[w] for the chunks [first, first + n) of a block. */
static uint64_t dirty_mask(unsigned w, unsigned first, unsigned n)
{
	unsigned from = first > w * 64 ? first - w * 64 : 0;
	unsigned to = first + n < (w + 1) * 64 ? first + n : (w + 1) * 64;

	if (to <= w * 64 + from)
		return 0;
	to -= w * 64;
	return (to == 64 ? ~(uint64_t)0 : ((uint64_t)1 << to) - 1) & ~(((uint64_t)1 << from) - 1);
}

bool smal_segment_take_dirty(struct smal_segment *segment, uint32_t chunk, size_t n)
{
	bool clean = true;

	while (n > 0) {
		uint64_t *dirty = segment->infos[chunk / SMAL_FAN].dirty;
		unsigned first = chunk % SMAL_FAN;
		unsigned here = (unsigned)smal_min(n, SMAL_FAN - first);

		for (unsigned w = first / 64; w * 64 < first + here; w++) {
			uint64_t mask = dirty_mask(w, first, here) & dirty[w];

			clean = clean && mask == 0;
			dirty[w] &= ~mask;
			segment->dirty_chunks -= (uint32_t)__builtin_popcountll(mask);
		}
		chunk += here;
		n -= here;
	}
	return clean;
}

void smal_segment_give_dirty(struct smal_segment *segment, uint32_t chunk, size_t n)
{
	uint32_t now_ms = (uint32_t)segment->space->now_ms;

	segment->dirty_chunks += (uint32_t)n;
	while (n > 0) {
		struct smal_block_info *info = &segment->infos[chunk / SMAL_FAN];
		uint32_t region = chunk / SMAL_FAN / SMAL_REGION_BLOCKS;
		unsigned first = chunk % SMAL_FAN;
		unsigned here = (unsigned)smal_min(n, SMAL_FAN - first);

		for (unsigned w = first / 64; w * 64 < first + here; w++)
			info->dirty[w] |= dirty_mask(w, first, here);
		info->stamp_ms = now_ms;
		segment->dirty_regions[region / 64] |= (uint64_t)1 << (region % 64);
		chunk += here;
		n -= here;
	}
}

/* ---- Chunks ---- */

/* Discards the dirty chunks [first, first + n) of a block as far as pages
 * allow; returns the chunks that went. */
static unsigned discard(struct smal_segment *segment, uint32_t block, unsigned first, unsigned n)
{
	struct smal_space *space = segment->space;
	uintptr_t page = smal_os_page_bytes();
	uintptr_t base = (uintptr_t)smal_segment_chunk_address(segment, block * SMAL_FAN + first);
	uintptr_t limit = (base + ((uintptr_t)n << SMAL_CHUNK_LOG2)) & ~(page - 1);

	base = smal_round_up(base, page);
	if (base >= limit || !smal_account_discard(&space->account, (void *)base, limit - base))
		return 0;
	first = smal_segment_chunk(segment, (void *)base) % SMAL_FAN;
	n = (unsigned)((limit - base) >> SMAL_CHUNK_LOG2);
	for (unsigned w = 0; w < 4; w++)
		segment->infos[block].dirty[w] &= ~dirty_mask(w, first, n);
	segment->dirty_chunks -= n;
	return n;
}

static size_t purge_block(struct smal_segment *segment, uint32_t block)
{
	uint64_t *dirty = segment->infos[block].dirty;
	size_t chunks = 0;
	unsigned first = 0;

	while (first < SMAL_FAN) {
		unsigned limit = first;

		while (limit < SMAL_FAN && (dirty[limit / 64] >> (limit % 64) & 1) != 0)
			limit++;
		if (limit > first)
			chunks += discard(segment, block, first, limit - first);
		first = limit + 1;
	}
	return chunks << SMAL_CHUNK_LOG2;
}

static bool block_is_dirty(const struct smal_block_info *info)
{
	return (info->dirty[0] | info->dirty[1] | info->dirty[2] | info->dirty[3]) != 0;
}

/* Purges what is old enough in a region; clears its bit if nothing is left. */
static size_t purge_region(struct smal_segment *segment, uint32_t region, uint64_t now_ms,
                           unsigned age_ms)
{
	uint32_t block = region * SMAL_REGION_BLOCKS;
	uint32_t limit = (uint32_t)smal_min(block + SMAL_REGION_BLOCKS, segment->committed_blocks);
	bool left = false;
	size_t bytes = 0;

	for (; block < limit; block++) {
		const struct smal_block_info *info = &segment->infos[block];

		if (!block_is_dirty(info))
			continue;
		if ((uint32_t)now_ms - info->stamp_ms >= age_ms)
			bytes += purge_block(segment, block);
		left = left || block_is_dirty(info);
	}
	if (!left)
		segment->dirty_regions[region / 64] &= ~((uint64_t)1 << (region % 64));
	return bytes;
}

static size_t purge_locked(struct smal_space *space, uint64_t now_ms, unsigned age_ms)
{
	size_t bytes = 0;

	if (space->options.buffer != NULL)
		return 0; /* a caller's memory is not ours to give */
	SMAL_LIST_EACH(link, &space->segments) {
		struct smal_segment *segment = SMAL_CONTAINER(link, struct smal_segment, link);

		for (unsigned w = 0; segment->dirty_chunks != 0 && w < SMAL_SEGMENT_REGIONS / 64; w++)
			for (uint64_t left = segment->dirty_regions[w]; left != 0; left &= left - 1)
				bytes += purge_region(segment,
				                      w * 64 + (unsigned)__builtin_ctzll(left),
				                      now_ms, age_ms);
	}
	return bytes;
}

static bool block_is_free(const struct smal_segment *segment, uint32_t block)
{
	return smal_segment_is_whole(segment, block) && !smal_level_is_used(&segment->blocks, block);
}

/* The sides of the free blocks [first, limit) go back, as far as pages allow: where
 * no run is, nobody reads more of them than zeroes. */
static void purge_sides(struct smal_segment *segment, uint32_t first, uint32_t limit)
{
	struct smal_space *space = segment->space;
	uintptr_t page = smal_os_page_bytes();

	for (unsigned i = 0; i < SMAL_SIDES; i++) {
		const struct smal_area *side = &segment->side[i];
		size_t bytes = (size_t)SMAL_BLOCK_IDS * space->options.side_bytes[i];
		size_t base = smal_round_up(first * bytes, page);
		size_t end = smal_min(limit * bytes, side->committed_bytes) & ~(page - 1);

		if (base < end)
			smal_account_discard(&space->account, side->base + base, end - base);
	}
}

static void trim_sides(struct smal_segment *segment)
{
	uint32_t limit = (uint32_t)segment->committed_blocks, block = 0;

	while (block < limit) {
		uint32_t first = block;

		while (block < limit && block_is_free(segment, block))
			block++;
		if (block > first)
			purge_sides(segment, first, block);
		block++;
	}
}

/* More free memory than may be kept. */
static bool is_dirty(const struct smal_space *space)
{
	size_t used = 0, dirty = 0;

	SMAL_LIST_EACH(link, &space->segments) {
		const struct smal_segment *segment =
			SMAL_CONTAINER(link, struct smal_segment, link);

		used += segment->used_bytes;
		dirty += (size_t)segment->dirty_chunks << SMAL_CHUNK_LOG2;
	}
	return dirty > space->options.dirty_bytes + used / space->options.dirty_part;
}

void smal_space_decay_locked(struct smal_space *space)
{
	if (space->options.dirty_bytes != 0 && is_dirty(space))
		purge_locked(space, space->now_ms, 0);
	if (space->now_ms - space->decayed_ms < space->options.decay_ms / 8)
		return;
	space->decayed_ms = space->now_ms;
	purge_locked(space, space->now_ms, space->options.decay_ms);
}

size_t smal_space_purge(struct smal_space *space, unsigned age_ms)
{
	size_t bytes;

	smal_os_lock_take(&space->lock);
	SMAL_LIST_EACH(link, &space->segments) {
		struct smal_segment *segment = SMAL_CONTAINER(link, struct smal_segment, link);

		if (age_ms == 0 && !segment->direct)
			smal_element_trim_locked(space, segment);
	}
	space->now_ms = smal_os_clock_ns() / 1000000;
	bytes = purge_locked(space, space->now_ms, age_ms);
	SMAL_LIST_EACH(link, &space->segments) {
		struct smal_segment *segment = SMAL_CONTAINER(link, struct smal_segment, link);

		if (age_ms == 0 && !segment->direct && space->options.buffer == NULL)
			trim_sides(segment);
	}
	smal_os_lock_give(&space->lock);
	return bytes;
}
