/* SPDX-License-Identifier: MIT */
/*
 * segment.h: a segment: reserved addresses, the tree over them, and side
 * metadata whose place follows from an address alone.
 *
 *   one reservation of a tree segment
 *   +----------+-------+-------+--------+------+------+-------+-----------+
 *   | segment, | nodes | block | chunk  | maps | side | guard | memory    |
 *   | regions  |       | infos | nodes  |      | 0..n |       | (<= 64 G) |
 *   +----------+-------+-------+--------+------+------+-------+-----------+
 *   each piece is an area: a committed prefix that grows with the blocks
 *
 * A direct segment is one run of more than 256 MiB; its metadata is one item
 * of the space's, which is never unmapped and keeps its sides when it serves
 * another run, so that a reader with a stale answer reads something harmless.
 *
 * Side metadata belongs to the floors above: so many bytes for each buffer id
 * (SMAL_ID_BYTES of addresses). The space reserves and commits it, and never reads it.
 */
#ifndef SMAL_SPACE_SEGMENT_H
#define SMAL_SPACE_SEGMENT_H

#include <smal/base/atomic.h>
#include <smal/base/list.h>
#include <smal/space/tree.h>

enum {
	SMAL_BLOCK_CHUNKS = SMAL_BLOCK / SMAL_CHUNK,
	SMAL_BLOCK_IDS = SMAL_BLOCK / SMAL_ID_BYTES,
	SMAL_REGION_BLOCKS = SMAL_REGION / SMAL_BLOCK,
	SMAL_SEGMENT_REGIONS = 256,
	SMAL_SIDES = 8,
	/* Pieces of metadata by block; those from SMAL_ELEMENT_PIECES on are for
	 * elements. */
	SMAL_PIECES = 6,
	SMAL_ELEMENT_PIECES = 3,
	/* Size classes of elements (element.c). */
	SMAL_ELEMENT_CLASSES = 30
};

/* What is known of a block besides its node. */
struct smal_block_info {
	/* Free chunks whose memory may not be zero: a bit each. */
	uint64_t dirty[4];
	/* When a chunk was last given back, in ms. */
	uint32_t stamp_ms;
	uint32_t unused;
};

/* A chunk that is cut into elements. */
struct smal_chunk_node {
	/* The ring of its group's chunks with room. */
	uint8_t next, prev;
	/* Elements, less one; elements in use, less than all while listed. */
	uint8_t capacity_1, count;
	/* The lowest free element. */
	uint8_t free_index;
	/* The map, if it has at most 24 bits; else unused. */
	uint8_t bits[3];
};

struct smal_segment {
	uint32_t magic;
	/* One run, no tree. */
	bool direct;
	/* log2 of what base is a multiple of: the segment's unit in the table. */
	uint8_t unit_log2;
	struct smal_space *space;
	/* In the space's list. */
	struct smal_link link;

	/* The memory, and what the table compares (by readers without a lock:
	 * bytes is written last, and is 0 where there is no segment). */
	volatile AO_t base, bytes;
	struct smal_area memory;
	/* The reservation as a whole, for release. */
	char *reservation;
	size_t reservation_bytes;

	/* Chunks in blocks, blocks in regions, regions in the segment. */
	uint32_t block_count;
	struct smal_level chunks, blocks, regions;
	struct smal_fsa maps;
	struct smal_block_info *infos;
	struct smal_chunk_node *chunk_nodes;
	/* Pieces that grow with the blocks: nodes, map indices and infos with all
	 * of them; chunk nodes, groups and their maps with those that hold elements;
	 * sides with all, or where they are asked for. */
	struct smal_area piece[SMAL_PIECES];
	struct smal_area side[SMAL_SIDES];
	/* Blocks that all pieces and the memory are committed for; it is read
	 * without a lock too. */
	volatile AO_t committed_blocks;
	/* Metadata that is committed whole: this structure; in a caller's buffer,
	 * everything in front of the memory. */
	size_t fixed_bytes;
	/* Chunks of free blocks and nodes that are dirty; a bit for each region
	 * that may have some. */
	uint32_t dirty_chunks;
	uint64_t dirty_regions[SMAL_SEGMENT_REGIONS / 64];
	/* Bytes that are handed out. */
	size_t used_bytes;

	/* Groups of chunks that are cut into elements (element.c). */
	struct smal_node *groups;
	uint32_t *group_maps;
	struct smal_fsa element_maps;
	uint32_t group_heads[SMAL_ELEMENT_CLASSES];
	uint32_t group_chunks;
	/* Elements in use. */
	uint64_t element_count;
	/* Blocks that the pieces for elements are committed for. */
	uint32_t element_blocks;

	struct smal_node region_nodes[SMAL_SEGMENT_REGIONS], top_node;
	uint32_t region_maps[SMAL_SEGMENT_REGIONS], top_map;
};

struct smal_space;

/* A tree segment over `bytes` of memory, in the space's list and the table; or
 * NULL. A segment in [at, limit); false if that is too small. */
struct smal_segment *smal_segment_create(struct smal_space *space, size_t bytes);
bool smal_segment_create_in(struct smal_space *space, char *at, char *limit);

/* A segment that is one run, in use; and its end. */
struct smal_segment *smal_segment_create_direct(struct smal_space *space, size_t bytes);
void smal_segment_end_direct(struct smal_segment *segment);

/* Commits memory and pieces for the first blocks. False: what is committed
 * stays, and is known only if all of it is. */
bool smal_segment_commit(struct smal_segment *segment, uint32_t blocks);

/* The same for the pieces that elements need, and for one side that is lazy. */
bool smal_segment_commit_elements(struct smal_segment *segment, uint32_t blocks);
bool smal_segment_commit_side(struct smal_segment *segment, unsigned side, uint32_t blocks);

/* Bytes of committed metadata of a tree segment. */
size_t smal_segment_metadata(const struct smal_segment *segment);

/* The first invariant (of segment.c) that a tree segment breaks, or NULL. */
const char *smal_segment_check(const struct smal_segment *segment);

/* True if a block has no node: it is free, or handed out whole. */
static inline bool smal_segment_is_whole(const struct smal_segment *segment, uint32_t block)
{
	return segment->chunks.nodes[block].order == SMAL_NODE_CLOSED;
}

/* How many chunks a block has: the last one of a buffer may be short. */
static inline unsigned smal_segment_capacity(const struct smal_segment *segment, uint32_t block)
{
	size_t chunks = (segment->bytes >> SMAL_CHUNK_LOG2) - (size_t)block * SMAL_FAN;

	return (unsigned)smal_min(chunks, SMAL_FAN);
}

/* Chunks that so many bytes take. */
static inline size_t smal_chunks(size_t bytes)
{
	return (bytes + SMAL_CHUNK - 1) >> SMAL_CHUNK_LOG2;
}

/* The index of the chunk that an address lies in, and the address of a chunk. */
static inline uint32_t smal_segment_chunk(const struct smal_segment *segment, const void *address)
{
	return (uint32_t)(((uintptr_t)address - segment->base) >> SMAL_CHUNK_LOG2);
}

static inline void *smal_segment_chunk_address(const struct smal_segment *segment, uint32_t chunk)
{
	return (void *)(segment->base + ((uintptr_t)chunk << SMAL_CHUNK_LOG2));
}

/* Groups of element chunks that there can be. */
static inline size_t smal_segment_groups(const struct smal_segment *segment)
{
	return ((segment->bytes >> SMAL_CHUNK_LOG2) + segment->group_chunks - 1) /
	       segment->group_chunks;
}

/* The buffer id of an address, counted from the segment's base: the index of
 * its side metadata. */
static inline size_t smal_segment_id(const struct smal_segment *segment, uintptr_t address)
{
	return segment->direct ? 0 : (address - segment->base) >> SMAL_ID_LOG2;
}

#endif
