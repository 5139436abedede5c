/* SPDX-License-Identifier: MIT */
/*
 * block.c: allocating and freeing blocks, and what is done when memory is short.
 *
 * A block comes from, in this order,
 *
 *   1  a hole of its size, or the smallest larger one, that is listed
 *   2  the same after a fold, if holes are an eighth of the span more than after the last,
 *      and 32 bytes were freed for each node that it looks at
 *   3  behind the span
 *   4  1 to 3 after a fold, if anything was freed since the last one
 *   5  1 to 3 after a compaction, before which the program is told: LOWER, then HIGHER
 *   6  1 to 3 after a purge and a compaction
 */
#include <smal/handle/handle.h>
#include <smal/base/fail.h>

/* Granules that have come free before a fold is worth its walk; by how much of the
 * span there are more of them than after the last one. */
enum { FOLD_LEAST = 4096, FOLD_PART = 8 };

/* ---- Nodes ---- */

/* The last node is a hole: it may become longer. */
static uint32_t lengthen_last(struct smal_handle_heap *heap, uint32_t granules)
{
	uint32_t place = smal_entry(heap, heap->last)->place;

	if (smal_handle_room(heap, 0) - place < granules ||
	    !smal_handle_commit(heap, place + granules))
		return 0;
	heap->free_granules += granules - (heap->top - place);
	heap->top = place + granules;
	return heap->last;
}

/* A node behind the span; as a hole, which is counted as one. */
static uint32_t take_behind(struct smal_handle_heap *heap, uint32_t granules)
{
	struct smal_handle_entry *entry;
	uint32_t index, limit;

	if (heap->last != 0 && !smal_entry_is_used(smal_entry(heap, heap->last)))
		return lengthen_last(heap, granules);
	limit = smal_handle_room(heap, heap->spare_count < 2);
	if (limit < heap->top || limit - heap->top < granules ||
	    !smal_handle_commit(heap, heap->top + granules))
		return 0;
	index = smal_entry_take(heap, false);
	if (index == 0)
		return 0;
	entry = smal_entry(heap, index);
	smal_entry_set_place(entry, heap->top);
	smal_node_insert(heap, heap->last, index);
	heap->top += granules;
	heap->free_granules += granules;
	return index;
}

uint32_t smal_node_take(struct smal_handle_heap *heap, uint32_t granules)
{
	uint32_t index = smal_hole_take(heap, granules);

	if (SMAL_LIKELY(index != 0))
		return index;
	if (heap->free_granules >
	            heap->folded_granules + smal_max(heap->top / FOLD_PART, FOLD_LEAST) &&
	    smal_holes_pay(heap)) {
		smal_holes_fold(heap);
		index = smal_hole_take(heap, granules);
	}
	if (index == 0)
		index = take_behind(heap, granules);
	if (index == 0 && heap->unfolded != 0) {
		smal_holes_fold(heap);
		index = smal_hole_take(heap, granules);
		if (index == 0)
			index = take_behind(heap, granules);
	}
	if (index != 0 && heap->top > heap->dirty) {
		heap->dirty = heap->top;
		heap->lower_due = heap->low != NULL && !heap->told_lower &&
		                  heap->top / 7 > smal_handle_room(heap, 0) / 8;
	}
	return index;
}

/* ---- When memory is short ---- */

/* Tells the program; without the lock. There may be other threads afterwards. */
static enum smal_handle_answer tell(struct smal_handle_heap *heap, enum smal_handle_low how,
                                    size_t bytes, bool *locked)
{
	enum smal_handle_answer answer;

	heap->telling = true;
	smal_handle_leave(heap, *locked);
	answer = heap->low(heap, how, bytes, heap->user);
	*locked = smal_handle_enter(heap);
	heap->telling = false;
	return answer;
}

static uint32_t compact_and_take(struct smal_handle_heap *heap, uint32_t granules)
{
	uint32_t room = smal_handle_room(heap, 0);

	if ((uint64_t)heap->free_granules + (room - smal_min(room, heap->top)) >= granules) {
		smal_compact_whole(heap);
		smal_entries_trim(heap);
	}
	return smal_node_take(heap, granules);
}

/* Steps 5 and 6. The program may do anything when it is told. */
static uint32_t provide(struct smal_handle_heap *heap, size_t bytes, uint32_t granules,
                        bool *locked)
{
	uint32_t index = 0;

	/* Nothing would help. */
	if (granules > smal_handle_room(heap, 0))
		return 0;
	if (heap->low != NULL && !heap->telling && !heap->told_lower) {
		heap->told_lower = true;
		if (tell(heap, SMAL_HANDLE_LOWER, bytes, locked) == SMAL_HANDLE_COMPACT)
			index = compact_and_take(heap, granules);
		else
			index = smal_node_take(heap, granules);
	}
	if (index == 0 && heap->low != NULL && !heap->telling && !heap->told_higher) {
		heap->told_higher = true;
		tell(heap, SMAL_HANDLE_HIGHER, bytes, locked);
	}
	if (index == 0)
		index = compact_and_take(heap, granules);
	if (index == 0 && smal_blocks_purge(heap) != 0)
		index = compact_and_take(heap, granules);
	return index;
}

/* At the end of an allocation: much of the memory has been used. */
static void tell_lower(struct smal_handle_heap *heap)
{
	bool locked = smal_handle_enter(heap);

	heap->lower_due = false;
	if (heap->low != NULL && !heap->telling && !heap->told_lower) {
		heap->told_lower = true;
		if (tell(heap, SMAL_HANDLE_LOWER, 0, &locked) == SMAL_HANDLE_COMPACT)
			smal_compact_whole(heap);
	}
	smal_handle_leave(heap, locked);
}

/* ---- Allocation ---- */

static smal_handle alloc_large(struct smal_handle_heap *heap, size_t bytes, unsigned flags)
{
	bool locked = smal_handle_enter(heap);
	uint32_t index = smal_entry_take(heap, false);
	struct smal_handle_entry *entry = smal_entry(heap, index);
	smal_handle handle = 0;

	if (index == 0)
		goto out;
	if (!smal_large_make(heap, entry, bytes) &&
	    (smal_blocks_purge(heap) == 0 || !smal_large_make(heap, entry, bytes))) {
		smal_entry_give(heap, index);
		goto out;
	}
	smal_entry_set_control(entry, smal_entry_control(entry) | SMAL_CONTROL_LARGE |
	                                      SMAL_CONTROL_USED | flags);
	handle = smal_handle_of(heap, index, smal_entry_control(entry));
out:
	smal_handle_leave(heap, locked);
	return handle;
}

/* A hole becomes a block. */
static inline smal_handle make_block(struct smal_handle_heap *heap, uint32_t index, size_t bytes,
                                     uint32_t granules, unsigned flags)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);
	uint32_t generation = smal_generation(smal_entry_control(entry));

	heap->free_granules -= granules;
	smal_entry_set_control(entry, generation | SMAL_CONTROL_USED |
	                                      flags * SMAL_CONTROL_PURGEABLE |
	                                      smal_handle_slack(bytes, granules));
	return smal_handle_of(heap, index, generation);
}

static SMAL_NOINLINE smal_handle alloc_slow(struct smal_handle_heap *heap, size_t bytes,
                                            unsigned flags)
{
	static const char function[] = "smal_handle_alloc";
	uint32_t granules = smal_handle_granules(bytes), index;
	smal_handle handle = 0;
	bool locked, due;

	if (smal_handle_heap_check(heap, function) != SMAL_OK)
		return 0;
	if ((flags & ~(unsigned)SMAL_HANDLE_FLAGS) != 0) {
		smal_fail(SMAL_ERROR_INVALID, function, "unknown flags", NULL, "%#x", flags);
		return 0;
	}
	if (bytes >= SMAL_HANDLE_LARGE_BYTES && heap->reservation != NULL)
		return alloc_large(heap, bytes, flags * SMAL_CONTROL_PURGEABLE);
	if (granules == 0)
		return 0;
	locked = smal_handle_enter(heap);
	index = smal_node_take(heap, granules);
	if (SMAL_UNLIKELY(index == 0))
		index = provide(heap, bytes, granules, &locked);
	if (index != 0)
		handle = make_block(heap, index, bytes, granules, flags);
	due = heap->lower_due;
	smal_handle_leave(heap, locked);
	if (SMAL_UNLIKELY(due))
		tell_lower(heap);
	return handle;
}

smal_handle smal_handle_alloc(struct smal_handle_heap *heap, size_t bytes, unsigned flags)
{
	uint32_t granules = (uint32_t)((bytes - 1) >> SMAL_GRANULE_LOG2) + 1, index;

	if (SMAL_LIKELY(bytes - 1 < (SMAL_HANDLE_SMALL - 1) << SMAL_GRANULE_LOG2 && heap != NULL &&
	                heap->magic == SMAL_HANDLE_MAGIC && flags <= SMAL_HANDLE_FLAGS &&
	                smal_os_single_threaded())) {
		index = smal_hole_pop(heap, granules);
		if (SMAL_LIKELY(index != 0))
			return make_block(heap, index, bytes, granules, flags);
	}
	return alloc_slow(heap, bytes, flags);
}

/* ---- Freeing ---- */

/* With the lock; the entry is the calling thread's. */
static void end_block(struct smal_handle_heap *heap, uint32_t index, uint32_t control)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);

	if (SMAL_UNLIKELY((control & (SMAL_CONTROL_PURGED | SMAL_CONTROL_LARGE)) != 0)) {
		if ((control & SMAL_CONTROL_PURGED) == 0)
			smal_large_end(heap, entry);
		smal_entry_give(heap, index);
		return;
	}
	heap->free_granules += smal_node_granules(heap, entry);
	heap->unfolded += smal_node_granules(heap, entry);
	/* The last one can become longer or shorter, and is taken first for that. */
	if (entry->next != 0)
		smal_hole_list(heap, index);
	if (SMAL_UNLIKELY(heap->free_granules > heap->fold_granules)) {
		if (smal_holes_pay(heap))
			smal_holes_fold(heap);
		else
			heap->fold_granules += heap->fold_granules / FOLD_PART;
	}
}

static SMAL_NOINLINE enum smal_error free_slow(struct smal_handle_heap *heap, smal_handle handle)
{
	static const char function[] = "smal_handle_free";
	struct smal_handle_entry *entry;
	uint32_t control;
	bool locked;

	if (smal_handle_heap_check(heap, function) != SMAL_OK)
		return SMAL_ERROR_INVALID;
	if (handle == 0)
		return SMAL_OK;
	locked = smal_handle_enter(heap);
	do {
		entry = smal_handle_entry(heap, handle);
		control = entry != NULL ? smal_atomic_load_u32(&entry->control) : 0;
		if (SMAL_UNLIKELY(entry == NULL || (control & SMAL_CONTROL_LOCKS) != 0))
			goto fail;
	} while (!smal_control_swap(entry, control, smal_generation_next(control)));
	end_block(heap, (uint32_t)handle, control);
	smal_handle_leave(heap, locked);
	return SMAL_OK;

fail:
	smal_handle_leave(heap, locked);
	if (entry == NULL)
		return smal_handle_fail(heap, handle, function);
	return smal_fail(SMAL_ERROR_BUSY, function, "block is locked", NULL,
	                 "handle %08lx:%08lx, locked %lu times", (unsigned long)(handle >> 32),
	                 (unsigned long)(uint32_t)handle,
	                 (unsigned long)(control & SMAL_CONTROL_LOCKS));
}

enum smal_error smal_handle_free(struct smal_handle_heap *heap, smal_handle handle)
{
	struct smal_handle_entry *entry;
	uint32_t control, granules;

	if (!smal_handle_may_be(heap, handle) || !smal_os_single_threaded())
		return free_slow(heap, handle);
	entry = smal_entry(heap, (uint32_t)handle);
	control = smal_entry_control(entry);
	if (SMAL_UNLIKELY((control & (SMAL_CONTROL_PLAIN | SMAL_CONTROL_LOCKS)) !=
	                          smal_control_wanted(heap, handle) ||
	                  entry->next == 0 || heap->free_granules >= heap->fold_granules))
		return free_slow(heap, handle);
	granules = smal_entry(heap, entry->next)->place - entry->place;
	if (SMAL_UNLIKELY(granules >= SMAL_HANDLE_SMALL))
		return free_slow(heap, handle);
	smal_entry_set_control(entry, smal_generation_next(control) | SMAL_CONTROL_LISTED);
	smal_hole_push(heap, (uint32_t)handle, granules);
	heap->free_granules += granules;
	heap->unfolded += granules;
	return SMAL_OK;
}

/* ---- Purging ---- */

/* A block vanishes, unless it is locked: its entry stays, what it had becomes a hole.
 * Returns the bytes of the hole. */
static size_t purge(struct smal_handle_heap *heap, uint32_t before, uint32_t index, bool *stuck)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);
	uint32_t control = smal_atomic_load_u32(&entry->control), hole = before;
	uint32_t granules = smal_node_granules(heap, entry);
	bool joins = before != 0 && !smal_entry_is_used(smal_entry(heap, before));

	if ((control & SMAL_CONTROL_LOCKS) != 0 || (control & SMAL_CONTROL_PURGEABLE) == 0)
		return 0;
	if (!joins)
		hole = smal_entry_take(heap, true);
	*stuck |= hole == 0;
	if (hole == 0 || !smal_control_swap(entry, control, control | SMAL_CONTROL_PURGED)) {
		if (!joins && hole != 0)
			smal_entry_give(heap, hole);
		return 0;
	}
	if (joins)
		smal_node_remove(heap, before, index);
	else
		smal_node_replace(heap, index, hole);
	smal_entry_set_place(entry, SMAL_NOWHERE);
	heap->free_granules += granules;
	heap->unfolded += granules;
	heap->stats.purged_blocks++;
	return (size_t)granules << SMAL_GRANULE_LOG2;
}

static size_t purge_large(struct smal_handle_heap *heap)
{
	uint32_t made = heap->stats.large_blocks != 0 ? heap->entries : 0;
	const uint32_t both = SMAL_CONTROL_LARGE | SMAL_CONTROL_PURGEABLE;
	size_t all = 0;

	for (uint32_t index = 1; index <= made; index++) {
		struct smal_handle_entry *entry = smal_entry(heap, index);
		uint32_t control = smal_atomic_load_u32(&entry->control);
		size_t bytes;

		if ((control & (both | SMAL_CONTROL_LOCKS | SMAL_CONTROL_PURGED)) != both ||
		    !smal_control_swap(entry, control,
		                       (control & ~(uint32_t)SMAL_CONTROL_LARGE) |
		                               SMAL_CONTROL_PURGED))
			continue;
		bytes = smal_large_of(entry)->bytes;
		smal_large_end(heap, entry);
		smal_entry_set_place(entry, SMAL_NOWHERE);
		heap->stats.purged_blocks++;
		all += bytes;
	}
	return all;
}

/* *stuck: there were not entries enough. */
static size_t purge_nodes(struct smal_handle_heap *heap, bool *stuck)
{
	uint32_t before = 0;
	size_t all = 0;

	for (uint32_t at = heap->first, next; at != 0; at = next) {
		size_t bytes;

		next = smal_entry(heap, at)->next;
		bytes = smal_entry_is_used(smal_entry(heap, at)) ? purge(heap, before, at, stuck)
		                                                 : 0;
		all += bytes;
		/* What was the node before it may have taken its place. */
		if (bytes == 0)
			before = at;
		else if (before == 0 || smal_entry_is_used(smal_entry(heap, before)))
			before = before == 0 ? heap->first : smal_entry(heap, before)->next;
	}
	return all;
}

size_t smal_blocks_purge(struct smal_handle_heap *heap)
{
	size_t all = purge_large(heap), bytes;
	bool stuck;

	do {
		stuck = false;
		bytes = purge_nodes(heap, &stuck);
		all += bytes;
		/* The holes become room for entries. */
		if (stuck && bytes != 0)
			smal_compact_whole(heap);
	} while (stuck && bytes != 0);
	return all;
}

size_t smal_handle_purge(struct smal_handle_heap *heap)
{
	size_t bytes;
	bool locked;

	if (smal_handle_heap_check(heap, __func__) != SMAL_OK)
		return 0;
	locked = smal_handle_enter(heap);
	bytes = smal_blocks_purge(heap);
	smal_handle_leave(heap, locked);
	return bytes;
}
