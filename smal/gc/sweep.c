/* SPDX-License-Identifier: MIT */
/*
 * sweep.c: what was not marked is free, by mask words.
 *
 * Before a sweep the masks have changed places: the mark mask is the live mask
 * now. Sweeping a buffer recounts it, clears the old mask for the next marking
 * and puts the buffer where it belongs; an empty one goes back to the space. No
 * object is touched, dead or alive, but by tools and free callbacks.
 *
 * A dead object with a free callback becomes pending: its bit in mask 2 is set,
 * its live bit stays, so its slot is neither an object nor free until the
 * callback has run, at a time when the runtime can have it.
 */
#include <smal/gc/gc.h>

#include <string.h>

/* For tools: nobody may touch the slots that have just died. */
static void forbid_dead(const struct smal_buffer *buffer, const smal_word *old,
                        const smal_word *live)
{
	size_t bytes = smal_buffer_slot_bytes(buffer);

	for (size_t w = 0; w < buffer->stride->words; w++) {
		for (smal_word dead = old[w] & ~live[w]; dead != 0; dead &= dead - 1) {
			size_t bit = (w << SMAL_WORD_LOG2) + smal_word_lowest(dead);
			uintptr_t at = smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);

			smal_os_tool_forbid((void *)smal_buffer_slot(buffer, at + SMAL_GRANULE - 1),
			                    bytes);
		}
	}
}

static void sweep_buffer(struct smal_gc *gc, struct smal_kind *kind, struct smal_buffer *buffer,
                         struct smal_collection *collection)
{
	smal_word *live = smal_buffer_live(buffer);
	smal_word *old = smal_buffer_mask(buffer, gc->live ^ 1);
	uint32_t before = buffer->used_slots, dead;
	size_t bytes = smal_buffer_slot_bytes(buffer);

	if (kind->type->desc.free != NULL) {
		smal_word *pending = smal_buffer_mask(buffer, 2);
		uint64_t count = 0;

		for (size_t w = 0; w < kind->stride.words; w++) {
			smal_word died = old[w] & ~live[w] & ~pending[w];

			pending[w] |= died;
			live[w] |= pending[w];
			count += smal_word_count(died);
		}
		kind->pending_slots += count;
		if (kind->stride.stride_bytes == 0)
			kind->pending_large_bytes += count * bytes;
		gc->frees_pending |= count != 0;
		collection->dead_objects += count;
		collection->dead_bytes += count * bytes;
	}
	if (gc->tool_watches)
		forbid_dead(buffer, old, live);
	memset(old, 0, kind->stride.words * sizeof(smal_word));
	/* Settling may give the buffer back: count by what the words say first. */
	dead = before;
	for (size_t w = 0; w < kind->stride.words; w++)
		dead -= smal_word_count(live[w]);
	kind->freed_slots += dead;
	if (kind->stride.stride_bytes == 0)
		kind->freed_large_bytes += dead * (uint64_t)bytes;
	collection->dead_objects += dead;
	collection->dead_bytes += (uint64_t)dead * bytes;
	smal_stride_settle(buffer, true);
}

static void sweep_list(struct smal_gc *gc, struct smal_kind *kind, struct smal_link *list,
                       struct smal_collection *collection)
{
	SMAL_LIST_EACH_SAFE(link, list)
		sweep_buffer(gc, kind, SMAL_CONTAINER(link, struct smal_buffer, link), collection);
}

void smal_sweep(struct smal_gc *gc, struct smal_collection *collection)
{
	gc->heap_bytes = 0;
	SMAL_EACH_KIND(gc, kind) {
		struct smal_link unswept;

		kind->stride.live = gc->live;
		/* Settling moves buffers between the lists: take them all off first. */
		smal_link_init(&unswept);
		smal_link_splice(&unswept, &kind->stride.room);
		smal_link_splice(&unswept, &kind->stride.filled);
		SMAL_LIST_EACH(link, &unswept)
			SMAL_CONTAINER(link, struct smal_buffer, link)->state = 0;
		sweep_list(gc, kind, &unswept, collection);
		sweep_list(gc, kind, &kind->stride.claimed, collection);
		gc->heap_bytes += kind->stride.heap_bytes;
	}
}

void smal_sweep_empty(struct smal_gc *gc)
{
	SMAL_LIST_EACH_SAFE(link, &gc->thread->active)
		smal_hole_close(gc->thread, SMAL_CONTAINER(link, struct smal_hole, link));
	SMAL_EACH_KIND(gc, kind) {
		gc->heap_bytes -= kind->stride.heap_bytes;
		SMAL_LIST_EACH_SAFE(link, &kind->stride.room) {
			struct smal_buffer *buffer =
				SMAL_CONTAINER(link, struct smal_buffer, link);

			if (buffer->used_slots == 0)
				smal_stride_settle(buffer, true);
		}
		gc->heap_bytes += kind->stride.heap_bytes;
	}
}

/* ---- Free callbacks ---- */

static size_t free_buffer(struct smal_gc *gc, struct smal_kind *kind, struct smal_buffer *buffer)
{
	const struct smal_type_desc *desc = &kind->type->desc;
	smal_word *pending = smal_buffer_mask(buffer, 2);
	size_t limit = (size_t)kind->stride.words << SMAL_WORD_LOG2;
	size_t bytes = smal_buffer_slot_bytes(buffer), count = 0;

	for (size_t bit = smal_bit_next(pending, 0, limit); bit < limit;
	     bit = smal_bit_next(pending, bit + 1, limit)) {
		uintptr_t at = smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);
		uintptr_t slot = smal_buffer_slot(buffer, at + SMAL_GRANULE - 1);

		desc->free((void *)slot, desc->user);
		smal_bit_clear(pending, bit);
		smal_buffer_free_slots(buffer, slot, slot + bytes);
		if (gc->tool_watches)
			smal_os_tool_forbid((void *)slot, bytes);
		kind->pending_slots--;
		kind->freed_slots++;
		if (kind->stride.stride_bytes == 0) {
			kind->pending_large_bytes -= bytes;
			kind->freed_large_bytes += bytes;
		}
		count++;
	}
	return count;
}

size_t smal_sweep_frees(struct smal_gc *gc)
{
	size_t count = 0;

	if (!gc->frees_pending || gc->activity != SMAL_IDLE)
		return 0;
	gc->frees_pending = false;
	gc->activity = SMAL_FREEING;
	SMAL_EACH_KIND(gc, kind) {
		struct smal_buffer *claimed = NULL;
		struct smal_link busy;

		if (kind->pending_slots == 0)
			continue;
		/* A callback may allocate and free, which claims and lists buffers: what
		 * is on the lists now is kept apart, in no state that others know. */
		smal_link_init(&busy);
		smal_link_splice(&busy, &kind->stride.room);
		smal_link_splice(&busy, &kind->stride.filled);
		SMAL_LIST_EACH(link, &busy)
			SMAL_CONTAINER(link, struct smal_buffer, link)->state = 0;
		if (gc->thread != NULL)
			claimed = gc->thread->holes[kind->index].buffer;
		if (claimed != NULL) {
			count += free_buffer(gc, kind, claimed);
			/* It may be full, and listed as such, by what callbacks took. */
			smal_stride_settle(claimed, false);
		}
		while (!smal_link_is_alone(&busy)) {
			struct smal_buffer *buffer =
				SMAL_CONTAINER(busy.next, struct smal_buffer, link);

			count += free_buffer(gc, kind, buffer);
			gc->heap_bytes -= kind->stride.heap_bytes;
			if (!smal_stride_settle(buffer, true) && gc->thread != NULL)
				gc->thread->holes[kind->index].recent_count = 0;
			gc->heap_bytes += kind->stride.heap_bytes;
		}
	}
	gc->activity = SMAL_IDLE;
	return count;
}
