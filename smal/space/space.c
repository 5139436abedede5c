/* SPDX-License-Identifier: MIT */
/*
 * space.c: runs: taking, giving, growing, and returning memory (space.h).
 *
 * A run of c chunks is c / 256 whole blocks and, if something is left, the
 * first chunks of the block behind them; the rest of that block is free for
 * others. So nothing is rounded to blocks, and the position of a run says how
 * it is to be given back: a block whose node is closed was handed out whole.
 *
 * Free chunks that have been in use are dirty until they are discarded. They
 * are handed out first as they are (warm), with zeroed = false.
 *
 * Invariants (verify.c):
 *   I1  a chunk that is dirty is free
 *   I2  dirty_chunks is the number of dirty bits, and dirty_regions has every
 *       region of one
 *   I3  used_bytes is the chunks in use, in blocks with a node and without
 *   I4  the table finds every segment by its first and last byte
 *   I5  the memory of all segments and the metadata are what was committed
 */
#include <smal/space/space.h>

#include <string.h>

/* Sizes to reserve, largest first; each a power of two. */
#if UINTPTR_MAX > 0xffffffffu
static const uint64_t largest_segment = (uint64_t)64 << 30;
#else
static const uint64_t largest_segment = (uint64_t)256 << 20;
#endif
enum { SMALLEST_SEGMENT = 4 << 20 };

static size_t chunks_of(size_t bytes)
{
	return (bytes + SMAL_CHUNK - 1) >> SMAL_CHUNK_LOG2;
}

static void *chunk_address(const struct smal_segment *segment, uint32_t chunk)
{
	return (void *)(segment->base + ((uintptr_t)chunk << SMAL_CHUNK_LOG2));
}

static uint32_t chunk_index(const struct smal_segment *segment, const void *address)
{
	return (uint32_t)(((uintptr_t)address - segment->base) >> SMAL_CHUNK_LOG2);
}

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

/* Clears the dirty bits of a run that is handed out; true if it had none. */
static bool take_dirty(struct smal_segment *segment, uint32_t chunk, size_t n)
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

static void give_dirty(struct smal_segment *segment, uint32_t chunk, size_t n)
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

/* Opens a buffer's last block if it is a short one. */
static bool open_short_block(struct smal_segment *segment)
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

/* A segment for a run of these many chunks. Where addresses are scarce, which a
 * refusal shows, most of what is left is left to others, and the next segment is
 * tried at twice the size that could be had. */
static struct smal_segment *add_segment(struct smal_space *space, size_t chunks)
{
	uint64_t need = (uint64_t)1 << smal_log2_ceil(chunks << SMAL_CHUNK_LOG2);
	uint64_t largest = space->options.segment_bytes, bytes = space->next_segment_bytes;
	uint64_t least = largest < SMALLEST_SEGMENT ? largest : SMALLEST_SEGMENT;

	if (space->account.provider->reserve == NULL)
		return NULL;
	if (least < need)
		least = need;
	if (bytes < need)
		bytes = need;
	while (bytes >= least) {
		struct smal_segment *segment = smal_segment_create(space, (size_t)bytes);

		if (segment != NULL) {
			space->next_segment_bytes = bytes * 2 < largest ? bytes * 2 : largest;
			return segment;
		}
		bytes /= bytes == largest && bytes / 16 >= least ? 16 : 2;
	}
	return NULL;
}

static bool take_in(struct smal_segment *segment, size_t n, unsigned order, bool grows,
                    uint32_t *chunk)
{
	return n <= SMAL_FAN ? take_small(segment, (unsigned)n, order, grows, chunk)
	                     : take_large(segment, n, grows, chunk);
}

/* The first segment that has room in what is committed, or can commit more, or
 * can be made; NULL if there is none. */
static struct smal_segment *take_somewhere(struct smal_space *space, size_t n, unsigned order,
                                           uint32_t *chunk)
{
	struct smal_segment *segment;

	for (int grows = 0; grows <= 1; grows++) {
		SMAL_LIST_EACH(link, &space->segments) {
			segment = SMAL_CONTAINER(link, struct smal_segment, link);
			if (!segment->direct && take_in(segment, n, order, grows != 0, chunk))
				return segment;
		}
	}
	segment = add_segment(space, n);
	return segment != NULL && take_in(segment, n, order, true, chunk) ? segment : NULL;
}

void *smal_space_take_locked(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed)
{
	size_t n = chunks_of(bytes);
	unsigned order = (unsigned)smal_max(smal_log2_ceil(n), smal_log2_ceil(chunks_of(align_bytes)));
	struct smal_segment *segment;
	uint32_t chunk = 0;

	if (n == 0 || bytes > SIZE_MAX / 2)
		return NULL;
	if (n > SMAL_REGION >> SMAL_CHUNK_LOG2) {
		segment = smal_segment_create_direct(space, bytes);
		*zeroed = true;
		return segment != NULL ? (void *)segment->base : NULL;
	}
	segment = take_somewhere(space, n, order, &chunk);
	if (segment == NULL)
		return NULL;
	segment->used_bytes += n << SMAL_CHUNK_LOG2;
	*zeroed = take_dirty(segment, chunk, n);
	/* Whoever had it may have forbidden it to all. */
	smal_os_tool_allow(chunk_address(segment, chunk), n << SMAL_CHUNK_LOG2);
	return chunk_address(segment, chunk);
}

/* Turns a block that was handed out whole into a full one with a node, so that
 * parts of it can be given. */
static bool split_block(struct smal_segment *segment, uint32_t block)
{
	return smal_level_open(&segment->chunks, block, SMAL_FAN) &&
	       smal_level_take_at(&segment->chunks, block * SMAL_FAN, SMAL_FAN);
}

static bool give_in(struct smal_segment *segment, uint32_t chunk, size_t n, bool dirty)
{
	uint32_t limit = chunk + (uint32_t)n, last = limit / SMAL_FAN;

	/* The first block and the last one may be given in part. If there is no
	 * memory to split the second of them, the first stays split, and full. */
	if (chunk % SMAL_FAN != 0 && smal_segment_is_whole(segment, chunk / SMAL_FAN) &&
	    !split_block(segment, chunk / SMAL_FAN))
		return false;
	if (limit % SMAL_FAN != 0 && smal_segment_is_whole(segment, last) && !split_block(segment, last))
		return false;
	if (dirty)
		give_dirty(segment, chunk, n);
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

static struct smal_segment *find(struct smal_space *space, const void *address)
{
	struct smal_segment *segment = NULL;

	if (space->options.buffer != NULL) {
		segment = SMAL_CONTAINER(space->segments.next, struct smal_segment, link);
		return (uintptr_t)address - segment->base < segment->bytes ? segment : NULL;
	}
	segment = smal_table_find((uintptr_t)address);
	return segment != NULL && segment->space == space ? segment : NULL;
}

static bool give_locked(struct smal_space *space, void *run, size_t bytes, bool dirty)
{
	struct smal_segment *segment = find(space, run);
	size_t n = chunks_of(bytes);
	uint32_t chunk;

	SMAL_ASSERT(segment != NULL);
	if (segment->direct) {
		SMAL_ASSERT(n << SMAL_CHUNK_LOG2 <= segment->used_bytes);
		segment->used_bytes -= n << SMAL_CHUNK_LOG2;
		if (segment->used_bytes == 0)
			smal_segment_end_direct(segment);
		else
			smal_account_discard(&space->account, run, n << SMAL_CHUNK_LOG2);
		return true;
	}
	chunk = chunk_index(segment, run);
	if (!give_in(segment, chunk, n, dirty))
		return false;
	segment->used_bytes -= n << SMAL_CHUNK_LOG2;
	return true;
}

bool smal_space_give_locked(struct smal_space *space, void *run, size_t bytes)
{
	space->now_ms = smal_os_clock_ns() / 1000000;
	return give_locked(space, run, bytes, true);
}

/* Takes the n chunks from `chunk` on if they are free, or nothing. */
static bool take_at(struct smal_segment *segment, uint32_t chunk, size_t n)
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
	if (n > 0 && chunk > first) {
		struct smal_segment *s = segment;

		/* Undo: the part that was taken was free, and is as clean as before. */
		for (uint32_t at = first; at < chunk;) {
			unsigned here = (unsigned)smal_min(chunk - at, SMAL_FAN - at % SMAL_FAN);

			if (at % SMAL_FAN == 0 && smal_segment_is_whole(s, at / SMAL_FAN))
				give_blocks(s, at / SMAL_FAN, 1);
			else
				give_chunks(s, at, here);
			at += here;
		}
	}
	return n == 0;
}

/* ---- Giving back to the system ---- */

/* Discards the dirty chunks [first, first + n) of a block as far as pages
 * allow; returns the chunks that went. */
static unsigned discard(struct smal_segment *segment, uint32_t block, unsigned first, unsigned n)
{
	struct smal_space *space = segment->space;
	uintptr_t page = smal_os_page_bytes();
	uintptr_t base = (uintptr_t)chunk_address(segment, block * SMAL_FAN + first);
	uintptr_t limit = (base + ((uintptr_t)n << SMAL_CHUNK_LOG2)) & ~(page - 1);

	base = smal_round_up(base, page);
	if (base >= limit || !smal_account_discard(&space->account, (void *)base, limit - base))
		return 0;
	first = chunk_index(segment, (void *)base) % SMAL_FAN;
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

/* Looks at most eight times per decay time whether something is old enough. */
static void decay_locked(struct smal_space *space)
{
	if (space->options.dirty_bytes != 0 && is_dirty(space))
		purge_locked(space, space->now_ms, 0);
	if (space->now_ms - space->decayed_ms < space->options.decay_ms / 8)
		return;
	space->decayed_ms = space->now_ms;
	purge_locked(space, space->now_ms, space->options.decay_ms);
}

/* ---- The interface ---- */

void *smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes, bool *zeroed)
{
	void *run;

	smal_os_lock_take(&space->lock);
	run = smal_space_take_locked(space, bytes, align_bytes, zeroed);
	smal_os_lock_give(&space->lock);
	return run;
}

bool smal_space_give(struct smal_space *space, void *run, size_t bytes)
{
	bool given;

	smal_os_lock_take(&space->lock);
	given = smal_space_give_locked(space, run, bytes);
	decay_locked(space);
	smal_os_lock_give(&space->lock);
	return given;
}

void smal_space_give_unused(struct smal_space *space, void *run, size_t bytes)
{
	smal_os_lock_take(&space->lock);
	give_locked(space, run, bytes, false);
	smal_os_lock_give(&space->lock);
}

bool smal_space_commit_side(struct smal_space *space, unsigned side, const void *run,
                            size_t bytes)
{
	struct smal_segment *segment = find(space, run);
	uintptr_t limit = (uintptr_t)run + bytes - segment->base + SMAL_BLOCK - 1;
	bool done;

	smal_os_lock_take(&space->lock);
	done = smal_segment_commit_side(segment, side, (uint32_t)(limit >> SMAL_BLOCK_LOG2));
	smal_os_lock_give(&space->lock);
	return done;
}

bool smal_space_extend(struct smal_space *space, void *run, size_t old_bytes, size_t new_bytes,
                       bool *zeroed)
{
	struct smal_segment *segment;
	size_t had = chunks_of(old_bytes), n = chunks_of(new_bytes) - had;
	bool done = false;

	smal_os_lock_take(&space->lock);
	segment = find(space, run);
	SMAL_ASSERT(segment != NULL);
	if (!segment->direct) {
		uint32_t chunk = chunk_index(segment, run) + (uint32_t)had;

		done = take_at(segment, chunk, n);
		if (done) {
			segment->used_bytes += n << SMAL_CHUNK_LOG2;
			*zeroed = take_dirty(segment, chunk, n);
			smal_os_tool_allow(chunk_address(segment, chunk), n << SMAL_CHUNK_LOG2);
		}
	}
	smal_os_lock_give(&space->lock);
	return done;
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

/* Where the space itself lies. */
static size_t space_bytes(void)
{
	return smal_round_up(sizeof(struct smal_space), smal_os_page_bytes());
}

uint64_t smal_space_metadata(const struct smal_space *space)
{
	uint64_t bytes = space->directs.area.committed_bytes;

	if (space->options.buffer == NULL)
		bytes += space_bytes();
	SMAL_LIST_EACH(link, &space->segments) {
		const struct smal_segment *segment =
			SMAL_CONTAINER(link, struct smal_segment, link);

		if (!segment->direct)
			bytes += smal_segment_metadata(segment);
	}
	return bytes;
}

void smal_space_get_counts(struct smal_space *space, struct smal_space_counts *counts)
{
	*counts = (struct smal_space_counts){ 0 };
	smal_os_lock_take(&space->lock);
	counts->reserved_bytes = space->reserved_bytes;
	counts->mappings = space->mappings;
	counts->commits = space->account.commits;
	counts->discards = space->account.discards;
	counts->committed_bytes = space->account.committed_bytes;
	SMAL_LIST_EACH(link, &space->segments) {
		const struct smal_segment *segment =
			SMAL_CONTAINER(link, struct smal_segment, link);

		counts->used_bytes += segment->used_bytes;
		counts->free_bytes += segment->memory.committed_bytes - segment->used_bytes;
		counts->dirty_bytes += (uint64_t)segment->dirty_chunks << SMAL_CHUNK_LOG2;
	}
	counts->metadata_bytes = smal_space_metadata(space);
	smal_os_lock_give(&space->lock);
}

struct smal_segment *smal_space_segment(struct smal_space *space, const void *address)
{
	return find(space, address);
}

/* ---- Creation and end ---- */

static void init(struct smal_space *space, const struct smal_space_options *options,
                 const struct smal_provider *provider)
{
	*space = (struct smal_space){ .options = *options, .account.provider = provider };
	smal_os_lock_init(&space->lock);
	smal_link_init(&space->segments);
	smal_link_init(&space->spare);
	if (space->options.segment_bytes == 0)
		space->options.segment_bytes = largest_segment;
	space->next_segment_bytes = space->options.segment_bytes;
	space->decayed_ms = space->now_ms = smal_os_clock_ns() / 1000000;
	space->magic = SMAL_MAGIC_SPACE;
}

static struct smal_space *create_in(const struct smal_space_options *options)
{
	char *buffer = options->buffer;
	struct smal_space *space = (void *)smal_round_up((uintptr_t)buffer, 16);
	size_t before = (size_t)((char *)space - buffer);

	if (options->buffer_bytes < before + sizeof *space)
		return NULL;
	init(space, options, &smal_provider_buffer);
	space->account.committed_bytes = options->buffer_bytes;
	if (!smal_segment_create_in(space, (char *)(space + 1), buffer + options->buffer_bytes) ||
	    !open_short_block(SMAL_CONTAINER(space->segments.next, struct smal_segment, link)))
		return NULL;
	return space;
}

struct smal_space *smal_space_create(const struct smal_space_options *options)
{
	const struct smal_provider *provider =
		options->provider != NULL ? options->provider : &smal_provider_os;
	uint64_t segment_bytes = options->segment_bytes;
	struct smal_space *space;

	if (options->buffer != NULL)
		return create_in(options);
	if (segment_bytes != 0 && (segment_bytes < SMAL_BLOCK || segment_bytes > largest_segment ||
	                           (segment_bytes & (segment_bytes - 1)) != 0))
		return NULL;
	space = provider->reserve(space_bytes());
	if (space == NULL)
		return NULL;
	if (!provider->commit(space, space_bytes())) {
		provider->release(space, space_bytes());
		return NULL;
	}
	init(space, options, provider);
	space->account.commits = 1;
	space->account.committed_bytes = space->reserved_bytes = space_bytes();
	space->mappings = 1;
	return space;
}

void smal_space_destroy(struct smal_space *space)
{
	const struct smal_provider *provider = space->account.provider;

	space->magic = SMAL_MAGIC_GONE;
	if (space->options.buffer != NULL) {
		smal_os_tool_allow(space->options.buffer, space->options.buffer_bytes);
		return;
	}
	SMAL_LIST_EACH_SAFE(link, &space->segments) {
		struct smal_segment *segment = SMAL_CONTAINER(link, struct smal_segment, link);

		smal_table_remove(segment);
		provider->release(segment->reservation, segment->reservation_bytes);
	}
	if (space->directs.area.base != NULL)
		provider->release(space->directs.area.base, space->directs.area.bytes);
	provider->release(space, space_bytes());
}
