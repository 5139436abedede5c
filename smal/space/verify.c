/* SPDX-License-Identifier: MIT */
/*
 * verify.c: a space looks at itself.
 *
 * Every structure's own checker, from the nodes up, that of elements (element.h),
 * and what holds between them: that a chunk is used, dirty and counted in one way
 * alone (space I1 to I3), that the table knows every segment (I4), that each item
 * of metadata has one owner (fsa I3), and that all bytes that were ever committed
 * are somewhere (I5). It reads metadata and never memory.
 *
 * The space's lock is held meanwhile.
 */
#include <smal/space/element.h>

/* ---- Elements ---- */

static const char *check_chunk(const struct smal_group *group, unsigned chunk, unsigned *used)
{
	const struct smal_chunk_node *node = smal_element_chunk(group, chunk);
	unsigned capacity = smal_element_capacity(group->class), lowest = SMAL_FAN;
	unsigned bits = (unsigned)smal_element_map_bytes(group->class) * 8;

	if (bits == 0)
		bits = SMAL_ELEMENT_INLINE_BITS;
	*used = 0;
	for (unsigned i = 0; i < capacity; i++) {
		bool in_use = smal_element_is_used(group, chunk, i);

		*used += in_use;
		if (!in_use && lowest == SMAL_FAN)
			lowest = i;
	}
	if (node->capacity_1 + 1u != capacity)
		return "element I2: a chunk has another number of elements";
	if ((uint8_t)*used != node->count)
		return "element I2: a chunk's count is not the number of its elements";
	if (lowest < node->free_index)
		return "element I2: an element below a chunk's free_index is free";
	for (unsigned i = capacity; i < bits; i++)
		if (!smal_element_is_used(group, chunk, i))
			return "element I2: an element beyond a chunk's capacity is free";
	return NULL;
}

static const char *check_group(const struct smal_group *group, uint64_t *elements)
{
	unsigned listed = 0, roomy = 0, used, capacity = smal_element_capacity(group->class);

	if (smal_group_chunks(group) > group->segment->group_chunks)
		return "element I1: a group has more chunks than there are";
	for (unsigned chunk = 0; chunk < smal_group_chunks(group); chunk++) {
		const char *why = check_chunk(group, chunk, &used);

		if (why != NULL)
			return why;
		roomy += used < capacity;
		*elements += used;
	}
	if (smal_group_has_ring(group)) {
		unsigned chunk = group->node->free_index;

		do {
			const struct smal_chunk_node *node = smal_element_chunk(group, chunk);

			if (chunk >= smal_group_chunks(group) ||
			    smal_element_count(group, chunk) == capacity)
				return "element I1: a chunk without room stands in the ring";
			if (++listed > roomy)
				return "element I1: a ring does not close";
			if (smal_element_chunk(group, node->next)->prev != chunk)
				return "element I1: a ring's links disagree";
			chunk = node->next;
		} while (chunk != group->node->free_index);
	}
	return listed == roomy ? NULL : "element I1: a chunk with room is not in the ring";
}

/* The rings of the classes hold the groups with room. */
static const char *check_classes(struct smal_segment *segment, uint32_t roomy)
{
	uint32_t listed = 0;

	for (unsigned class = 0; class < SMAL_ELEMENT_CLASSES; class++) {
		uint32_t i = segment->group_heads[class];

		if (i == SMAL_NODE_NONE)
			continue;
		do {
			struct smal_group group;

			if (i >= smal_group_count(segment))
				return "element I3: a class's ring leads to what is no group";
			group = smal_group_at(segment, i);
			if (!smal_group_is_open(&group) || group.class != class ||
			    !smal_group_has_room(&group))
				return "element I3: a class's ring holds a foreign or full group";
			if (++listed > roomy)
				return "element I3: a class's ring does not close";
			if (segment->groups[group.node->next].prev != i)
				return "element I3: the links of a class's ring disagree";
			i = group.node->next;
		} while (i != segment->group_heads[class]);
	}
	return listed == roomy ? NULL : "element I3: a group with room is not in its ring";
}

static const char *check_elements(struct smal_segment *segment)
{
	struct smal_fsa_held held = { 0 };
	uint64_t elements = 0;
	uint32_t roomy = 0;
	const char *why;

	for (uint32_t i = 0; i < smal_group_count(segment); i++) {
		struct smal_group group = smal_group_at(segment, i);

		if (!smal_group_is_open(&group))
			continue;
		if (group.class >= SMAL_ELEMENT_CLASSES)
			return "element I3: a group's class is none";
		if (smal_element_map_bytes(group.class) != 0) {
			if (segment->group_maps[i] >= segment->element_maps.top)
				return "element I2: a group's maps are no item of the fsa";
			held.used++;
			held.index_sum += segment->group_maps[i];
		}
		why = check_group(&group, &elements);
		if (why != NULL)
			return why;
		roomy += smal_group_has_room(&group);
	}
	held.reserved = held.used;
	why = check_classes(segment, roomy);
	why = why != NULL ? why : smal_fsa_check(&segment->element_maps, &held);
	if (why == NULL && elements != segment->element_count)
		why = "element I4: the count of elements is wrong";
	return why;
}

/* ---- Runs ---- */

/* Adds up the chunks of a block that are in use and dirty; the first invariant
 * that it breaks, or NULL. */
static const char *check_block(const struct smal_segment *segment, uint32_t block, bool taken,
                               size_t *used, size_t *dirty)
{
	bool whole = taken && smal_segment_is_whole(segment, block);
	unsigned capacity = smal_segment_capacity(segment, block);
	const uint64_t *bits = segment->infos[block].dirty;
	uint32_t region = block / SMAL_REGION_BLOCKS;

	if (!taken && !smal_segment_is_whole(segment, block))
		return "space I3: a free block has an open node";
	*used += whole ? capacity : smal_level_count(&segment->chunks, block);
	if ((bits[0] | bits[1] | bits[2] | bits[3]) == 0)
		return NULL;
	for (unsigned c = 0; c < capacity; c++) {
		if (!(bits[c / 64] >> (c % 64) & 1))
			continue;
		++*dirty;
		if (!(segment->dirty_regions[region / 64] >> (region % 64) & 1))
			return "space I2: a region has a dirty chunk and no bit";
		if (whole || (taken && smal_level_is_used(&segment->chunks, block * SMAL_FAN + c)))
			return "space I1: a chunk in use is dirty";
	}
	return NULL;
}

static const char *check_blocks(const struct smal_segment *segment)
{
	size_t used = 0, dirty = 0, taken_blocks = 0, counted_blocks = 0;
	const char *why;

	for (uint32_t b = 0; b < segment->committed_blocks; b++) {
		bool taken = smal_level_is_used(&segment->regions, b / SMAL_REGION_BLOCKS) &&
		             smal_level_is_used(&segment->blocks, b);

		taken_blocks += taken;
		why = check_block(segment, b, taken, &used, &dirty);
		if (why != NULL)
			return why;
	}
	for (uint32_t r = 0; r < segment->blocks.node_count; r++) {
		unsigned count = smal_level_count(&segment->blocks, r);

		counted_blocks += count;
		if (count > 0 && !smal_level_is_used(&segment->regions, r))
			return "space I3: a free region has blocks in use";
	}
	if (counted_blocks != taken_blocks)
		return "space I3: blocks are in use that are not committed";
	if (dirty != segment->dirty_chunks)
		return "space I2: dirty_chunks is wrong";
	if (used << SMAL_CHUNK_LOG2 != segment->used_bytes)
		return "space I3: used_bytes is wrong";
	return NULL;
}

static const char *check_tree(struct smal_segment *segment)
{
	struct smal_fsa_held held = { 0 };
	const char *why = smal_segment_check(segment);

	why = why != NULL ? why : smal_level_check(&segment->chunks, &held);
	why = why != NULL ? why : smal_level_check(&segment->blocks, &held);
	why = why != NULL ? why : smal_level_check(&segment->regions, &held);
	why = why != NULL ? why : smal_fsa_check(&segment->maps, &held);
	why = why != NULL ? why : check_elements(segment);
	return why != NULL ? why : check_blocks(segment);
}

static const char *check_segment(struct smal_space *space, struct smal_segment *segment)
{
	uintptr_t base = segment->base;

	if (segment->magic != SMAL_MAGIC_SEGMENT || segment->space != space)
		return "segment: bad magic";
	if (space->options.buffer == NULL &&
	    (smal_table_find(base) != segment || smal_table_find(base + segment->bytes - 1) != segment))
		return "space I4: the table does not find a segment";
	if (!segment->direct)
		return check_tree(segment);
	return segment->used_bytes == 0 || segment->used_bytes > segment->bytes
	               ? "space I3: used_bytes is wrong"
	               : NULL;
}

/* Each item is a direct segment's, in use or spare; and the sum is right. */
static const char *check_sums(const struct smal_space *space)
{
	uint64_t bytes = smal_space_metadata(space);
	struct smal_fsa_held held = { 0 };

	SMAL_LIST_EACH(link, &space->spare) {
		const struct smal_segment *segment =
			SMAL_CONTAINER(link, struct smal_segment, link);

		held.index_sum += smal_fsa_index(&space->directs, segment);
		held.used++;
	}
	SMAL_LIST_EACH(link, &space->segments) {
		const struct smal_segment *segment =
			SMAL_CONTAINER(link, struct smal_segment, link);

		bytes += segment->memory.committed_bytes;
		if (segment->direct) {
			held.index_sum += smal_fsa_index(&space->directs, segment);
			held.used++;
		}
	}
	if (bytes != space->account.committed_bytes)
		return "space I5: memory and metadata are not what was committed";
	held.reserved = held.used;
	return smal_fsa_check(&space->directs, &held);
}

const char *smal_space_check(struct smal_space *space)
{
	const char *why = NULL;

	if (space->magic != SMAL_MAGIC_SPACE)
		return "space: bad magic";
	smal_os_lock_take(&space->lock);
	SMAL_LIST_EACH(link, &space->segments) {
		why = check_segment(space, SMAL_CONTAINER(link, struct smal_segment, link));
		if (why != NULL)
			break;
	}
	why = why != NULL ? why : check_sums(space);
	why = why != NULL ? why : smal_table_check();
	smal_os_lock_give(&space->lock);
	return why;
}
