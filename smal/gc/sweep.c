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
#include <smal/gc/mark.h>
#include <smal/gc/world.h>

#include <limits.h>
#include <string.h>

enum {
	/* How long a buffer has room and is nobody's before its free pages go back, and after
	 * which time it is looked at again and again: in halves of the space's decay time,
	 * the first of which has begun already. */
	IDLE_FIRST = 2,
	IDLE_AGAIN = 32,
	/* Buffers that are looked at in a collection: at least, and for how much marking
	 * there is one more. */
	LOOKS_LEAST = 32,
	NS_PER_LOOK = 1 << 15
};

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

/* Makes the dead of a buffer pending; returns their number. */
static uint64_t make_pending(struct smal_gc *gc, struct smal_kind *kind, struct smal_buffer *buffer)
{
	const smal_word *old = smal_buffer_mask(buffer, gc->live ^ 1);
	smal_word *live = smal_buffer_live(buffer), *pending = smal_buffer_mask(buffer, 2);
	uint64_t count = 0;

	for (size_t w = 0; w < kind->stride.words; w++) {
		smal_word died = old[w] & ~live[w] & ~pending[w];

		smal_word_store(&pending[w], pending[w] | died);
		smal_word_store(&live[w], live[w] | pending[w]);
		count += smal_word_count(died);
	}
	kind->pending_slots += count;
	if (kind->stride.stride_bytes == 0)
		kind->pending_large_bytes += count * smal_buffer_bytes(buffer);
	if (count != 0)
		smal_atomic_store(&gc->frees_pending, 1);
	return count;
}

/* The mark bits of live objects become the live mask; counts what has died. */
static void sweep_masks(struct smal_gc *gc, struct smal_kind *kind, struct smal_buffer *buffer,
                        struct smal_collection *collection)
{
	smal_word *live = smal_buffer_live(buffer);
	smal_word *old = smal_buffer_mask(buffer, gc->live ^ 1);
	size_t bytes = smal_buffer_slot_bytes(buffer);
	uint64_t pending = 0;
	uint32_t dead;

	if (kind->type->desc.free != NULL) {
		/* A mark where no object was is none. */
		for (size_t w = 0; w < kind->stride.words; w++)
			smal_word_store(&live[w], live[w] & old[w]);
		pending = make_pending(gc, kind, buffer);
	}
	if (SMAL_UNLIKELY(gc->tool_watches))
		forbid_dead(buffer, old, live);
	dead = smal_buffer_replace(buffer, old);
	kind->counts.freed_slots += dead;
	if (kind->stride.stride_bytes == 0)
		kind->counts.freed_large_bytes += dead * bytes;
	collection->dead_objects += dead + pending;
	collection->dead_bytes += (dead + pending) * bytes;
}

/* A class that had much and needs it no more leaves buffers with a few objects each. Their
 * free pages go back after 2, 4, 8, 16, 32 and then each 32 halves of the decay time: more
 * may have died. */
static void age(struct smal_gc *gc, struct smal_buffer *buffer)
{
	unsigned idle = buffer->marks / SMAL_MARKS_IDLE + 1;

	if (gc->idle_looks == 0 || buffer->state != SMAL_BUFFER_ROOM)
		return;
	if (idle >= IDLE_FIRST && (idle & (idle - 1)) == 0) {
		gc->idle_looks--;
		smal_buffer_discard(buffer);
	}
	if (idle == 2 * IDLE_AGAIN)
		idle = IDLE_AGAIN;
	buffer->marks = (uint8_t)(idle * SMAL_MARKS_IDLE);
}

/* Buffers that are empty stay with their kind as far as it has used as many since the
 * last collection, and behind those that are not: it will need them again, and they
 * are warm. */
static void sweep_buffer(struct smal_gc *gc, struct smal_kind *kind, struct smal_buffer *buffer,
                         struct smal_collection *collection, size_t *spare_bytes)
{
	size_t bytes = kind->stride.buffer_bytes;

	sweep_masks(gc, kind, buffer, collection);
	if (buffer->used_slots != 0) {
		smal_stride_place(buffer);
		age(gc, buffer);
	} else if (bytes != 0 && *spare_bytes >= bytes) {
		*spare_bytes -= bytes;
		gc->empty_bytes += bytes;
		smal_stride_place(buffer);
	} else {
		smal_stride_drop(buffer);
	}
}

/* Has a buffer's masks fetched, and the descriptor of the one after it. */
static void prefetch_buffer(const struct smal_gc *gc, const struct smal_link *link,
                            const struct smal_link *head)
{
	const struct smal_buffer *buffer = SMAL_CONTAINER(link, struct smal_buffer, link);

	if (link == head)
		return;
	__builtin_prefetch(link->next);
	__builtin_prefetch(smal_buffer_mask(buffer, gc->live));
	__builtin_prefetch(smal_buffer_mask(buffer, gc->live ^ 1));
}

static void sweep_kind(struct smal_gc *gc, struct smal_kind *kind,
                       struct smal_collection *collection)
{
	uint64_t claimed = kind->counts.claimed_slots - kind->claimed_before;
	size_t spare_bytes = collection->on_demand ? 0 : claimed * kind->stride.stride_bytes;
	struct smal_link unswept;

	kind->claimed_before = kind->counts.claimed_slots;
	smal_atomic_add_u32(&kind->stride.flips, 1);
	smal_atomic_store_u32(&kind->stride.live, gc->live);
	/* Placing moves buffers between the lists: take them all off first. */
	smal_link_init(&unswept);
	smal_link_splice(&unswept, &kind->stride.room);
	smal_link_splice(&unswept, &kind->stride.filled);
	SMAL_LIST_EACH_SAFE(link, &unswept) {
		prefetch_buffer(gc, link->next, &unswept);
		sweep_buffer(gc, kind, SMAL_CONTAINER(link, struct smal_buffer, link), collection,
		             &spare_bytes);
	}
	SMAL_LIST_EACH(link, &kind->stride.claimed)
		sweep_masks(gc, kind, SMAL_CONTAINER(link, struct smal_buffer, link), collection);
}

/* How many buffers may have their free pages taken, if they are to grow older at all. */
static unsigned looks(struct smal_gc *gc, const struct smal_collection *collection)
{
	uint64_t half_ns = (uint64_t)gc->space->options.decay_ms * (1000000 / 2);

	if (gc->tool_watches || collection->start_ns - gc->aged_ns < half_ns)
		return 0;
	gc->aged_ns = collection->start_ns;
	return LOOKS_LEAST + (unsigned)smal_min(collection->mark_ns / NS_PER_LOOK, INT_MAX);
}

void smal_sweep(struct smal_gc *gc, struct smal_collection *collection)
{
	size_t heap_bytes = 0;

	gc->empty_bytes = 0;
	gc->idle_looks = looks(gc, collection);
	SMAL_EACH_KIND(gc, kind) {
		sweep_kind(gc, kind, collection);
		heap_bytes += kind->stride.heap_bytes;
	}
	smal_atomic_store(&gc->heap_bytes, heap_bytes);
}

void smal_sweep_trim(struct smal_gc *gc)
{
	if (smal_atomic_load(&gc->empty_bytes) == 0)
		return;
	/* An empty large buffer is somebody's who is about to use it. */
	SMAL_EACH_KIND(gc, kind)
		if (kind->stride.stride_bytes != 0)
			smal_pace_heap(gc, 0 - smal_stride_trim(&kind->stride));
	smal_atomic_store(&gc->empty_bytes, 0);
}

void smal_sweep_empty(struct smal_gc *gc)
{
	size_t heap_bytes = 0;

	SMAL_EACH_THREAD(gc, thread) {
		if (thread == smal_attached_self(gc))
			smal_holes_close(thread);
		else
			smal_holes_close_used(thread);
	}
	SMAL_EACH_KIND(gc, kind) {
		SMAL_LIST_EACH_SAFE(link, &kind->stride.room) {
			struct smal_buffer *buffer =
				SMAL_CONTAINER(link, struct smal_buffer, link);

			if (buffer->used_slots == 0)
				smal_stride_settle(buffer, true);
			else if (!gc->tool_watches)
				smal_buffer_discard(buffer);
		}
		heap_bytes += kind->stride.heap_bytes;
	}
	smal_atomic_store(&gc->heap_bytes, heap_bytes);
}

/* ---- Free callbacks ---- */

/* The callback is the program's: it runs outside, and the slot is pending until it
 * has returned, whatever happens meanwhile. */
static void free_slot(struct smal_gc *gc, struct smal_attached *thread, struct smal_buffer *buffer,
                      uintptr_t slot)
{
	struct smal_kind *kind = smal_buffer_kind(buffer);
	const struct smal_type_desc *desc = &kind->type->desc;
	size_t bytes = smal_buffer_slot_bytes(buffer), at = smal_buffer_bit(buffer, slot);
	bool large = kind->stride.stride_bytes == 0;

	desc->free((void *)slot, desc->user);
	if (thread != NULL)
		smal_gc_begin(thread);
	smal_word_clear(&smal_buffer_mask(buffer, 2)[at >> SMAL_WORD_LOG2],
	                (smal_word)1 << (at & (SMAL_WORD_BITS - 1)));
	if (gc->tool_watches)
		smal_os_tool_forbid((void *)slot, bytes);
	smal_os_lock_take(&kind->stride.lock);
	kind->pending_slots--;
	kind->counts.freed_slots++;
	kind->pending_large_bytes -= large ? bytes : 0;
	kind->counts.freed_large_bytes += large ? bytes : 0;
	smal_os_lock_give(&kind->stride.lock);
	if (smal_stride_release(buffer, slot, NULL, true) == SMAL_RELEASED_BUFFER)
		smal_pace_heap(gc, 0 - smal_max(bytes, kind->stride.buffer_bytes));
	if (thread != NULL)
		smal_gc_end(thread);
}

/* The address of the first pending slot of a buffer at or after one, or 0. */
static uintptr_t next_pending(const struct smal_buffer *buffer, uintptr_t from)
{
	const smal_word *pending = smal_buffer_mask(buffer, 2);
	size_t limit = (size_t)buffer->stride->words << SMAL_WORD_LOG2;
	size_t bit = smal_bit_next(pending, smal_buffer_bit(buffer, from), limit);

	return bit < limit ? smal_buffer_slot(buffer, smal_buffer_base(buffer) +
	                                                      (bit << SMAL_GRANULE_LOG2) +
	                                                      SMAL_GRANULE - 1)
	                   : 0;
}

/* The next buffer that has pending slots, and the first of them. Others may give
 * buffers back meanwhile, but none with pending slots. */
static struct smal_buffer *next_buffer(struct smal_gc *gc, struct smal_attached *thread,
                                       uintptr_t after, uintptr_t *slot)
{
	struct smal_buffer *buffer = NULL;

	*slot = 0;
	if (thread != NULL)
		smal_gc_begin(thread);
	while (*slot == 0 &&
	       (buffer = smal_stride_next_buffer(gc->space, gc->owner, after)) != NULL) {
		const struct smal_stride *stride =
			smal_atomic_load_pointer((volatile AO_t *)&buffer->stride);

		after = smal_buffer_base(buffer);
		if (stride != NULL &&
		    SMAL_CONTAINER(stride, struct smal_kind, stride)->type->desc.free != NULL)
			*slot = next_pending(buffer, after);
	}
	if (thread != NULL)
		smal_gc_end(thread);
	return buffer;
}

static size_t free_all(struct smal_gc *gc, struct smal_attached *thread)
{
	struct smal_buffer *buffer;
	uintptr_t after = 0, slot, next;
	size_t count = 0;

	while ((buffer = next_buffer(gc, thread, after, &slot)) != NULL) {
		size_t stride_bytes = buffer->stride->stride_bytes;

		after = smal_buffer_base(buffer);
		for (; slot != 0; slot = next) {
			next = stride_bytes != 0 ? next_pending(buffer, slot + stride_bytes) : 0;
			free_slot(gc, thread, buffer, slot);
			count++;
		}
	}
	return count;
}

size_t smal_sweep_frees(struct smal_gc *gc, struct smal_attached *thread)
{
	size_t count = 0;

	if (thread != NULL && thread->activity != SMAL_IDLE)
		return 0;
	while (smal_atomic_load(&gc->frees_pending) != 0 &&
	       smal_atomic_cas_u32(&gc->freeing, 0, 1)) {
		smal_atomic_store(&gc->frees_pending, 0);
		if (thread != NULL)
			thread->activity = SMAL_FREEING;
		count += free_all(gc, thread);
		if (thread != NULL)
			thread->activity = SMAL_IDLE;
		smal_atomic_store_u32(&gc->freeing, 0);
	}
	/* What the callbacks freed outside was still counted for the target. */
	if (count != 0)
		smal_pace_refresh(gc);
	return count;
}
