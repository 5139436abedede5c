/* SPDX-License-Identifier: MIT */
/*
 * mark.c: marking.
 *
 *                 test and set
 *   candidate ------------------> queue (last in, first out)
 *       ^        the mark bit       |  prefetch
 *       |                           v
 *     scan  <--------------------  ring (first in, first out, 32 objects)
 *             is it live?
 *
 * A candidate word is tested where it is found: segment by a subtraction, marked by
 * the mark bit, kind by one load (owner word); so a rejected word touches no object
 * and a marked object is queued once. Between queue and scan an object waits
 * in the ring while its first line, and its live bit, are fetched; the bit is looked
 * at last, before the object is. Where it is clear the word led to no object: a
 * free slot, or the middle of one. The mark bit that was set for it counts for
 * nothing, and is gone when the masks change places (sweep.c).
 *
 * A list of pairs needs no queue, however long it is: what a pair's second word leads
 * to is scanned next, as long as there is nothing else.
 *
 * Long objects are scanned in pieces: the rest is queued below the piece's
 * children. When the queue is full, an object stays marked and its buffer is
 * flagged; flagged buffers are scanned again afterwards, all their marked
 * objects, until no flag is left. So marking needs no memory beyond what was
 * there when it began.
 *
 * The window before the queue is after Cher, Hosking and Vitek (2004). What a
 * marker begins with is marker.c.
 */
#include <smal/gc/candidate.h>
#include <smal/gc/team.h>
#include <smal/base/option.h>

enum {
	/* Objects that a marker scans before it asks for help, and between two looks
	 * whether somebody needs some. */
	ALONE = 16384,
	ALONE_EAGER = 16,
	LOOK = 32,
	/* Objects with a callback that are put aside while one is at work. */
	ASIDE = 64
};

/* While a queue is relieved, the ring may be in use. */
struct within {
	uintptr_t ring[SMAL_RING], aside[ASIDE];
	unsigned count;
};

/* ---- Scanning ---- */

/* The class of an object: its kind's number, and SMAL_CLASS_ODD. */
static SMAL_ALWAYS_INLINE uint32_t class_of(const struct smal_view *view, uintptr_t object)
{
	uintptr_t offset = object - view->base;

	if (SMAL_LIKELY(offset < view->bytes))
		return view->owners[offset >> SMAL_ID_LOG2];
	return smal_buffer_find(object)->stride->class;
}

/* Scans an object as its kind says. */
static SMAL_ALWAYS_INLINE uintptr_t *scan_object(struct smal_marker *marker,
                                                 const struct smal_view *view, uintptr_t object,
                                                 bool together, uintptr_t *top)
{
	const uint32_t class = class_of(view, object);
	const struct smal_scan *scan = &view->scans[class % SMAL_KINDS];
	const uintptr_t *words;
	uintptr_t bits;

	if (SMAL_UNLIKELY((class & SMAL_CLASS_ODD) != 0))
		object = smal_odd_slot(scan, object);
	words = (const uintptr_t *)object;
	if (SMAL_LIKELY(scan->how == SMAL_HOW_RUN))
		return smal_mark_row(marker, view, words, words + scan->words, together, top);
	if (scan->how == SMAL_HOW_BITS) {
		for (bits = scan->as.bits; bits != 0; bits &= bits - 1)
			top = smal_mark_word(marker, view, words[smal_word_lowest(bits)], together, top);
		return top;
	}
	marker->top = top;
	if (scan->how != SMAL_HOW_CALLBACK) {
		smal_scan_words(marker, scan, object, 0);
		return marker->top;
	}
	bits = (uintptr_t)scan->as.mark(marker, (void *)object);
	return smal_mark_word(marker, view, bits, together, marker->top);
}

/* An object of the view whose bit is set; those of other segments were found live. */
static SMAL_ALWAYS_INLINE bool is_live(const struct smal_view *view, uintptr_t object)
{
	uintptr_t offset = object - view->base;
	size_t granule = offset >> SMAL_GRANULE_LOG2;

	return SMAL_UNLIKELY(offset >= view->bytes) ||
	       (view->live[granule >> SMAL_WORD_LOG2] >> (granule & (SMAL_WORD_BITS - 1)) & 1) != 0;
}

static SMAL_ALWAYS_INLINE void prefetch(const struct smal_view *view, uintptr_t object)
{
	uintptr_t offset = object - view->base;

	/* Somewhere else, the second one does nothing. */
	__builtin_prefetch((const void *)object);
	__builtin_prefetch(&view->live[offset >> (SMAL_GRANULE_LOG2 + SMAL_WORD_LOG2)]);
}

/* Scans a pair with which nothing else is queued, and then the one that its second word
 * leads to, as long as that is all there is: a list needs no queue, and waiting in the
 * ring would gain nothing. Returns the queue's top. */
static SMAL_ALWAYS_INLINE uintptr_t *chase_pairs(struct smal_marker *marker, uintptr_t object,
                                                 uint32_t class, bool together, uintptr_t *top)
{
	const struct smal_view copy = marker->view, *view = &copy;
	const uintptr_t *bottom = top;
	uintptr_t word, offset;
	uint32_t next;
	size_t granule;
	smal_word live;

	do {
		word = ((const uintptr_t *)object)[1];
		top = smal_mark_word(marker, view, *(const uintptr_t *)object, together, top);
		object = word & view->keep_granule;
		offset = object - view->base;
		if (SMAL_UNLIKELY(offset >= view->bytes))
			return smal_mark_other(marker, view, word, top);
		next = view->owners[offset >> SMAL_ID_LOG2] ^ view->owner;
		if (SMAL_UNLIKELY(next != class || top != bottom))
			return smal_mark_word(marker, view, word, together, top);
		/* First the one, then the other: both masks' words have the same place in
		 * their pages, and a load behind a store to such waits for it. */
		granule = offset >> SMAL_GRANULE_LOG2;
		live = view->live[granule >> SMAL_WORD_LOG2];
		if (!smal_mark_set(view, granule, together))
			return top;
	} while ((live >> granule % SMAL_WORD_BITS & 1) != 0);
	return top;
}

/* Scans an object with which nothing else is queued. */
static SMAL_ALWAYS_INLINE uintptr_t *chase_as(struct smal_marker *marker, uintptr_t object,
                                              bool together)
{
	const struct smal_view *view = &marker->view;
	uint32_t class = class_of(view, object) & (SMAL_CLASS_LEAF - 1);
	const struct smal_scan *scan = &view->scans[class % SMAL_KINDS];

	if (!is_live(view, object))
		return marker->top;
	if (scan->how == SMAL_HOW_RUN && scan->words == 2 && (class & SMAL_CLASS_ODD) == 0)
		return chase_pairs(marker, object, class, together, marker->top);
	return scan_object(marker, view, object, together, marker->top);
}

static SMAL_NOINLINE void chase(struct smal_marker *marker, uintptr_t object, bool together)
{
	marker->top = together ? chase_as(marker, object, true) : chase_as(marker, object, false);
	smal_marker_keep_slack(marker);
}

/* True if a marker is to stop: alone, as there is enough to do for two; one of a
 * team, as there is not. */
static bool wants_change(struct smal_marker *marker, bool together)
{
	size_t words = (size_t)(marker->top - marker->bottom);

	return together ? !smal_team_look(marker, words) : smal_team_can_help(marker, words);
}

/* Puts what waits in a ring back into the queue. */
static void put_back(struct smal_marker *marker, const uintptr_t *ring, unsigned next,
                     unsigned waiting)
{
	for (; waiting != 0; waiting--)
		*marker->top++ = ring[(next - waiting) % SMAL_RING];
	smal_marker_keep_slack(marker);
}

static SMAL_ALWAYS_INLINE bool calls_back(const struct smal_view *view, uintptr_t object)
{
	return view->scans[class_of(view, object) % SMAL_KINDS].how == SMAL_HOW_CALLBACK;
}

/* Scans until nothing is queued, or it is time for a change. `waiting` objects are
 * in the ring, the last before `next`. Within a scan: nothing changes, and what would call
 * back is put aside, as far as there is room. */
static SMAL_ALWAYS_INLINE bool drain_as(struct smal_marker *marker, unsigned left, bool together,
                                        struct within *within)
{
	const struct smal_view view = marker->view;
	uintptr_t *ring = within != NULL ? within->ring : marker->ring;
	unsigned next = 0, waiting = 0;
	uintptr_t *top = marker->top;

	for (;;) {
		uintptr_t object, before;

		if (SMAL_LIKELY(top != marker->bottom)) {
			object = *--top;
			if (SMAL_UNLIKELY((object & SMAL_PIECE) != 0)) {
				size_t from = *--top;

				object &= ~(uintptr_t)SMAL_PIECE;
				marker->top = top;
				smal_scan_words(marker,
				                &view.scans[class_of(&view, object) % SMAL_KINDS],
				                object, from);
				smal_marker_keep_slack(marker);
				top = marker->top;
				continue;
			}
			if (SMAL_UNLIKELY(within == NULL && top == marker->bottom && waiting == 0)) {
				marker->top = top;
				chase(marker, object, together);
				top = marker->top;
				continue;
			}
			prefetch(&view, object);
			before = ring[next % SMAL_RING];
			ring[next++ % SMAL_RING] = object;
			if (SMAL_UNLIKELY(waiting < SMAL_RING)) {
				waiting++;
				continue;
			}
			object = before;
		} else if (waiting == 0) {
			break;
		} else {
			object = ring[(next - waiting--) % SMAL_RING];
		}
		if (within != NULL && calls_back(&view, object)) {
			within->aside[within->count++] = object;
			if (within->count == ASIDE) {
				marker->top = top;
				put_back(marker, ring, next, waiting);
				return false;
			}
			continue;
		}
		if (is_live(&view, object))
			top = scan_object(marker, &view, object, together, top);
		if (SMAL_UNLIKELY(top > marker->limit || --left == 0)) {
			marker->top = top;
			smal_marker_keep_slack(marker);
			if (left == 0) {
				left = LOOK;
				if (within == NULL && marker->team != NULL &&
				    wants_change(marker, together)) {
					put_back(marker, ring, next, waiting);
					return false;
				}
			}
			top = marker->top;
		}
	}
	marker->top = top;
	return true;
}

SMAL_NOINLINE void smal_mark_within(struct smal_marker *marker)
{
	struct within within;
	bool done;

	within.count = 0;
	if (marker->together)
		done = drain_as(marker, LOOK, true, &within);
	else
		done = drain_as(marker, LOOK, false, &within);
	for (unsigned i = 0; i < within.count; i++)
		*marker->top++ = within.aside[i];
	smal_marker_keep_slack(marker);
	/* Too much of what is queued calls back: no relief until all of it is scanned. */
	if (!done)
		marker->relief = marker->limit;
}

void smal_mark_together(struct smal_marker *marker)
{
	marker->together = true;
	drain_as(marker, LOOK, true, NULL);
	marker->together = false;
}

static void drain(struct smal_marker *marker)
{
	unsigned alone = smal_options()->team != 0 ? ALONE_EAGER : ALONE;

	marker->scanning = true;
	while (marker->top != marker->bottom && !drain_as(marker, alone, false, NULL))
		smal_team_mark(marker);
	marker->scanning = false;
	smal_marker_place(marker, marker->base, (size_t)(marker->limit - marker->base));
}

/* Scans the marked objects of a buffer again. */
static void rescan(struct smal_marker *marker, const struct smal_buffer *buffer)
{
	const smal_word *mark = smal_buffer_mask(buffer, marker->live_index ^ 1);
	const smal_word *live = smal_buffer_mask(buffer, marker->live_index);
	size_t limit = (size_t)buffer->stride->words << SMAL_WORD_LOG2;

	for (size_t bit = smal_bit_next(mark, 0, limit); bit < limit;
	     bit = smal_bit_next(mark, bit + 1, limit)) {
		uintptr_t address = smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);

		if (!smal_bit_get(live, bit))
			continue;
		*marker->top++ = smal_buffer_slot(buffer, address + SMAL_GRANULE - 1);
		drain(marker);
	}
}

bool smal_mark_drain(struct smal_marker *marker)
{
	bool overflowed = false;

	drain(marker);
	while (marker->overflowed) {
		overflowed = true;
		marker->overflowed = false;
		SMAL_EACH_KIND(marker->gc, kind) {
			SMAL_EACH_BUFFER(kind, buffer) {
				if ((buffer->marks & SMAL_MARKS_OVERFLOWED) == 0)
					continue;
				buffer->marks &= (uint8_t)~SMAL_MARKS_OVERFLOWED;
				rescan(marker, buffer);
			}
		}
	}
	return overflowed;
}

/* ---- For weak things ---- */

void smal_mark_children(struct smal_marker *marker, uintptr_t object)
{
	uint32_t class = class_of(&marker->view, object);

	if (marker->view.scans[class % SMAL_KINDS].how == SMAL_HOW_LEAF)
		return;
	marker->scanning = true;
	marker->top = scan_object(marker, &marker->view, object, false, marker->top);
	marker->scanning = false;
	smal_marker_keep_slack(marker);
}

static void mark_buffer(struct smal_marker *marker, struct smal_buffer *buffer)
{
	const smal_word *live = smal_buffer_mask(buffer, marker->live_index);
	size_t limit = (size_t)buffer->stride->words << SMAL_WORD_LOG2;

	for (size_t bit = smal_bit_next(live, 0, limit); bit < limit;
	     bit = smal_bit_next(live, bit + 1, limit)) {
		uintptr_t address = smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);

		marker->top = smal_mark_word(marker, &marker->view,
		                        smal_buffer_slot(buffer, address + SMAL_GRANULE - 1), false,
		                        marker->top);
		drain(marker);
	}
}

void smal_mark_kind(struct smal_marker *marker, struct smal_kind *kind)
{
	SMAL_EACH_BUFFER(kind, buffer)
		mark_buffer(marker, buffer);
}

