/* SPDX-License-Identifier: MIT */
/*
 * verify.c: the collector looks at itself: its invariants, G1 to G7 of gc.h and
 * those of its weak things. The world is stopped.
 */
#include <smal/gc/weak.h>
#include <smal/gc/attach.h>

static const char *check_buffer(const struct smal_gc *gc, const struct smal_kind *kind,
                                const struct smal_buffer *buffer, uint64_t *live_slots)
{
	const smal_word *live = smal_buffer_mask(buffer, gc->live);
	const smal_word *mark = smal_buffer_mask(buffer, gc->live ^ 1);
	const smal_word *pending = kind->stride.masks > 2 ? smal_buffer_mask(buffer, 2) : NULL;

	for (size_t w = 0; w < kind->stride.words; w++) {
		if (mark[w] != 0)
			return "gc G2: a mark bit is set between collections";
		if (pending != NULL && (pending[w] & ~live[w]) != 0)
			return "gc G3: a pending bit is set where no live bit is";
		*live_slots += smal_word_count(live[w]);
	}
	return NULL;
}

/* True if [base, limit) is slots of a buffer of the kind, all live or all free. */
static bool slots_are(const struct smal_kind *kind, uintptr_t base, uintptr_t limit, bool are_live)
{
	const struct smal_buffer *buffer = smal_buffer_find(base);
	size_t bytes = kind->stride.stride_bytes;

	if (buffer == NULL || buffer->stride != &kind->stride ||
	    limit - smal_buffer_base(buffer) > kind->stride.slots * bytes)
		return false;
	for (uintptr_t slot = base; slot < limit; slot += bytes)
		if (smal_buffer_slot(buffer, slot) != slot || slot + bytes > limit ||
		    smal_bit_get(smal_buffer_live(buffer), smal_buffer_bit(buffer, slot)) != are_live)
			return false;
	return true;
}

static const char *check_hole(const struct smal_attached *thread, const struct smal_hole *hole)
{
	const struct smal_parcel *parcel = &thread->parcels[hole->kind->index];

	if (parcel->limit != 0 && parcel->limit != hole->window_limit)
		return "gc G1: a parcel does not end where its window does";
	if (parcel->cursor > hole->window_limit ||
	    (parcel->cursor < hole->window_limit &&
	     !slots_are(hole->kind, parcel->cursor, hole->window_limit, true)))
		return "gc G1: what is ahead of a cursor is not live slots";
	if (hole->next > hole->limit)
		return "gc G5: a hole ends before it begins";
	if (hole->buffer != NULL && (hole->buffer->state != SMAL_BUFFER_CLAIMED ||
	                             hole->buffer->claimer != (uintptr_t)hole ||
	                             hole->buffer->stride != &hole->kind->stride))
		return "gc G5: a hole's buffer is not claimed";
	if (hole->next < hole->limit &&
	    (hole->buffer == NULL || smal_buffer_find(hole->next) != hole->buffer))
		return "gc G5: a hole outside of its buffer";
	if (hole->next < hole->limit && !slots_are(hole->kind, hole->next, hole->limit, false))
		return "gc G5: a slot inside a hole is not free";
	if (hole->recent_count > SMAL_RECENT_SLOTS)
		return "gc G5: more slots were freed last than are kept";
	return NULL;
}

/* Active holes, and the parcels of those that are not. */
static const char *check_thread(const struct smal_gc *gc, const struct smal_attached *thread)
{
	const char *why = NULL;
	unsigned active = 0;

	SMAL_LIST_EACH(link, &thread->active) {
		const struct smal_hole *hole = SMAL_CONTAINER(link, struct smal_hole, link);

		active++;
		if (hole->kind == NULL || hole != &thread->holes[hole->kind->index])
			return "gc G5: a hole is not its kind's";
		why = check_hole(thread, hole);
		if (why != NULL)
			return why;
	}
	for (unsigned i = 0; i < gc->kinds_top; i++) {
		const struct smal_parcel *parcel = &thread->parcels[i];

		if (thread->holes[i].kind != NULL)
			active--;
		else if (parcel->limit != 0 || parcel->cursor != (i == 0))
			return "gc G1: a parcel without a hole";
	}
	return active == 0 ? NULL : "gc G5: a hole is not among the active ones";
}

/* What the kind and all holes of it have counted. */
static struct smal_counts sum_counts(const struct smal_gc *gc, const struct smal_kind *kind)
{
	struct smal_counts sum = kind->counts;

	SMAL_EACH_THREAD(gc, thread) {
		const struct smal_counts *counts = &thread->holes[kind->index].counts;

		sum.claimed_slots += counts->claimed_slots;
		sum.freed_slots += counts->freed_slots;
		sum.claimed_large_bytes += counts->claimed_large_bytes;
		sum.freed_large_bytes += counts->freed_large_bytes;
	}
	return sum;
}

static const char *check_kind(const struct smal_gc *gc, struct smal_kind *kind)
{
	struct smal_counts sum = sum_counts(gc, kind);
	uint64_t live = 0, pending = 0;

	SMAL_EACH_BUFFER(kind, buffer) {
		const char *why = check_buffer(gc, kind, buffer, &live);

		if (why != NULL)
			return why;
		for (size_t w = 0; w < kind->stride.words && kind->stride.masks > 2; w++)
			pending += smal_word_count(smal_buffer_mask(buffer, 2)[w]);
	}
	if (live != sum.claimed_slots - sum.freed_slots)
		return "gc G4: live bits are not what was allocated and not freed";
	if (pending != kind->pending_slots)
		return "gc G4: pending bits are not what was counted";
	if (kind->stride.stride_bytes == 0 &&
	    kind->stride.heap_bytes != sum.claimed_large_bytes - sum.freed_large_bytes)
		return "gc G4: large objects have other bytes than were counted";
	return NULL;
}

static const char *check_number(const struct smal_gc *gc, const struct smal_kind *kind,
                                unsigned index)
{
	const struct smal_owned_type *type = kind->type;

	if (kind->index != index || kind->stride.class % SMAL_KINDS != index ||
	    kind->stride.owner != gc->owner ||
	    gc->scans[index].slot_bytes != kind->stride.stride_bytes)
		return "gc G7: a kind has another number";
	if (type->magic != SMAL_MAGIC_TYPE || type->gc != gc ||
	    index - type->first_kind >= type->kind_count)
		return "gc G7: a kind is not its type's";
	if (kind->stride.live != gc->live)
		return "gc G1: a kind takes the other mask for the live one";
	return NULL;
}

static const char *check_sums(const struct smal_gc *gc)
{
	uint64_t heap_bytes = 0, pending = 0;

	SMAL_EACH_KIND(gc, kind) {
		heap_bytes += kind->stride.heap_bytes;
		pending += kind->pending_slots;
	}
	if (heap_bytes != gc->heap_bytes)
		return "gc G6: heap_bytes is not the sum of the kinds'";
	if (gc->heap_peak_bytes < heap_bytes)
		return "gc G6: the peak is below what the heap has";
	if (gc->freeing == 0 && (gc->frees_pending != 0) != (pending != 0))
		return "gc G6: whether callbacks are pending is not known";
	return NULL;
}

/* G8: a queue's chain has as many notices as it counts, all of them its own, and
 * ends at its last. */
static const char *check_queue(const struct smal_queue *queue)
{
	const struct smal_finalizer *at = queue->first, *last = NULL;
	size_t count = 0;

	for (; at != NULL && count <= queue->count; at = at->next, count++) {
		if (at->queue != queue || (at->bits & SMAL_FINALIZER_QUEUED) == 0)
			return "gc G8: a notice waits on another queue";
		last = at;
	}
	return count == queue->count && last == queue->last ? NULL
	                                                    : "gc G8: a queue's count is wrong";
}

/* G9: what a fiber's thread is, and what it is to its thread. */
static const char *check_threads(const struct smal_gc *gc)
{
	const char *why = NULL;

	SMAL_EACH_THREAD(gc, thread) {
		if (why == NULL)
			why = check_thread(gc, thread);
		if (thread->magic != SMAL_MAGIC_THREAD || thread->gc != gc)
			return "gc G9: a thread is not the collector's";
		if (thread->current->thread != (uintptr_t)thread)
			return "gc G9: a thread runs on a stack that is not its own now";
	}
	return why;
}

const char *smal_verify(struct smal_gc *gc)
{
	const char *why = gc->magic == SMAL_MAGIC_GC ? NULL : "gc: bad magic";

	if (why == NULL)
		why = smal_space_check(gc->space);
	if (why == NULL)
		why = smal_space_check(gc->books);
	SMAL_EACH_KIND(gc, kind) {
		if (why == NULL)
			why = check_number(gc, kind, kind_index);
		if (why == NULL)
			why = smal_stride_check(&kind->stride);
	}
	if (why == NULL)
		why = check_threads(gc);
	SMAL_LIST_EACH(link, &gc->queues)
		if (why == NULL)
			why = check_queue(SMAL_CONTAINER(link, struct smal_queue, link));
	SMAL_EACH_KIND(gc, kind)
		if (why == NULL)
			why = check_kind(gc, kind);
	return why != NULL ? why : check_sums(gc);
}
