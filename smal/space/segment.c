/* SPDX-License-Identifier: MIT */
/*
 * segment.c: making segments and committing their pieces (segment.h).
 *
 * The layout is one pass over the pieces that either counts bytes or places
 * them, so that it is written once for reservations and for caller's buffers.
 *
 * Invariants:
 *   I1  every piece, and the memory, is committed for committed_blocks blocks;
 *       the pieces for elements are for element_blocks
 *   I2  nodes beyond committed_blocks are unknown to the level `chunks`
 *   I3  the nodes' capacities are those of the memory
 * The space's lock protects segments.
 */
#include <smal/space/segment.h>
#include <smal/space/space.h>

#include <string.h>

/* Bytes of a piece for each block. */
static size_t piece_bytes(const struct smal_segment *segment, unsigned i)
{
	size_t groups = SMAL_BLOCK_CHUNKS / segment->group_chunks;
	const size_t bytes[SMAL_PIECES] = {
		sizeof(struct smal_node),
		sizeof(uint32_t),
		sizeof(struct smal_block_info),
		sizeof(struct smal_chunk_node) * SMAL_BLOCK_CHUNKS,
		sizeof(struct smal_node) * groups,
		sizeof(uint32_t) * groups,
	};

	return bytes[i];
}

/* Bytes of a side for each block; 0 for what `lazy` leaves out. */
static size_t side_bytes(const struct smal_segment *segment, unsigned i, bool lazy)
{
	const struct smal_space_options *options = &segment->space->options;

	if (!lazy && (options->lazy_sides >> i & 1) != 0)
		return 0;
	return (size_t)SMAL_BLOCK_IDS * options->side_bytes[i];
}

/* Huge pages are asked for behind so much memory: a small program should not pay for
 * 2 MiB where it touches 4 KiB. Never for metadata. */
enum { FIRST_HUGE = 8 << 20 };

/* Carves `bytes` (whole units) from *at. */
static struct smal_area carve(uintptr_t *at, size_t bytes, size_t unit)
{
	struct smal_area area = { (char *)*at, smal_round_up(bytes, unit), 0 };

	*at += area.bytes;
	return area;
}

static uint32_t region_count(const struct smal_segment *segment)
{
	return (segment->block_count + SMAL_REGION_BLOCKS - 1) / SMAL_REGION_BLOCKS;
}

/* Places the pieces of a segment from `at` on; returns the end. Addresses are
 * only computed, so it serves to count as well. */
static uintptr_t place(struct smal_segment *segment, struct smal_space *space, uintptr_t at,
                       size_t unit)
{
	size_t blocks = segment->block_count;
	size_t map_bytes = (blocks + region_count(segment) + 1) * sizeof(struct smal_binmap);
	size_t groups = smal_segment_groups(segment);
	size_t group_map_bytes = (size_t)segment->group_chunks * sizeof(struct smal_binmap);
	struct smal_area area;

	for (unsigned i = 0; i < SMAL_PIECES; i++)
		segment->piece[i] = carve(&at, blocks * piece_bytes(segment, i), unit);
	for (unsigned i = 0; i < SMAL_SIDES; i++)
		segment->side[i] = carve(&at, blocks * SMAL_BLOCK_IDS * space->options.side_bytes[i],
		                         unit);
	area = carve(&at, map_bytes, unit);
	smal_fsa_init(&segment->maps, &space->account, area, sizeof(struct smal_binmap));
	area = carve(&at, groups * group_map_bytes, unit);
	smal_fsa_init(&segment->element_maps, &space->account, area, group_map_bytes);
	segment->infos = (void *)segment->piece[2].base;
	segment->chunk_nodes = (void *)segment->piece[3].base;
	segment->groups = (void *)segment->piece[4].base;
	segment->group_maps = (void *)segment->piece[5].base;
	return at;
}

/* The levels over a segment whose pieces are placed. */
static bool start(struct smal_segment *segment)
{
	uint32_t regions = region_count(segment);

	smal_level_init(&segment->chunks, (void *)segment->piece[0].base,
	                (void *)segment->piece[1].base, &segment->maps);
	smal_level_init(&segment->blocks, segment->region_nodes, segment->region_maps,
	                &segment->maps);
	smal_level_init(&segment->regions, &segment->top_node, &segment->top_map, &segment->maps);
	segment->blocks.first_fit = segment->regions.first_fit = true;
	smal_level_grow(&segment->blocks, regions);
	smal_level_grow(&segment->regions, 1);
	for (unsigned class = 0; class < SMAL_ELEMENT_CLASSES; class++)
		segment->group_heads[class] = SMAL_NODE_NONE;
	return smal_level_open(&segment->regions, 0, regions);
}

bool smal_segment_commit(struct smal_segment *segment, uint32_t blocks)
{
	struct smal_account *account = &segment->space->account;

	if (blocks <= segment->committed_blocks)
		return true;
	for (unsigned i = 0; i < SMAL_ELEMENT_PIECES; i++)
		if (!smal_area_commit(&segment->piece[i], account,
		                      blocks * piece_bytes(segment, i)))
			return false;
	for (unsigned i = 0; i < SMAL_SIDES; i++)
		if (!smal_area_commit(&segment->side[i], account,
		                      blocks * side_bytes(segment, i, false)))
			return false;
	if (!smal_area_commit(&segment->memory, account,
	                      smal_min((size_t)blocks << SMAL_BLOCK_LOG2, segment->bytes)))
		return false;
	smal_level_grow(&segment->chunks, blocks);
	smal_atomic_store(&segment->committed_blocks, blocks);
	return true;
}

bool smal_segment_commit_elements(struct smal_segment *segment, uint32_t blocks)
{
	for (unsigned i = SMAL_ELEMENT_PIECES; i < SMAL_PIECES; i++)
		if (!smal_area_commit(&segment->piece[i], &segment->space->account,
		                      blocks * piece_bytes(segment, i)))
			return false;
	segment->element_blocks = (uint32_t)smal_max(segment->element_blocks, blocks);
	return true;
}

bool smal_segment_commit_side(struct smal_segment *segment, unsigned side, uint32_t blocks)
{
	return segment->direct ||
	       smal_area_commit(&segment->side[side], &segment->space->account,
	                        blocks * side_bytes(segment, side, true));
}

static void init(struct smal_segment *segment, struct smal_space *space, size_t bytes)
{
	memset(segment, 0, sizeof *segment);
	segment->magic = SMAL_MAGIC_SEGMENT;
	segment->space = space;
	segment->bytes = bytes;
	segment->block_count = (uint32_t)((bytes + SMAL_BLOCK - 1) >> SMAL_BLOCK_LOG2);
	smal_link_init(&segment->link);
}

/* A segment at the front of its reservation, with its first block. */
static struct smal_segment *create_at(struct smal_space *space, char *reservation, char *base,
                                      size_t bytes, size_t align)
{
	size_t page = smal_os_page_bytes();
	size_t header = smal_round_up(sizeof(struct smal_segment), page);
	struct smal_segment *segment = (void *)reservation;

	if (!smal_account_commit(&space->account, segment, header))
		return NULL;
	init(segment, space, bytes);
	segment->group_chunks = SMAL_BLOCK_CHUNKS;
	segment->fixed_bytes = header;
	segment->reservation = reservation;
	segment->reservation_bytes = (size_t)(base + bytes - reservation);
	segment->base = (uintptr_t)base;
	segment->unit_log2 = (uint8_t)smal_log2_ceil(align);
	segment->memory = (struct smal_area){ base, bytes, 0 };
	place(segment, space, (uintptr_t)reservation + header, page);
	if (!start(segment) || !smal_segment_commit(segment, 1) ||
	    !smal_table_insert(segment))
		return NULL;
	return segment;
}

struct smal_segment *smal_segment_create(struct smal_space *space, size_t bytes)
{
	const struct smal_provider *provider = space->account.provider;
	uint64_t committed_bytes = space->account.committed_bytes;
	size_t page = smal_os_page_bytes();
	size_t align = smal_min(bytes, SMAL_REGION);
	struct smal_segment plan, *segment;
	size_t metadata, total;
	char *reservation, *base;

	init(&plan, space, bytes);
	plan.group_chunks = SMAL_BLOCK_CHUNKS;
	metadata = smal_round_up(sizeof plan, page) + place(&plan, space, 0, page) + page;
	total = metadata + bytes + align;
	reservation = provider->reserve(total);
	if (reservation == NULL)
		return NULL;
	/* Keep [base - metadata, base + bytes). */
	base = (char *)smal_round_up((uintptr_t)reservation + metadata, align);
	if (base - metadata > reservation)
		provider->release(reservation, (size_t)(base - metadata - reservation));
	if (base + bytes < reservation + total)
		provider->release(base + bytes, (size_t)(reservation + total - (base + bytes)));
	segment = create_at(space, base - metadata, base, bytes, align);
	if (segment == NULL) {
		provider->release(base - metadata, metadata + bytes);
		space->account.committed_bytes = committed_bytes;
		return NULL;
	}
	/* At once, for all that will be committed: mappings that are asked one by one are
	 * many, and have been touched before. */
	if (provider == &smal_provider_os && space->options.small_pages)
		smal_os_huge(base, bytes, false);
	else if (provider == &smal_provider_os && bytes > FIRST_HUGE &&
	         !space->options.plain_pages)
		smal_os_huge(base + FIRST_HUGE, bytes - FIRST_HUGE, true);
	space->reserved_bytes += segment->reservation_bytes;
	space->mappings++;
	smal_link_push(&space->segments, &segment->link);
	return segment;
}

static void area_is_there(struct smal_area *area)
{
	area->committed_bytes = area->bytes;
}

/* Places a segment and its memory in [segment, limit). Less memory needs less
 * metadata: the memory begins further back until both fit. */
static bool place_in(struct smal_segment *segment, struct smal_space *space, uintptr_t limit)
{
	const uint64_t largest = (uint64_t)SMAL_SEGMENT_REGIONS * SMAL_REGION;
	uintptr_t first = (uintptr_t)(segment + 1), end = first, base;
	size_t bytes;

	do {
		base = smal_round_up(end, SMAL_CHUNK);
		if (base >= limit || limit - base < SMAL_CHUNK)
			return false;
		bytes = (limit - base) & ~(size_t)(SMAL_CHUNK - 1);
		if (bytes > largest)
			bytes = (size_t)largest;
		init(segment, space, bytes);
		segment->group_chunks =
			(uint32_t)smal_min(SMAL_BLOCK_CHUNKS,
		                           (size_t)1 << smal_log2_ceil(1 + bytes / SMAL_CHUNK / 32));
		end = place(segment, space, first, 16);
	} while (end > base);
	segment->base = base;
	segment->memory = (struct smal_area){ (char *)base, bytes, bytes };
	for (unsigned i = 0; i < SMAL_PIECES; i++)
		area_is_there(&segment->piece[i]);
	for (unsigned i = 0; i < SMAL_SIDES; i++)
		area_is_there(&segment->side[i]);
	area_is_there(&segment->maps.area);
	area_is_there(&segment->element_maps.area);
	return true;
}

/* A buffer's segment: metadata at its front, memory behind it, all of it there
 * from the start. */
bool smal_segment_create_in(struct smal_space *space, char *at, char *limit)
{
	struct smal_segment *segment = (void *)smal_round_up((uintptr_t)at, 16);

	if ((uintptr_t)segment > (uintptr_t)limit ||
	    (size_t)(limit - (char *)segment) < sizeof *segment ||
	    !place_in(segment, space, (uintptr_t)limit))
		return false;
	memset(segment + 1, 0, segment->base - (uintptr_t)(segment + 1));
	smal_link_push(&space->segments, &segment->link);
	if (!start(segment) || !smal_segment_commit(segment, segment->block_count) ||
	    !smal_segment_commit_elements(segment, segment->block_count))
		return false;
	segment->fixed_bytes = space->options.buffer_bytes - segment->bytes;
	/* The buffer's contents are the caller's: nothing is known to be zero. */
	for (uint32_t block = 0; block < segment->block_count; block++)
		memset(segment->infos[block].dirty, 0xff, sizeof segment->infos[block].dirty);
	memset(segment->dirty_regions, 0xff, sizeof segment->dirty_regions);
	segment->dirty_chunks = (uint32_t)(segment->bytes >> SMAL_CHUNK_LOG2);
	return true;
}

/* ---- Direct segments ---- */

enum { DIRECT_SEGMENTS = 4096 };

/* Bytes of the one item that holds a direct segment and its sides. */
static size_t direct_bytes(const struct smal_space *space)
{
	size_t bytes = smal_round_up(sizeof(struct smal_segment), 64);

	for (unsigned i = 0; i < SMAL_SIDES; i++)
		bytes += smal_round_up(space->options.side_bytes[i], 64);
	return bytes;
}

/* A fresh item; its sides stay where they are for good. */
static struct smal_segment *direct_create(struct smal_space *space)
{
	struct smal_segment *segment;
	char *side;

	if (space->directs.reserved >= DIRECT_SEGMENTS || !smal_fsa_reserve(&space->directs))
		return NULL;
	segment = smal_fsa_at(&space->directs, smal_fsa_take(&space->directs));
	init(segment, space, 0);
	segment->direct = true;
	segment->unit_log2 = SMAL_REGION_LOG2;
	side = (char *)segment + smal_round_up(sizeof *segment, 64);
	for (unsigned i = 0; i < SMAL_SIDES; i++) {
		size_t piece = space->options.side_bytes[i];

		segment->side[i] = (struct smal_area){ side, piece, piece };
		side += smal_round_up(piece, 64);
	}
	return segment;
}

/* An item that is on no list: one that is spare, or a fresh one. */
static struct smal_segment *direct_item(struct smal_space *space)
{
	struct smal_link *link = smal_link_pop(&space->spare);

	if (link != NULL)
		return SMAL_CONTAINER(link, struct smal_segment, link);
	if (space->directs.item_bytes == 0) {
		size_t bytes = smal_round_up(direct_bytes(space) * DIRECT_SEGMENTS,
		                             smal_os_page_bytes());
		char *base = space->account.provider->reserve(bytes);
		struct smal_area area = { base, bytes, 0 };

		if (base == NULL)
			return NULL;
		space->reserved_bytes += bytes;
		space->mappings++;
		smal_fsa_init(&space->directs, &space->account, area, direct_bytes(space));
	}
	return direct_create(space);
}

struct smal_segment *smal_segment_create_direct(struct smal_space *space, size_t bytes)
{
	const struct smal_provider *provider = space->account.provider;
	size_t align = SMAL_REGION, used_bytes = smal_round_up(bytes, SMAL_CHUNK);
	struct smal_segment *segment;
	char *reservation, *base;

	if (provider->reserve == NULL || bytes > SIZE_MAX / 2)
		return NULL;
	bytes = smal_round_up(bytes, smal_max(smal_os_page_bytes(), SMAL_CHUNK));
	segment = direct_item(space);
	if (segment == NULL)
		return NULL;
	reservation = provider->reserve(bytes + align);
	if (reservation == NULL)
		goto fail_item;
	base = (char *)smal_round_up((uintptr_t)reservation, align);
	if (base > reservation)
		provider->release(reservation, (size_t)(base - reservation));
	if (base < reservation + align)
		provider->release(base + bytes, (size_t)(reservation + align - base));
	segment->magic = SMAL_MAGIC_SEGMENT;
	segment->reservation = base;
	segment->reservation_bytes = bytes;
	segment->memory = (struct smal_area){ base, bytes, 0 };
	if (!smal_area_commit(&segment->memory, &space->account, bytes))
		goto fail_memory;
	smal_atomic_store(&segment->base, (uintptr_t)base);
	smal_atomic_store(&segment->bytes, bytes);
	if (!smal_table_insert(segment))
		goto fail_table;
	segment->used_bytes = used_bytes;
	space->reserved_bytes += bytes;
	space->mappings++;
	smal_link_insert(&space->segments, &segment->link);
	return segment;

fail_table:
	smal_atomic_store(&segment->bytes, 0);
	space->account.committed_bytes -= bytes;
fail_memory:
	provider->release(base, bytes);
fail_item:
	segment->magic = SMAL_MAGIC_GONE;
	smal_link_push(&space->spare, &segment->link);
	return NULL;
}

void smal_segment_end_direct(struct smal_segment *segment)
{
	struct smal_space *space = segment->space;

	smal_table_remove(segment);
	smal_atomic_store(&segment->bytes, 0);
	segment->magic = SMAL_MAGIC_GONE;
	smal_link_remove(&segment->link);
	smal_link_push(&space->spare, &segment->link);
	space->reserved_bytes -= segment->reservation_bytes;
	space->account.committed_bytes -= segment->memory.committed_bytes;
	space->mappings--;
	/* If the system refuses, the addresses stay lost, and no more than that;
	 * their memory goes back. */
	if (!space->account.provider->release(segment->reservation, segment->reservation_bytes))
		smal_account_discard(&space->account, segment->reservation,
		                     segment->reservation_bytes);
}

size_t smal_segment_metadata(const struct smal_segment *segment)
{
	size_t bytes = segment->fixed_bytes;

	if (segment->space->options.buffer != NULL)
		return bytes;
	for (unsigned i = 0; i < SMAL_PIECES; i++)
		bytes += segment->piece[i].committed_bytes;
	for (unsigned i = 0; i < SMAL_SIDES; i++)
		bytes += segment->side[i].committed_bytes;
	return bytes + segment->maps.area.committed_bytes +
	       segment->element_maps.area.committed_bytes;
}

/* ---- The checker ---- */

static bool area_has(const struct smal_area *area, size_t bytes)
{
	return bytes <= area->committed_bytes && area->committed_bytes <= area->bytes;
}

/* What a node over the blocks or chunks [first, first + fan) has of them. */
static bool capacity_is(const struct smal_node *node, size_t units, size_t first)
{
	return node->order == SMAL_NODE_CLOSED ||
	       node->capacity_1 + 1u == smal_min(units - first, SMAL_FAN);
}

const char *smal_segment_check(const struct smal_segment *segment)
{
	size_t blocks = segment->committed_blocks;

	if (blocks > segment->block_count ||
	    !area_has(&segment->memory, smal_min(blocks << SMAL_BLOCK_LOG2, segment->bytes)))
		return "segment I1: memory of known blocks is not committed";
	for (unsigned i = 0; i < SMAL_PIECES; i++)
		if (!area_has(&segment->piece[i],
		              piece_bytes(segment, i) *
		                      (i < SMAL_ELEMENT_PIECES ? blocks : segment->element_blocks)))
			return "segment I1: a piece of known blocks is not committed";
	for (unsigned i = 0; i < SMAL_SIDES; i++)
		if (!area_has(&segment->side[i], blocks * side_bytes(segment, i, false)))
			return "segment I1: a side of known blocks is not committed";
	if (segment->chunks.node_count != blocks)
		return "segment I2: nodes are known that are not committed, or are not known";
	for (size_t block = 0; block < blocks; block++)
		if (!capacity_is(&segment->chunks.nodes[block], segment->bytes >> SMAL_CHUNK_LOG2,
		                 block * SMAL_FAN))
			return "segment I3: a block has another number of chunks";
	for (size_t region = 0; region < region_count(segment); region++)
		if (!capacity_is(&segment->region_nodes[region], segment->block_count,
		                 region * SMAL_FAN))
			return "segment I3: a region has another number of blocks";
	if (!capacity_is(&segment->top_node, region_count(segment), 0))
		return "segment I3: the segment has another number of regions";
	return NULL;
}
