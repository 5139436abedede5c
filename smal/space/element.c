/* SPDX-License-Identifier: MIT */
/*
 * element.c: the lowest level of the tree: chunks cut into up to 256 elements.
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
 * first of them; order is the class, plus one, or CLOSED. A map of at most 24 bits lies
 * in the chunk's node itself.
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
 * The space's lock protects all of it.
 */
#include <smal/space/space.h>

#include <string.h>

/* Bytes of an element, by class: every granule to 256, then what divides a
 * chunk into one fewer. */
static const uint16_t class_bytes[SMAL_ELEMENT_CLASSES] = {
	16,  32,  48,  64,  80,  96,  112, 128, 144, 160, 176,  192,  208,  224,  240,
	256, 272, 288, 304, 336, 368, 400, 448, 512, 576, 672, 816, 1024, 1360, 2048,
};

/* Class by granules: the lowest whose elements have as many. */
static const uint8_t class_of[SMAL_ELEMENT_LARGEST / SMAL_GRANULE + 1] = {
	0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 20,
	21, 21, 22, 22, 22, 23, 23, 23, 23, 24, 24, 24, 24, 25, 25, 25, 25, 25, 25, 26, 26, 26, 26, 26,
	26, 26, 26, 26, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 28, 28, 28, 28, 28, 28, 28,
	28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29,
	29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29, 29,
	29, 29, 29, 29, 29, 29, 29, 29, 29,
};

enum { INLINE_BITS = 24 };

/* What a group's node means here. */
struct group {
	struct smal_segment *segment;
	struct smal_node *node;
	uint32_t index;
	unsigned class;
};

static unsigned capacity_of(unsigned class)
{
	return SMAL_CHUNK / class_bytes[class];
}

static size_t map_bytes(unsigned class)
{
	unsigned capacity = capacity_of(class);

	return capacity <= INLINE_BITS ? 0 : (capacity + 63) / 64 * 8u;
}

static struct group group_at(struct smal_segment *segment, uint32_t index)
{
	struct smal_node *node = &segment->groups[index];

	/* Memory that was never used reads as zero: no group yet. */
	return (struct group){ segment, node, index, node->order - 1u };
}

static bool group_is_open(const struct group *group)
{
	return group->node->order != 0 && group->node->order < SMAL_NODE_CLOSED;
}

/* Groups that there can be in the segment's known blocks. */
static uint32_t group_count(const struct smal_segment *segment)
{
	size_t groups = (size_t)segment->element_blocks * (SMAL_BLOCK_CHUNKS / segment->group_chunks);

	return (uint32_t)smal_min(groups, smal_segment_groups(segment));
}

static struct smal_chunk_node *chunk_node(const struct group *group, unsigned chunk)
{
	return &group->segment->chunk_nodes[group->index * group->segment->group_chunks + chunk];
}

/* The words of a chunk's map that is not inline. */
static uint64_t *chunk_map(const struct group *group, unsigned chunk)
{
	char *maps = smal_fsa_at(&group->segment->element_maps,
	                         group->segment->group_maps[group->index]);

	return (void *)(maps + chunk * map_bytes(group->class));
}

static uint32_t inline_bits(const struct smal_chunk_node *node)
{
	return node->bits[0] | (uint32_t)node->bits[1] << 8 | (uint32_t)node->bits[2] << 16;
}

static bool element_is_used(const struct group *group, unsigned chunk, unsigned element)
{
	if (map_bytes(group->class) == 0)
		return inline_bits(chunk_node(group, chunk)) >> element & 1;
	return chunk_map(group, chunk)[element / 64] >> (element % 64) & 1;
}

static void element_flip(const struct group *group, unsigned chunk, unsigned element)
{
	if (map_bytes(group->class) == 0)
		chunk_node(group, chunk)->bits[element / 8] ^= (uint8_t)(1u << (element % 8));
	else
		chunk_map(group, chunk)[element / 64] ^= (uint64_t)1 << (element % 64);
}

/* The lowest free element at or after `from`; the chunk has one. */
static unsigned element_free(const struct group *group, unsigned chunk, unsigned from)
{
	const uint64_t *map;

	if (map_bytes(group->class) == 0)
		return (unsigned)__builtin_ctz(~inline_bits(chunk_node(group, chunk)));
	map = chunk_map(group, chunk);
	for (unsigned w = from / 64;; w++)
		if (~map[w] != 0)
			return w * 64 + (unsigned)__builtin_ctzll(~map[w]);
}

/* ---- Rings ---- */

static bool group_has_ring(const struct group *group)
{
	return group->node->capacity_1 != 0;
}

static unsigned chunks_opened(const struct group *group)
{
	return group->node->count + 1u;
}

static bool group_has_room(const struct group *group)
{
	return group_has_ring(group) || chunks_opened(group) < group->segment->group_chunks;
}

static void chunk_list(const struct group *group, unsigned chunk)
{
	struct smal_chunk_node *node = chunk_node(group, chunk);

	if (!group_has_ring(group)) {
		node->next = node->prev = (uint8_t)chunk;
		group->node->capacity_1 = 1;
	} else {
		struct smal_chunk_node *first = chunk_node(group, group->node->free_index);

		node->next = group->node->free_index;
		node->prev = first->prev;
		chunk_node(group, first->prev)->next = (uint8_t)chunk;
		first->prev = (uint8_t)chunk;
	}
	group->node->free_index = (uint8_t)chunk;
}

static void chunk_unlist(const struct group *group, unsigned chunk)
{
	struct smal_chunk_node *node = chunk_node(group, chunk);

	chunk_node(group, node->prev)->next = node->next;
	chunk_node(group, node->next)->prev = node->prev;
	if (node->next == chunk)
		group->node->capacity_1 = 0;
	else if (group->node->free_index == chunk)
		group->node->free_index = node->next;
}

static void group_list(const struct group *group)
{
	struct smal_node *groups = group->segment->groups;
	uint32_t *head = &group->segment->group_heads[group->class];

	if (*head == SMAL_NODE_NONE) {
		group->node->next = group->node->prev = (uint16_t)group->index;
	} else {
		group->node->next = (uint16_t)*head;
		group->node->prev = groups[*head].prev;
		groups[groups[*head].prev].next = (uint16_t)group->index;
		groups[*head].prev = (uint16_t)group->index;
	}
	*head = group->index;
}

static void group_unlist(const struct group *group)
{
	struct smal_node *groups = group->segment->groups;
	uint32_t *head = &group->segment->group_heads[group->class];

	groups[group->node->prev].next = group->node->next;
	groups[group->node->next].prev = group->node->prev;
	if (*head == group->index)
		*head = group->node->next == group->index ? SMAL_NODE_NONE : group->node->next;
}

/* ---- Groups and chunks ---- */

/* Cuts a chunk of the group into elements. */
static void chunk_open(const struct group *group, unsigned chunk)
{
	struct smal_chunk_node *node = chunk_node(group, chunk);
	unsigned capacity = capacity_of(group->class);

	*node = (struct smal_chunk_node){ .capacity_1 = (uint8_t)(capacity - 1) };
	if (map_bytes(group->class) == 0) {
		for (unsigned i = capacity; i < INLINE_BITS; i++)
			element_flip(group, chunk, i);
	} else {
		memset(chunk_map(group, chunk), 0, map_bytes(group->class));
		for (unsigned i = capacity; i < map_bytes(group->class) * 8; i++)
			element_flip(group, chunk, i);
	}
	chunk_list(group, chunk);
}

static uint32_t block_of(const struct smal_segment *segment, const void *address)
{
	return (uint32_t)(((uintptr_t)address - segment->base) >> SMAL_BLOCK_LOG2);
}

/* A new group of a class, in its ring, with its first chunk opened; or false. */
static bool group_create(struct smal_space *space, unsigned class)
{
	struct smal_segment *segment;
	struct group group;
	size_t bytes;
	bool zeroed;
	void *run;

	segment = SMAL_CONTAINER(space->segments.next, struct smal_segment, link);
	if (smal_link_is_alone(&space->segments))
		bytes = SMAL_BLOCK;
	else
		bytes = (size_t)(segment->direct ? SMAL_BLOCK_CHUNKS : segment->group_chunks)
		        << SMAL_CHUNK_LOG2;
	run = smal_space_take_locked(space, bytes, bytes, &zeroed);
	if (run == NULL)
		return false;
	segment = smal_space_segment(space, run);
	group.segment = segment;
	group.index = (uint32_t)(((uintptr_t)run - segment->base) / bytes);
	group.node = &segment->groups[group.index];
	group.class = class;
	if (!smal_segment_commit_elements(segment, block_of(segment, run) + 1) ||
	    (map_bytes(class) != 0 && !smal_fsa_reserve(&segment->element_maps))) {
		smal_space_give_locked(space, run, bytes);
		return false;
	}
	if (map_bytes(class) != 0) {
		segment->group_maps[group.index] = smal_fsa_take(&segment->element_maps);
	}
	*group.node = (struct smal_node){ .order = (uint8_t)(class + 1) };
	chunk_open(&group, 0);
	group_list(&group);
	return true;
}

static void group_end(struct smal_space *space, const struct group *group)
{
	size_t bytes = (size_t)group->segment->group_chunks << SMAL_CHUNK_LOG2;

	group_unlist(group);
	if (map_bytes(group->class) != 0) {
		smal_fsa_give(&group->segment->element_maps,
		              group->segment->group_maps[group->index]);
		smal_fsa_unreserve(&group->segment->element_maps);
	}
	group->node->order = SMAL_NODE_CLOSED;
	smal_space_give_locked(space, (void *)(group->segment->base + group->index * bytes), bytes);
}

static unsigned chunk_count(const struct group *group, unsigned chunk)
{
	const struct smal_chunk_node *node = chunk_node(group, chunk);

	return node->count == 0 && element_is_used(group, chunk, 0) ? SMAL_FAN : node->count;
}

void *smal_element_take(struct smal_space *space, size_t bytes)
{
	unsigned class, chunk, element;
	struct smal_segment *segment = NULL;
	struct smal_chunk_node *node;
	struct group group;
	void *result = NULL;

	if (bytes == 0 || bytes > SMAL_ELEMENT_LARGEST)
		return NULL;
	smal_os_lock_take(&space->lock);
	class = class_of[(bytes + SMAL_GRANULE - 1) / SMAL_GRANULE];
	for (int attempt = 0; segment == NULL && attempt < 2; attempt++) {
		SMAL_LIST_EACH(link, &space->segments) {
			segment = SMAL_CONTAINER(link, struct smal_segment, link);
			if (!segment->direct && segment->group_heads[class] != SMAL_NODE_NONE)
				break;
			segment = NULL;
		}
		if (segment == NULL && (attempt != 0 || !group_create(space, class)))
			goto out;
	}
	group = group_at(segment, segment->group_heads[class]);
	if (!group_has_ring(&group))
		chunk_open(&group, ++group.node->count);
	chunk = group.node->free_index;
	node = chunk_node(&group, chunk);
	element = element_free(&group, chunk, node->free_index);
	element_flip(&group, chunk, element);
	node->free_index = (uint8_t)element;
	segment->element_count++;
	if (node->count++ == node->capacity_1)
		chunk_unlist(&group, chunk);
	if (!group_has_room(&group))
		group_unlist(&group);
	result = (char *)segment->base +
	         (((size_t)group.index * segment->group_chunks + chunk) << SMAL_CHUNK_LOG2) +
	         element * class_bytes[class];
out:
	smal_os_lock_give(&space->lock);
	return result;
}

/* Finds the group, chunk and element that begins at an address. */
static bool element_find(struct smal_space *space, const void *address, struct group *group,
                         unsigned *chunk, unsigned *element)
{
	struct smal_segment *segment = smal_space_segment(space, address);
	uintptr_t offset;
	uint32_t at;

	if (segment == NULL || segment->direct)
		return false;
	offset = (uintptr_t)address - segment->base;
	at = (uint32_t)(offset >> SMAL_CHUNK_LOG2);
	if (at / SMAL_BLOCK_CHUNKS >= segment->element_blocks)
		return false;
	*group = group_at(segment, at / segment->group_chunks);
	*chunk = at % segment->group_chunks;
	if (!group_is_open(group) || *chunk >= chunks_opened(group))
		return false;
	*element = (unsigned)(offset % SMAL_CHUNK / class_bytes[group->class]);
	return offset % SMAL_CHUNK % class_bytes[group->class] == 0 &&
	       *element < capacity_of(group->class) && element_is_used(group, *chunk, *element);
}

static bool group_is_empty(const struct group *group)
{
	for (unsigned chunk = 0; chunk < chunks_opened(group); chunk++)
		if (chunk_count(group, chunk) != 0)
			return false;
	return true;
}

bool smal_element_give(struct smal_space *space, void *address)
{
	unsigned chunk, element;
	struct group group;
	bool found;

	smal_os_lock_take(&space->lock);
	found = element_find(space, address, &group, &chunk, &element);
	if (found) {
		struct smal_chunk_node *node = chunk_node(&group, chunk);
		bool full = chunk_count(&group, chunk) == node->capacity_1 + 1u;
		bool had_room = group_has_room(&group);

		element_flip(&group, chunk, element);
		node->count--;
		group.segment->element_count--;
		if (element < node->free_index)
			node->free_index = (uint8_t)element;
		if (full)
			chunk_list(&group, chunk);
		if (!had_room)
			group_list(&group);
		/* The last group with room stays, empty or not, until a trim. */
		if (node->count == 0 && group.node->next != group.index && group_is_empty(&group))
			group_end(space, &group);
	}
	smal_os_lock_give(&space->lock);
	return found;
}

void smal_element_trim_locked(struct smal_space *space, struct smal_segment *segment)
{
	for (uint32_t i = 0; i < group_count(segment); i++) {
		struct group group = group_at(segment, i);

		if (group_is_open(&group) && group_is_empty(&group))
			group_end(space, &group);
	}
}

size_t smal_element_bytes(struct smal_space *space, const void *address)
{
	unsigned chunk, element;
	struct group group;
	size_t bytes = 0;

	smal_os_lock_take(&space->lock);
	if (element_find(space, address, &group, &chunk, &element))
		bytes = class_bytes[group.class];
	smal_os_lock_give(&space->lock);
	return bytes;
}

/* ---- The checker ---- */

static const char *check_chunk(const struct group *group, unsigned chunk, unsigned *used)
{
	const struct smal_chunk_node *node = chunk_node(group, chunk);
	unsigned capacity = capacity_of(group->class), lowest = SMAL_FAN;
	unsigned bits = map_bytes(group->class) == 0 ? INLINE_BITS
	                                             : (unsigned)map_bytes(group->class) * 8;

	*used = 0;
	for (unsigned i = 0; i < capacity; i++) {
		bool in_use = element_is_used(group, chunk, i);

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
		if (!element_is_used(group, chunk, i))
			return "element I2: an element beyond a chunk's capacity is free";
	return NULL;
}

static const char *check_group(const struct group *group, uint64_t *elements)
{
	unsigned listed = 0, roomy = 0, used, capacity = capacity_of(group->class);

	if (chunks_opened(group) > group->segment->group_chunks)
		return "element I1: a group has more chunks than there are";
	for (unsigned chunk = 0; chunk < chunks_opened(group); chunk++) {
		const char *why = check_chunk(group, chunk, &used);

		if (why != NULL)
			return why;
		roomy += used < capacity;
		*elements += used;
	}
	if (group_has_ring(group)) {
		unsigned chunk = group->node->free_index;

		do {
			const struct smal_chunk_node *node = chunk_node(group, chunk);

			if (chunk >= chunks_opened(group) || chunk_count(group, chunk) == capacity)
				return "element I1: a chunk without room stands in the ring";
			if (++listed > roomy)
				return "element I1: a ring does not close";
			if (chunk_node(group, node->next)->prev != chunk)
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
			struct group group;

			if (i >= group_count(segment))
				return "element I3: a class's ring leads to what is no group";
			group = group_at(segment, i);
			if (!group_is_open(&group) || group.class != class || !group_has_room(&group))
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

const char *smal_element_check(struct smal_segment *segment)
{
	struct smal_fsa_held held = { 0 };
	uint64_t elements = 0;
	uint32_t roomy = 0;
	const char *why;

	for (uint32_t i = 0; i < group_count(segment); i++) {
		struct group group = group_at(segment, i);

		if (!group_is_open(&group))
			continue;
		if (group.class >= SMAL_ELEMENT_CLASSES)
			return "element I3: a group's class is none";
		if (map_bytes(group.class) != 0) {
			if (segment->group_maps[i] >= segment->element_maps.top)
				return "element I2: a group's maps are no item of the fsa";
			held.used++;
			held.index_sum += segment->group_maps[i];
		}
		why = check_group(&group, &elements);
		if (why != NULL)
			return why;
		roomy += group_has_room(&group);
	}
	held.reserved = held.used;
	why = check_classes(segment, roomy);
	why = why != NULL ? why : smal_fsa_check(&segment->element_maps, &held);
	if (why == NULL && elements != segment->element_count)
		why = "element I4: the count of elements is wrong";
	return why;
}
