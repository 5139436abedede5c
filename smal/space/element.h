/* SPDX-License-Identifier: MIT */
/*
 * element.h: the lowest level of the tree: what the metadata of elements says.
 *
 *   group: an aligned run of chunks that serve one size class
 *   +-------+-------+-------+-----+        the group's item of the fsa: the
 *   | chunk | chunk | chunk | ... |        maps of its chunks, 8 bytes for each
 *   +-------+-------+-------+-----+        64 elements
 *
 * A plain array maps a size to its class. Groups with room stand in their
 * class's ring, chunks with room in their group's; both rings are indices in
 * 8-byte nodes. In a group's node, count is the chunks opened so far, less
 * one; capacity_1 is 1 if it has a ring of chunks, and free_index then the
 * first of them; order is the class, plus one, or CLOSED. A map of at most 24
 * bits lies in the chunk's node itself.
 *
 * Metadata, exactly: 8 bytes a chunk, and a map of 32, 16 or 8 bytes where the
 * elements number more than 24 (0.98 % at 16 bytes, 0.59 % at 32, 0.20 % from
 * 176 up), besides 10 bytes a group.
 *
 * Invariants:
 *   I1  a chunk is in its group's ring if and only if it is opened and has a
 *       free element
 *   I2  count is the number of bits that are set (modulo 256 where it is full),
 *       and no element below free_index is free
 *   I3  a group is in its class's ring if and only if it has room
 *   I4  element_count is the number of elements in all groups
 *
 * For element.c, which changes all of it, and verify.c, which checks it; with the
 * space's lock held.
 */
#ifndef SMAL_SPACE_ELEMENT_H
#define SMAL_SPACE_ELEMENT_H

#include <smal/space/space.h>

/* Bytes of an element, by class. */
extern const uint16_t smal_element_class_bytes[SMAL_ELEMENT_CLASSES];

enum { SMAL_ELEMENT_INLINE_BITS = 24 };

/* What a group's node means here. */
struct smal_group {
	struct smal_segment *segment;
	struct smal_node *node;
	uint32_t index;
	unsigned class;
};

/* Elements of a chunk. */
static inline unsigned smal_element_capacity(unsigned class)
{
	return SMAL_CHUNK / smal_element_class_bytes[class];
}

/* Bytes of the map of a chunk; 0 if its node has it. */
static inline size_t smal_element_map_bytes(unsigned class)
{
	unsigned capacity = smal_element_capacity(class);

	return capacity <= SMAL_ELEMENT_INLINE_BITS ? 0 : (capacity + 63) / 64 * 8u;
}

static inline struct smal_group smal_group_at(struct smal_segment *segment, uint32_t index)
{
	struct smal_node *node = &segment->groups[index];

	/* Memory that was never used reads as zero: no group yet. */
	return (struct smal_group){ segment, node, index, node->order - 1u };
}

static inline bool smal_group_is_open(const struct smal_group *group)
{
	return group->node->order != 0 && group->node->order < SMAL_NODE_CLOSED;
}

/* Groups that there can be in the segment's known blocks. */
static inline uint32_t smal_group_count(const struct smal_segment *segment)
{
	size_t each = SMAL_BLOCK_CHUNKS / segment->group_chunks;
	size_t groups = segment->element_blocks * each;

	return (uint32_t)smal_min(groups, smal_segment_groups(segment));
}

/* What is known of the chunk of a group with this number. */
static inline struct smal_chunk_node *smal_element_chunk(const struct smal_group *group,
                                                         unsigned chunk)
{
	return &group->segment->chunk_nodes[group->index * group->segment->group_chunks + chunk];
}

/* The words of a chunk's map that is not inline. */
static inline uint64_t *smal_element_map(const struct smal_group *group, unsigned chunk)
{
	char *maps = smal_fsa_at(&group->segment->element_maps,
	                         group->segment->group_maps[group->index]);

	return (void *)(maps + chunk * smal_element_map_bytes(group->class));
}

/* The map that lies in a node. */
static inline uint32_t smal_element_bits(const struct smal_chunk_node *node)
{
	return node->bits[0] | (uint32_t)node->bits[1] << 8 | (uint32_t)node->bits[2] << 16;
}

static inline bool smal_element_is_used(const struct smal_group *group, unsigned chunk,
                                        unsigned element)
{
	if (smal_element_map_bytes(group->class) == 0)
		return smal_element_bits(smal_element_chunk(group, chunk)) >> element & 1;
	return smal_element_map(group, chunk)[element / 64] >> (element % 64) & 1;
}

/* True if a chunk that is opened has a free element. */
static inline bool smal_group_has_ring(const struct smal_group *group)
{
	return group->node->capacity_1 != 0;
}

/* Chunks that are opened. */
static inline unsigned smal_group_chunks(const struct smal_group *group)
{
	return group->node->count + 1u;
}

static inline bool smal_group_has_room(const struct smal_group *group)
{
	return smal_group_has_ring(group) ||
	       smal_group_chunks(group) < group->segment->group_chunks;
}

/* Elements in use in a chunk. */
static inline unsigned smal_element_count(const struct smal_group *group, unsigned chunk)
{
	const struct smal_chunk_node *node = smal_element_chunk(group, chunk);

	return node->count == 0 && smal_element_is_used(group, chunk, 0) ? SMAL_FAN : node->count;
}

#endif
