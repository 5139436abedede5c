/* SPDX-License-Identifier: MIT */
/*
 * element.c: taking and giving elements (space.h); the layout: element.h.
 *
 * An element is taken from the first group of its class's ring: from the first
 * chunk in the group's ring, or else the next one that is opened. So chunks are
 * opened as they are needed, and those of a group that is full cost no search.
 */
#include <smal/space/element.h>

#include <string.h>

/* Every granule to 256, then what divides a chunk into one fewer. */
const uint16_t smal_element_class_bytes[SMAL_ELEMENT_CLASSES] = {
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

static void element_flip(const struct smal_group *group, unsigned chunk, unsigned element)
{
	if (smal_element_map_bytes(group->class) == 0)
		smal_element_chunk(group, chunk)->bits[element / 8] ^= (uint8_t)(1u << (element % 8));
	else
		smal_element_map(group, chunk)[element / 64] ^= (uint64_t)1 << (element % 64);
}

/* The lowest free element at or after `from`; the chunk has one. */
static unsigned element_free(const struct smal_group *group, unsigned chunk, unsigned from)
{
	const uint64_t *map;

	if (smal_element_map_bytes(group->class) == 0)
		return (unsigned)__builtin_ctz(~smal_element_bits(smal_element_chunk(group, chunk)));
	map = smal_element_map(group, chunk);
	for (unsigned w = from / 64;; w++)
		if (~map[w] != 0)
			return w * 64 + (unsigned)__builtin_ctzll(~map[w]);
}

/* ---- Rings ---- */

static void chunk_list(const struct smal_group *group, unsigned chunk)
{
	struct smal_chunk_node *node = smal_element_chunk(group, chunk);

	if (!smal_group_has_ring(group)) {
		node->next = node->prev = (uint8_t)chunk;
		group->node->capacity_1 = 1;
	} else {
		struct smal_chunk_node *first = smal_element_chunk(group, group->node->free_index);

		node->next = group->node->free_index;
		node->prev = first->prev;
		smal_element_chunk(group, first->prev)->next = (uint8_t)chunk;
		first->prev = (uint8_t)chunk;
	}
	group->node->free_index = (uint8_t)chunk;
}

static void chunk_unlist(const struct smal_group *group, unsigned chunk)
{
	struct smal_chunk_node *node = smal_element_chunk(group, chunk);

	smal_element_chunk(group, node->prev)->next = node->next;
	smal_element_chunk(group, node->next)->prev = node->prev;
	if (node->next == chunk)
		group->node->capacity_1 = 0;
	else if (group->node->free_index == chunk)
		group->node->free_index = node->next;
}

static void group_list(const struct smal_group *group)
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

static void group_unlist(const struct smal_group *group)
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
static void chunk_open(const struct smal_group *group, unsigned chunk)
{
	struct smal_chunk_node *node = smal_element_chunk(group, chunk);
	unsigned capacity = smal_element_capacity(group->class);

	*node = (struct smal_chunk_node){ .capacity_1 = (uint8_t)(capacity - 1) };
	if (smal_element_map_bytes(group->class) == 0) {
		for (unsigned i = capacity; i < SMAL_ELEMENT_INLINE_BITS; i++)
			element_flip(group, chunk, i);
	} else {
		memset(smal_element_map(group, chunk), 0, smal_element_map_bytes(group->class));
		for (unsigned i = capacity; i < smal_element_map_bytes(group->class) * 8; i++)
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
	struct smal_group group;
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
	    (smal_element_map_bytes(class) != 0 && !smal_fsa_reserve(&segment->element_maps))) {
		smal_space_give_locked(space, run, bytes);
		return false;
	}
	if (smal_element_map_bytes(class) != 0) {
		segment->group_maps[group.index] = smal_fsa_take(&segment->element_maps);
	}
	*group.node = (struct smal_node){ .order = (uint8_t)(class + 1) };
	chunk_open(&group, 0);
	group_list(&group);
	return true;
}

static void group_end(struct smal_space *space, const struct smal_group *group)
{
	size_t bytes = (size_t)group->segment->group_chunks << SMAL_CHUNK_LOG2;

	group_unlist(group);
	if (smal_element_map_bytes(group->class) != 0) {
		smal_fsa_give(&group->segment->element_maps,
		              group->segment->group_maps[group->index]);
		smal_fsa_unreserve(&group->segment->element_maps);
	}
	group->node->order = SMAL_NODE_CLOSED;
	smal_space_give_locked(space, (void *)(group->segment->base + group->index * bytes), bytes);
}

void *smal_element_take(struct smal_space *space, size_t bytes)
{
	unsigned class, chunk, element;
	struct smal_segment *segment = NULL;
	struct smal_chunk_node *node;
	struct smal_group group;
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
	group = smal_group_at(segment, segment->group_heads[class]);
	if (!smal_group_has_ring(&group))
		chunk_open(&group, ++group.node->count);
	chunk = group.node->free_index;
	node = smal_element_chunk(&group, chunk);
	element = element_free(&group, chunk, node->free_index);
	element_flip(&group, chunk, element);
	node->free_index = (uint8_t)element;
	segment->element_count++;
	if (node->count++ == node->capacity_1)
		chunk_unlist(&group, chunk);
	if (!smal_group_has_room(&group))
		group_unlist(&group);
	result = (char *)segment->base +
	         (((size_t)group.index * segment->group_chunks + chunk) << SMAL_CHUNK_LOG2) +
	         element * smal_element_class_bytes[class];
out:
	smal_os_lock_give(&space->lock);
	return result;
}

/* Finds the group, chunk and element that begins at an address. */
static bool element_find(struct smal_space *space, const void *address, struct smal_group *group,
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
	*group = smal_group_at(segment, at / segment->group_chunks);
	*chunk = at % segment->group_chunks;
	if (!smal_group_is_open(group) || *chunk >= smal_group_chunks(group))
		return false;
	*element = (unsigned)(offset % SMAL_CHUNK / smal_element_class_bytes[group->class]);
	return offset % SMAL_CHUNK % smal_element_class_bytes[group->class] == 0 &&
	       *element < smal_element_capacity(group->class) &&
	       smal_element_is_used(group, *chunk, *element);
}

static bool group_is_empty(const struct smal_group *group)
{
	for (unsigned chunk = 0; chunk < smal_group_chunks(group); chunk++)
		if (smal_element_count(group, chunk) != 0)
			return false;
	return true;
}

bool smal_element_give(struct smal_space *space, void *address)
{
	unsigned chunk, element;
	struct smal_group group;
	bool found;

	smal_os_lock_take(&space->lock);
	found = element_find(space, address, &group, &chunk, &element);
	if (found) {
		struct smal_chunk_node *node = smal_element_chunk(&group, chunk);
		bool full = smal_element_count(&group, chunk) == node->capacity_1 + 1u;
		bool had_room = smal_group_has_room(&group);

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
	for (uint32_t i = 0; i < smal_group_count(segment); i++) {
		struct smal_group group = smal_group_at(segment, i);

		if (smal_group_is_open(&group) && group_is_empty(&group))
			group_end(space, &group);
	}
}

size_t smal_element_bytes(struct smal_space *space, const void *address)
{
	unsigned chunk, element;
	struct smal_group group;
	size_t bytes = 0;

	smal_os_lock_take(&space->lock);
	if (element_find(space, address, &group, &chunk, &element))
		bytes = smal_element_class_bytes[group.class];
	smal_os_lock_give(&space->lock);
	return bytes;
}
