/* SPDX-License-Identifier: MIT */
/*
 * candidate.c: candidates that take the long way (candidate.h), those that a mark
 * callback hands over, and a queue that is full.
 *
 * What takes the long way is tested for its live bit at once, so that all that is marked
 * here is an object. Where in the view it lies, the view's tables say; else the table of
 * segments and the buffer are asked.
 */
#include <smal/gc/candidate.h>
#include <smal/gc/team.h>

#include <string.h>

/* ---- The queue ---- */

/* Leaves an object that is marked to be found by its buffer. */
static void flag(struct smal_marker *marker, uintptr_t object)
{
	struct smal_buffer *buffer = smal_buffer_find(object);

	if (marker->together) {
		smal_team_lock(marker->team);
		marker->team->overflowed = true;
		buffer->marks |= SMAL_MARKS_OVERFLOWED;
		smal_team_unlock(marker->team);
	} else {
		marker->overflowed = true;
		buffer->marks |= SMAL_MARKS_OVERFLOWED;
	}
}

/* To the larger one, or down, where half of it has been given away. */
SMAL_NOINLINE void smal_marker_spill(struct smal_marker *marker)
{
	size_t words = (size_t)(marker->top - marker->bottom);

	if (marker->spare != NULL) {
		smal_marker_place(marker, marker->spare,
		                  (size_t)(marker->spare_limit - marker->spare));
		marker->spare = NULL;
	} else if (words > (size_t)(marker->limit - marker->base) / 2) {
		while (marker->top > marker->limit)
			flag(marker, *--marker->top);
		return;
	}
	memmove(marker->base, marker->bottom, words * sizeof *marker->top);
	marker->bottom = marker->base;
	marker->top = marker->bottom + words;
}

void smal_marker_relieve(struct smal_marker *marker)
{
	if (marker->spare == NULL && marker->marked == NULL && marker->relief != marker->limit)
		smal_mark_within(marker);
	smal_marker_keep_slack(marker);
}

/* ---- The long way ---- */

/* The object that begins in an address's granule, or 0; for those whose kind says so, the
 * one that it points to or into. */
static uintptr_t resolve_beginning(const struct smal_marker *marker, uintptr_t address,
                                   struct smal_buffer **buffer, const struct smal_scan **scan)
{
	uintptr_t granule = address & ~(uintptr_t)(SMAL_GRANULE - 1);
	uintptr_t slot = smal_marker_resolve(marker, granule + SMAL_GRANULE - 1, buffer, scan);

	if (*buffer == NULL)
		return 0;
	if (((*scan)->flags & SMAL_SCAN_INTERIOR) != 0)
		return smal_buffer_find_slot(*buffer, address);
	return slot >= granule ? slot : 0;
}

enum smal_fate smal_mark_fate_of_value(const struct smal_marker *marker, uintptr_t word)
{
	uintptr_t address = word & marker->view.keep, slot;
	enum smal_fate fate = smal_mark_fate(marker, word);
	const struct smal_scan *scan;
	struct smal_buffer *buffer;

	/* Nearly all values are their objects' addresses, or no addresses at all. */
	if (fate != SMAL_FATE_NONE || address - marker->view.lowest >= marker->view.span)
		return fate;
	slot = resolve_beginning(marker, address, &buffer, &scan);
	return slot != 0 ? smal_mark_fate(marker, slot) : SMAL_FATE_NONE;
}

/* Sets the mark of a slot; false: it was set. Outside of the view a team has one mask. */
static bool set_mark(const struct smal_marker *marker, const struct smal_buffer *buffer,
                     uintptr_t slot, size_t at)
{
	const struct smal_view *view = &marker->view;
	smal_word *mask, bit;

	if (slot - view->base < view->bytes)
		return smal_mark_set(view, (slot - view->base) >> SMAL_GRANULE_LOG2,
		                     marker->together);
	mask = &smal_buffer_mask(buffer, marker->live_index ^ 1)[at >> SMAL_WORD_LOG2];
	bit = (smal_word)1 << at % SMAL_WORD_BITS;
	if (marker->together)
		return (smal_word_or(mask, bit) & bit) == 0;
	if ((*mask & bit) != 0)
		return false;
	smal_word_store(mask, *mask | bit);
	return true;
}

/* Returns an object that has just been marked and is to be scanned, or 0. */
static SMAL_NOINLINE uintptr_t mark_slow(struct smal_marker *marker, uintptr_t address,
                                         enum smal_source source)
{
	const struct smal_scan *scan, *next_scan;
	struct smal_buffer *buffer, *next;
	uintptr_t slot;
	size_t at;

	if (marker->visit != NULL) {
		marker->visit(marker, address, source);
		return 0;
	}
	if (source == SMAL_FROM_OBJECT || source == SMAL_FROM_OWNER)
		slot = resolve_beginning(marker, address, &buffer, &scan);
	else
		slot = smal_marker_resolve(marker,
		                           source == SMAL_FROM_ROOT_END ? address - 1 : address,
		                           &buffer, &scan);
	if (slot == 0)
		return 0;
	/* What ends where an object begins is left alone if it is small: else each
	 * pointer on the stack would keep the object before its own. */
	if (source == SMAL_FROM_ROOT_END &&
	    (slot + smal_buffer_slot_bytes(buffer) != address ||
	     (scan->flags & SMAL_SCAN_NO_END) != 0 ||
	     ((scan->flags & SMAL_SCAN_COMPACT) != 0 &&
	      smal_marker_resolve(marker, address, &next, &next_scan) == address)))
		return 0;
	at = smal_buffer_bit(buffer, slot);
	if (((scan->flags & SMAL_SCAN_FREES) != 0 &&
	     smal_bit_get(smal_buffer_mask(buffer, 2), at)) ||
	    !set_mark(marker, buffer, slot, at))
		return 0;
	if (marker->marked != NULL)
		marker->marked(marker, slot);
	return scan->how != SMAL_HOW_LEAF ? slot : 0;
}

void smal_mark_candidate(struct smal_marker *marker, uintptr_t address, enum smal_source source)
{
	uintptr_t object = mark_slow(marker, address, source);

	if (object == 0)
		return;
	*marker->top++ = object;
	smal_marker_keep_room(marker);
}

/* An address in the view, in a buffer of the collector's: all by the segment's tables, for
 * the buffer's descriptor would be one more miss. Returns what mark_slow does. */
static uintptr_t mark_in_view(const struct smal_marker *marker, uintptr_t address)
{
	const struct smal_view *view = &marker->view;
	uintptr_t offset = address - view->base, granule = offset & ~(uintptr_t)(SMAL_GRANULE - 1);
	size_t id = offset >> SMAL_ID_LOG2, at;
	const struct smal_scan *scan = &view->scans[view->owners[id] % SMAL_KINDS];
	uintptr_t slot = (uintptr_t)(id - *smal_segment_back(view->segment, id)) << SMAL_ID_LOG2;

	if ((scan->flags & SMAL_SCAN_INTERIOR) == 0)
		offset = granule + SMAL_GRANULE - 1;
	slot += (uintptr_t)((offset - slot) * scan->reciprocal >> 44) * scan->slot_bytes;
	if ((scan->flags & SMAL_SCAN_INTERIOR) == 0 && slot < granule)
		return 0;
	at = slot >> SMAL_GRANULE_LOG2;
	/* Where an object is pending it is live, too. */
	if (!smal_bit_get(view->live, at) ||
	    ((scan->flags & SMAL_SCAN_FREES) != 0 &&
	     smal_bit_get((void *)view->segment->side[SMAL_SIDE_MASK + 2].base, at)) ||
	    !smal_mark_set(view, at, marker->together))
		return 0;
	return scan->how != SMAL_HOW_LEAF ? view->base + slot : 0;
}

SMAL_NOINLINE uintptr_t *smal_mark_special(struct smal_marker *marker, uintptr_t address,
                                           uintptr_t *top)
{
	const struct smal_view *view = &marker->view;
	uintptr_t offset = address - view->base, object;

	/* A large object's end is in its buffer's descriptor. */
	if (offset < view->bytes &&
	    view->scans[view->owners[offset >> SMAL_ID_LOG2] % SMAL_KINDS].slot_bytes != 0) {
		object = mark_in_view(marker, address);
	} else {
		/* A watcher may queue more. */
		marker->top = top;
		object = mark_slow(marker, address, SMAL_FROM_OBJECT);
		top = marker->top;
	}
	/* A visitor has no queue. */
	if (object != 0)
		*top++ = object;
	return top;
}

/* ---- The public half ---- */

static SMAL_ALWAYS_INLINE void mark_pointer(struct smal_marker *marker, const void *pointer,
                                            bool together)
{
	marker->top =
		smal_mark_word(marker, &marker->view, (uintptr_t)pointer, together, marker->top);
	smal_marker_keep_room(marker);
}

void smal_mark(struct smal_marker *marker, const void *pointer)
{
	if (SMAL_UNLIKELY(marker->together))
		mark_pointer(marker, pointer, true);
	else
		mark_pointer(marker, pointer, false);
}

void smal_mark_only(struct smal_marker *marker, const void *pointer)
{
	mark_slow(marker, (uintptr_t)pointer & marker->view.keep, SMAL_FROM_OWNER);
}

void smal_mark_array(struct smal_marker *marker, void *const *pointers, size_t count)
{
	if (SMAL_UNLIKELY(marker->together))
		for (size_t i = 0; i < count; i++)
			mark_pointer(marker, pointers[i], true);
	else
		for (size_t i = 0; i < count; i++)
			mark_pointer(marker, pointers[i], false);
}
