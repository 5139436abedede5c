/* SPDX-License-Identifier: MIT */
/*
 * segment.c: making segments and committing their pieces (segment.h).
 *
 * The layout is one pass over the pieces that either counts bytes or places
 * them, so that it is written once for reservations and for caller's buffers.
 *
 * Invariants:
 *   I1  every piece, and the memory, is committed for committed_blocks blocks
 *   I2  nodes beyond committed_blocks are unknown to the level `chunks`
 * The space's lock protects segments.
 */
#include <smal/space/segment.h>
#include <smal/space/space.h>

#include <string.h>

/* Bytes of each piece for a block: nodes, map indices, infos, chunk nodes. */
static const uint32_t piece_bytes[4] = {
	sizeof(struct smal_node),
	sizeof(uint16_t),
	sizeof(struct smal_block_info),
	sizeof(struct smal_chunk_node) * SMAL_BLOCK_CHUNKS,
};

enum { FIRST_HUGE = 8 << 20, HUGE_STEP = 2 << 20 };

/* Carves `bytes` (whole units) from *at. */
static struct smal_area carve(char **at, size_t bytes, size_t unit)
{
	struct smal_area area = { *at, smal_round_up(bytes, unit), 0 };

	*at += area.bytes;
	return area;
}

/* Places the pieces of a segment from `at` on; returns the end. Addresses are
 * only computed, so it serves to count as well. */
static char *place(struct smal_segment *segment, const struct smal_space *space, char *at,
                   size_t unit)
{
	size_t blocks = segment->block_count;
	size_t map_bytes = (blocks + SMAL_SEGMENT_REGIONS + 1) * sizeof(struct smal_map);
	size_t groups = blocks * (SMAL_BLOCK_CHUNKS / segment->group_chunks);
	size_t group_map_bytes = (size_t)segment->group_chunks * sizeof(struct smal_map);
	struct smal_area area;

	for (unsigned i = 0; i < 4; i++)
		segment->piece[i] = carve(&at, blocks * piece_bytes[i], unit);
	for (unsigned i = 0; i < SMAL_SIDES; i++)
		segment->side[i] = carve(&at, blocks * SMAL_BLOCK_IDS * space->options.side_bytes[i],
		                         unit);
	segment->groups = (void *)at;
	carve(&at, groups * sizeof(struct smal_node), unit);
	segment->group_maps = (void *)at;
	carve(&at, groups * sizeof(uint16_t), unit);
	area = carve(&at, map_bytes, unit);
	smal_fsa_init(&segment->maps, space->provider, area, sizeof(struct smal_map));
	area = carve(&at, groups * group_map_bytes, unit);
	smal_fsa_init(&segment->element_maps, space->provider, area, group_map_bytes);
	segment->chunk_nodes = (void *)segment->piece[3].base;
	segment->infos = (void *)segment->piece[2].base;
	return at;
}

/* The levels over a segment whose pieces are placed. */
static bool start(struct smal_segment *segment)
{
	uint32_t regions = (segment->block_count + SMAL_REGION_BLOCKS - 1) / SMAL_REGION_BLOCKS;

	smal_level_init(&segment->chunks, (void *)segment->piece[0].base,
	                (void *)segment->piece[1].base, &segment->maps);
	smal_level_init(&segment->blocks, segment->region_nodes, segment->region_maps,
	                &segment->maps);
	smal_level_init(&segment->regions, &segment->top_node, &segment->top_map, &segment->maps);
	smal_level_grow(&segment->blocks, regions);
	smal_level_grow(&segment->regions, 1);
	smal_element_init(segment);
	return smal_level_open(&segment->regions, 0, regions);
}

/* Makes group arrays and elements ready: they are small and committed whole. */
static bool commit_groups(struct smal_segment *segment, const struct smal_provider *provider)
{
	char *end = segment->maps.area.base;

	return provider->commit(segment->groups, (size_t)(end - (char *)segment->groups));
}

/* Huge pages for memory behind the first few MiB: a small program should not
 * pay for 2 MiB where it touches 4 KiB. Never for metadata. */
static void advise_huge(struct smal_segment *segment)
{
	size_t advised = smal_max(segment->huge_bytes, FIRST_HUGE);

	if (segment->space->provider != &smal_provider_os ||
	    segment->memory.committed_bytes < advised + HUGE_STEP)
		return;
	smal_os_huge(segment->memory.base + advised, segment->memory.committed_bytes - advised,
	             true);
	segment->huge_bytes = segment->memory.committed_bytes;
}

bool smal_segment_commit(struct smal_segment *segment, uint32_t blocks)
{
	const struct smal_provider *provider = segment->space->provider;

	if (blocks <= segment->committed_blocks)
		return true;
	for (unsigned i = 0; i < 4; i++)
		if (!smal_area_commit(&segment->piece[i], provider, (size_t)blocks * piece_bytes[i]))
			return false;
	for (unsigned i = 0; i < SMAL_SIDES; i++)
		if (!smal_area_commit(&segment->side[i], provider,
		                      (size_t)blocks * SMAL_BLOCK_IDS *
		                              segment->space->options.side_bytes[i]))
			return false;
	if (!smal_area_commit(&segment->memory, provider,
	                      smal_min((size_t)blocks << SMAL_BLOCK_LOG2, segment->bytes)))
		return false;
	segment->committed_blocks = blocks;
	smal_level_grow(&segment->chunks, blocks);
	advise_huge(segment);
	return true;
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

struct smal_segment *smal_segment_create(struct smal_space *space, size_t bytes)
{
	const struct smal_provider *provider = space->provider;
	size_t page = smal_os_page_bytes();
	size_t align = smal_min(bytes, SMAL_REGION);
	size_t header = smal_round_up(sizeof(struct smal_segment), page);
	struct smal_segment plan, *segment;
	size_t metadata, total;
	char *reservation, *base;

	init(&plan, space, bytes);
	plan.group_chunks = SMAL_BLOCK_CHUNKS;
	metadata = header + (size_t)(uintptr_t)place(&plan, space, NULL, page) + page;
	metadata = smal_round_up(metadata, page);
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
	reservation = base - metadata;
	total = metadata + bytes;
	segment = (void *)reservation;
	if (!provider->commit(segment, header))
		goto fail;
	init(segment, space, bytes);
	segment->group_chunks = SMAL_BLOCK_CHUNKS;
	segment->reservation = reservation;
	segment->reservation_bytes = total;
	segment->base = (uintptr_t)base;
	segment->unit_log2 = (uint8_t)smal_log2_ceil(align);
	segment->memory = (struct smal_area){ base, bytes, 0 };
	place(segment, space, reservation + header, page);
	if (!commit_groups(segment, provider) || !start(segment) ||
	    !smal_segment_commit(segment, 1) || !smal_table_insert(segment))
		goto fail;
	space->reserved_bytes += total;
	space->mappings++;
	smal_link_push(&space->segments, &segment->link);
	return segment;

fail:
	provider->release(reservation, total);
	return NULL;
}

/* A buffer's segment: metadata at its front, memory behind it, all of it there
 * from the start. */
bool smal_segment_create_in(struct smal_space *space, char *at, char *limit)
{
	struct smal_segment *segment = (void *)smal_round_up((uintptr_t)at, 16);
	size_t left = (size_t)(limit - at);
	char *base = (char *)(segment + 1);
	size_t bytes = 0;

	if (left < sizeof *segment + SMAL_CHUNK)
		return false;
	/* Metadata depends on the memory's size and the other way round: twice
	 * is enough, since it shrinks with it. */
	for (int pass = 0; pass < 3; pass++) {
		base = (char *)smal_round_up((uintptr_t)base, SMAL_CHUNK);
		if (base + SMAL_CHUNK > limit)
			return false;
		bytes = (size_t)(limit - base) & ~(size_t)(SMAL_CHUNK - 1);
		init(segment, space, bytes);
		segment->group_chunks =
			(uint32_t)smal_min(SMAL_BLOCK_CHUNKS,
		                           (size_t)1 << smal_log2_ceil(1 + bytes / SMAL_CHUNK / 32));
		base = place(segment, space, (char *)(segment + 1), 16);
	}
	base = (char *)smal_round_up((uintptr_t)base, SMAL_CHUNK);
	if (base >= limit)
		return false;
	bytes = (size_t)(limit - base) & ~(size_t)(SMAL_CHUNK - 1);
	if (bytes == 0)
		return false;
	memset((char *)(segment + 1), 0, (size_t)(base - (char *)(segment + 1)));
	segment->base = (uintptr_t)base;
	segment->bytes = bytes;
	segment->memory = (struct smal_area){ base, bytes, bytes };
	smal_link_push(&space->segments, &segment->link);
	if (!start(segment) || !smal_segment_commit(segment, segment->block_count))
		return false;
	/* The buffer's contents are the caller's: nothing is known to be zero. */
	for (uint32_t block = 0; block < segment->block_count; block++)
		memset(segment->infos[block].dirty, 0xff, sizeof segment->infos[block].dirty);
	segment->dirty_chunks = (uint32_t)(bytes >> SMAL_CHUNK_LOG2);
	return true;
}

/* Bytes of the one item that holds a direct segment and its sides. */
static size_t direct_bytes(const struct smal_space *space)
{
	size_t bytes = smal_round_up(sizeof(struct smal_segment), 64);

	for (unsigned i = 0; i < SMAL_SIDES; i++)
		bytes += smal_round_up(space->options.side_bytes[i], 64);
	return smal_round_up(bytes, 64);
}

enum { DIRECT_SEGMENTS = 4096 };

static struct smal_segment *direct_item(struct smal_space *space)
{
	struct smal_link *link = smal_link_pop(&space->spare);
	struct smal_segment *segment;

	if (link != NULL)
		return SMAL_CONTAINER(link, struct smal_segment, link);
	if (space->directs.item_bytes == 0) {
		size_t bytes = smal_round_up(direct_bytes(space) * DIRECT_SEGMENTS,
		                             smal_os_page_bytes());
		char *base = space->provider->reserve(bytes);
		struct smal_area area = { base, bytes, 0 };

		if (base == NULL)
			return NULL;
		space->reserved_bytes += bytes;
		space->mappings++;
		smal_fsa_init(&space->directs, space->provider, area, direct_bytes(space));
	}
	if (space->directs.reserved >= DIRECT_SEGMENTS || !smal_fsa_reserve(&space->directs))
		return NULL;
	segment = smal_fsa_at(&space->directs, smal_fsa_take(&space->directs));
	smal_link_init(&segment->link);
	return segment;
}

struct smal_segment *smal_segment_create_direct(struct smal_space *space, size_t bytes)
{
	const struct smal_provider *provider = space->provider;
	size_t align = SMAL_REGION, used_bytes = smal_round_up(bytes, SMAL_CHUNK);
	struct smal_segment *segment;
	char *reservation, *base, *side;

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
	init(segment, space, bytes);
	segment->direct = true;
	segment->unit_log2 = (uint8_t)smal_log2_ceil(align);
	segment->reservation = base;
	segment->reservation_bytes = bytes;
	segment->base = (uintptr_t)base;
	segment->memory = (struct smal_area){ base, bytes, 0 };
	side = (char *)segment + smal_round_up(sizeof *segment, 64);
	for (unsigned i = 0; i < SMAL_SIDES; i++) {
		size_t piece = space->options.side_bytes[i];

		memset(side, 0, piece);
		segment->side[i] = (struct smal_area){ side, piece, piece };
		side += smal_round_up(piece, 64);
	}
	if (!smal_area_commit(&segment->memory, provider, bytes) || !smal_table_insert(segment))
		goto fail_memory;
	segment->used_bytes = used_bytes;
	space->reserved_bytes += bytes;
	space->mappings++;
	smal_link_insert(&space->segments, &segment->link);
	return segment;

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
	segment->magic = SMAL_MAGIC_GONE;
	smal_link_remove(&segment->link);
	smal_link_push(&space->spare, &segment->link);
	space->reserved_bytes -= segment->reservation_bytes;
	space->mappings--;
	/* If the system refuses, the addresses stay lost, and no more than that;
	 * their memory goes back. */
	if (!space->provider->release(segment->reservation, segment->reservation_bytes))
		space->provider->discard(segment->reservation, segment->reservation_bytes);
}

size_t smal_segment_metadata(const struct smal_segment *segment)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < 4; i++)
		bytes += segment->piece[i].committed_bytes;
	for (unsigned i = 0; i < SMAL_SIDES; i++)
		bytes += segment->side[i].committed_bytes;
	return bytes + segment->maps.area.committed_bytes +
	       segment->element_maps.area.committed_bytes + sizeof *segment;
}
