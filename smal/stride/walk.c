/* SPDX-License-Identifier: MIT */
/*
 * walk.c: the buffers of an owner in the order of their addresses.
 *
 * The owner words of a segment are read one after another, four bytes for each
 * buffer id: no list is followed, so that buffers may come and go while a walk is
 * under way, and the walk is nothing but the last address.
 */
#include <smal/stride/stride.h>

static bool is_of(uint32_t word, uint16_t owner)
{
	return word != 0 && (owner == 0 || word >> 16 == owner);
}

/* The first id at or after `id` that an owner has and at which a buffer begins;
 * or the segment's number of ids. */
static size_t next_id(const struct smal_segment *segment, uint16_t owner, size_t id)
{
	size_t ids = segment->direct
	                     ? 1
	                     : smal_atomic_load(&segment->committed_blocks) * SMAL_BLOCK_IDS;

	while (id < ids && (!is_of(smal_atomic_load_u32(smal_segment_owner(segment, id)), owner) ||
	                    *smal_segment_back(segment, id) != 0))
		id++;
	return id < ids ? id : SIZE_MAX;
}

struct smal_buffer *smal_stride_next_buffer(struct smal_space *space, uint16_t owner,
                                            uintptr_t after)
{
	struct smal_segment *best = NULL;
	uintptr_t lowest = UINTPTR_MAX;
	size_t best_id = 0;

	smal_os_lock_take(&space->lock);
	SMAL_LIST_EACH(link, &space->segments) {
		struct smal_segment *segment = SMAL_CONTAINER(link, struct smal_segment, link);
		uintptr_t base = segment->base;
		size_t id = 0;

		if (after >= base + (segment->bytes - 1))
			continue;
		if (after >= base)
			id = ((after - base) >> SMAL_ID_LOG2) + 1;
		id = next_id(segment, owner, id);
		if (id != SIZE_MAX && base + (id << SMAL_ID_LOG2) < lowest) {
			lowest = base + (id << SMAL_ID_LOG2);
			best = segment;
			best_id = id;
		}
	}
	smal_os_lock_give(&space->lock);
	return best != NULL ? smal_segment_buffer(best, best_id) : NULL;
}
