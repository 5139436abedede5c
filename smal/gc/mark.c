/* SPDX-License-Identifier: MIT */
/*
 * mark.c: marking.
 *
 *                 test and set
 *   candidate ------------------> queue (last in, first out)
 *       ^        the mark bit       |  prefetch
 *       |                           v
 *     scan  <--------------------  ring (first in, first out, 32 objects)
 *
 * A candidate word is tested where it is found: segment by a subtraction, kind
 * by one load (owner word), object by the live bit, marked by the mark bit; so
 * a rejected word touches no object and a marked object is queued once. Between
 * queue and scan an object waits in the ring while its first line is fetched.
 * A list's tail that a callback returns goes to the ring at once: it needs no
 * queue, however long the list.
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
#include <smal/gc/mark.h>
#include <smal/base/fail.h>

#include <string.h>

/* A queue entry with bit 0 set is a piece: the index of its first word stands
 * below it. Objects begin at multiples of 8. */
enum { PIECE = 1 };

/* smal_buffer.marks: scan its marked objects again. */
enum { OVERFLOWED = 1 };

/* ---- Test and set ---- */

/* The out-of-line half of find_and_mark: other segments, large and medium
 * buffers, interior pointers, roots. Returns an object that has just been
 * marked and is to be scanned, or 0. */
static SMAL_NOINLINE uintptr_t mark_slow(struct smal_marker *marker, uintptr_t address,
                                         enum smal_source source, const struct smal_scan **how)
{
	const struct smal_scan *scan, *next_scan;
	struct smal_buffer *buffer, *next;
	smal_word *mark, bit;
	uintptr_t slot;
	size_t at;

	if (marker->visit != NULL) {
		marker->visit(marker, address, source);
		return 0;
	}
	slot = smal_marker_resolve(marker, source == SMAL_FROM_ROOT_END ? address - 1 : address,
	                           &buffer, &scan);
	if (slot == 0)
		return 0;
	if (source == SMAL_FROM_OBJECT && slot != address && (scan->flags & SMAL_SCAN_INTERIOR) == 0)
		return 0;
	/* What ends where an object begins is left alone if it is small: else each
	 * pointer on the stack would keep the object before its own. */
	if (source == SMAL_FROM_ROOT_END &&
	    (slot + smal_buffer_slot_bytes(buffer) != address ||
	     ((scan->flags & SMAL_SCAN_COMPACT) != 0 &&
	      smal_marker_resolve(marker, address, &next, &next_scan) == address)))
		return 0;
	at = smal_buffer_bit(buffer, slot);
	mark = smal_buffer_mask(buffer, marker->live_index ^ 1) + (at >> SMAL_WORD_LOG2);
	bit = (smal_word)1 << (at & (SMAL_WORD_BITS - 1));
	if ((*mark & bit) != 0 ||
	    ((scan->flags & SMAL_SCAN_FREES) != 0 && smal_bit_get(smal_buffer_mask(buffer, 2), at)))
		return 0;
	*mark |= bit;
	*how = scan;
	if (marker->marked != NULL)
		marker->marked(marker, slot);
	return scan->how != SMAL_HOW_LEAF ? slot : 0;
}

/* True if an offset into a small buffer is a multiple of the stride: then, and
 * only then, is the fraction of offset / stride less than that of 1 / stride
 * (Lemire, Kaser, Kurz 2019). */
static SMAL_ALWAYS_INLINE bool begins_slot(const struct smal_scan *scan, uintptr_t offset)
{
	const uint64_t fraction = ((uint64_t)1 << 44) - 1;

	return ((offset & (SMAL_ID_BYTES - 1)) * scan->reciprocal & fraction) < scan->reciprocal;
}

/* Marks the object that a word refers to; returns it if it is now to be
 * scanned, and how, else 0. The view is the marker's. */
static SMAL_ALWAYS_INLINE uintptr_t find_and_mark(struct smal_marker *marker,
                                                  const struct smal_view *view, uintptr_t word,
                                                  const struct smal_scan **how)
{
	uintptr_t address = word & view->keep;
	uintptr_t offset = address - view->base;
	size_t granule = offset >> SMAL_GRANULE_LOG2, w = granule >> SMAL_WORD_LOG2;
	unsigned bit = granule & (SMAL_WORD_BITS - 1);
	const struct smal_scan *scan;
	smal_word marked;
	uint32_t kind;

	if (offset >= view->bytes)
		return view->others ? mark_slow(marker, address, SMAL_FROM_OBJECT, how) : 0;
	kind = view->owners[offset >> SMAL_ID_LOG2] ^ view->owner;
	if (kind >= SMAL_KINDS)
		return 0;
	scan = &view->scans[kind];
	if (SMAL_UNLIKELY(((address & (SMAL_GRANULE - 1)) | scan->not_plain) != 0)) {
		if ((scan->flags & (SMAL_SCAN_SLOW | SMAL_SCAN_INTERIOR)) != 0)
			return mark_slow(marker, address, SMAL_FROM_OBJECT, how);
		if ((scan->flags & SMAL_SCAN_ODD) == 0 || !begins_slot(scan, offset))
			return 0;
	}
	marked = view->mark[w];
	if ((marked >> bit & 1) != 0)
		return 0;
	if (SMAL_UNLIKELY((view->live[w] >> bit & 1) == 0))
		return (scan->flags & SMAL_SCAN_INTERIOR) != 0
		               ? mark_slow(marker, address, SMAL_FROM_OBJECT, how)
		               : 0;
	view->mark[w] = marked | (smal_word)1 << bit;
	*how = scan;
	return scan->how != SMAL_HOW_LEAF ? address : 0;
}

/* Makes room for an object by moving to the larger queue, or, if that is full
 * too, flags the object's buffer. */
static SMAL_NOINLINE void overflow(struct smal_marker *marker, uintptr_t object)
{
	struct smal_buffer *buffer;

	if (marker->spare != NULL) {
		size_t words = (size_t)(marker->top - marker->bottom);

		memcpy(marker->spare, marker->bottom, words * sizeof *marker->top);
		marker->bottom = marker->spare;
		marker->top = marker->bottom + words;
		marker->limit = marker->spare_limit;
		marker->spare = NULL;
		*marker->top++ = object;
		return;
	}
	buffer = smal_buffer_find(object);
	buffer->marks |= OVERFLOWED;
	marker->overflowed = true;
}

static SMAL_ALWAYS_INLINE void push(struct smal_marker *marker, uintptr_t object)
{
	if (SMAL_UNLIKELY(marker->top == marker->limit))
		overflow(marker, object);
	else
		*marker->top++ = object;
}

static SMAL_ALWAYS_INLINE void mark_word(struct smal_marker *marker,
                                         const struct smal_view *view, uintptr_t word)
{
	const struct smal_scan *scan;
	uintptr_t object = find_and_mark(marker, view, word, &scan);

	if (object != 0)
		push(marker, object);
}

/* A word of a conservative root. */
static void mark_root(struct smal_marker *marker, uintptr_t word, uintptr_t place)
{
	uintptr_t address = word & marker->view.keep;
	const struct smal_scan *scan;
	uintptr_t object;

	marker->place = place;

	if (address - marker->view.base > marker->view.bytes && !marker->view.others)
		return;
	object = mark_slow(marker, address, SMAL_FROM_ROOT, &scan);
	if (object != 0)
		push(marker, object);
	if (address % 8 != 0)
		return;
	object = mark_slow(marker, address, SMAL_FROM_ROOT_END, &scan);
	if (object != 0)
		push(marker, object);
}

/* ---- Scanning ---- */

static SMAL_ALWAYS_INLINE const struct smal_scan *scan_of(const struct smal_view *view,
                                                         uintptr_t object)
{
	uintptr_t offset = object - view->base;

	if (SMAL_LIKELY(offset < view->bytes))
		return &view->scans[view->owners[offset >> SMAL_ID_LOG2] ^ view->owner];
	return &view->scans[smal_buffer_find(object)->stride->class];
}

static size_t object_words(const struct smal_scan *scan, uintptr_t object)
{
	size_t bytes = scan->slot_bytes != 0 ? scan->slot_bytes
	                                     : smal_buffer_bytes(smal_buffer_find(object));

	return bytes / sizeof(uintptr_t);
}

/* Scans words [from, ...) of an object by layout or conservatively; what is
 * too long for one piece is queued, below the children. */
static SMAL_NOINLINE void scan_words(struct smal_marker *marker, const struct smal_scan *scan,
                                     uintptr_t object, size_t from)
{
	const struct smal_view view = marker->view;
	const uintptr_t *words = (const uintptr_t *)object;
	size_t limit = object_words(scan, object), end, prefix;

	if (scan->how == SMAL_HOW_LAYOUT && scan->repeat_words == 0)
		limit = smal_min(limit, scan->words);
	end = limit;
	if (end - from > SMAL_PIECE_WORDS && marker->limit - marker->top >= 2) {
		end = from + SMAL_PIECE_WORDS;
		*marker->top++ = end;
		*marker->top++ = object | PIECE;
	}
	/* Where the layout has to be asked word by word, and where all are alike. */
	prefix = end;
	if (scan->how == SMAL_HOW_CONSERVATIVE)
		prefix = from;
	else if (scan->repeat_words == 1)
		prefix = smal_max(from, smal_min(end, scan->words));
	for (; from < prefix; from++)
		if (smal_layout_has(scan, from))
			mark_word(marker, &view, words[from]);
	if (from < end && (scan->how == SMAL_HOW_CONSERVATIVE || smal_layout_has(scan, from)))
		for (; from < end; from++)
			mark_word(marker, &view, words[from]);
}

/* Scans an object as *how says; returns one that is to be scanned next, and
 * how, or 0. */
static SMAL_ALWAYS_INLINE uintptr_t scan_object(struct smal_marker *marker,
                                                const struct smal_view *view, uintptr_t object,
                                                const struct smal_scan **how)
{
	const uintptr_t *words = (const uintptr_t *)object;
	const struct smal_scan *scan = *how;

	if (SMAL_LIKELY(scan->how == SMAL_HOW_PAIR)) {
		mark_word(marker, view, words[0]);
		return find_and_mark(marker, view, words[1], how);
	}
	if (scan->how == SMAL_HOW_BITS) {
		for (uintptr_t bits = scan->as.bits; bits != 0; bits &= bits - 1)
			mark_word(marker, view, words[smal_word_lowest(bits)]);
		return 0;
	}
	if (scan->how == SMAL_HOW_CALLBACK)
		return find_and_mark(marker, view,
		                     (uintptr_t)scan->as.mark(marker, (void *)object), how);
	scan_words(marker, scan, object, 0);
	return 0;
}

static void drain(struct smal_marker *marker)
{
	const struct smal_view view = marker->view;
	const struct smal_scan *scan;
	unsigned head = 0, tail = 0;

	for (;;) {
		uintptr_t object;

		while (marker->top != marker->bottom && tail - head < SMAL_RING) {
			object = *--marker->top;
			if (SMAL_UNLIKELY((object & PIECE) != 0)) {
				size_t from = *--marker->top;

				object &= ~(uintptr_t)PIECE;
				scan_words(marker, scan_of(&view, object), object, from);
				continue;
			}
			__builtin_prefetch((const void *)object);
			marker->ring[tail++ % SMAL_RING] = object;
		}
		if (head == tail)
			return;
		object = marker->ring[head++ % SMAL_RING];
		scan = scan_of(&view, object);
		/* With nothing else to do, waiting in the ring gains nothing. */
		do
			object = scan_object(marker, &view, object, &scan);
		while (object != 0 && head == tail && marker->top == marker->bottom);
		if (object != 0) {
			__builtin_prefetch((const void *)object);
			marker->ring[tail++ % SMAL_RING] = object;
		}
	}
}

/* Scans the marked objects of a buffer again. */
static void rescan(struct smal_marker *marker, const struct smal_buffer *buffer)
{
	const smal_word *mark = smal_buffer_mask(buffer, marker->live_index ^ 1);
	size_t limit = (size_t)buffer->stride->words << SMAL_WORD_LOG2;

	for (size_t bit = smal_bit_next(mark, 0, limit); bit < limit;
	     bit = smal_bit_next(mark, bit + 1, limit)) {
		uintptr_t address = smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);
		uintptr_t object = smal_buffer_slot(buffer, address + SMAL_GRANULE - 1);

		push(marker, object);
		drain(marker);
	}
}

bool smal_mark_drain(struct smal_marker *marker)
{
	bool overflowed = false;

	if (marker->top != marker->bottom)
		drain(marker);
	while (marker->overflowed) {
		overflowed = true;
		marker->overflowed = false;
		SMAL_EACH_KIND(marker->gc, kind) {
			SMAL_EACH_BUFFER(kind, buffer) {
				if ((buffer->marks & OVERFLOWED) == 0)
					continue;
				buffer->marks &= (uint8_t)~OVERFLOWED;
				rescan(marker, buffer);
			}
		}
	}
	return overflowed;
}

/* ---- Roots ---- */

void smal_mark_roots(struct smal_marker *marker, uintptr_t base, uintptr_t limit)
{
	uintptr_t words[64];

	base = smal_round_up(base, sizeof(uintptr_t));
	while (limit >= sizeof(uintptr_t) && base <= limit - sizeof(uintptr_t)) {
		size_t n = smal_min((limit - base) / sizeof(uintptr_t), 64);

		smal_os_copy_words(words, (const uintptr_t *)base, n);
		for (size_t i = 0; i < n; i++)
			mark_root(marker, words[i], base + i * sizeof(uintptr_t));
		base += n * sizeof(uintptr_t);
	}
}

/* ---- For weak things ---- */

void smal_mark_children(struct smal_marker *marker, uintptr_t object)
{
	const struct smal_scan *scan = scan_of(&marker->view, object);

	if (scan->how == SMAL_HOW_LEAF)
		return;
	object = scan_object(marker, &marker->view, object, &scan);
	if (object != 0)
		push(marker, object);
}

static void mark_buffer(struct smal_marker *marker, struct smal_buffer *buffer)
{
	const smal_word *live = smal_buffer_mask(buffer, marker->live_index);
	size_t limit = (size_t)buffer->stride->words << SMAL_WORD_LOG2;

	for (size_t bit = smal_bit_next(live, 0, limit); bit < limit;
	     bit = smal_bit_next(live, bit + 1, limit)) {
		uintptr_t address = smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);

		mark_word(marker, &marker->view,
		          smal_buffer_slot(buffer, address + SMAL_GRANULE - 1));
		drain(marker);
	}
}

void smal_mark_kind(struct smal_marker *marker, struct smal_kind *kind)
{
	SMAL_EACH_BUFFER(kind, buffer)
		mark_buffer(marker, buffer);
}

/* ---- The public half ---- */

void smal_mark(struct smal_marker *marker, const void *pointer)
{
	mark_word(marker, &marker->view, (uintptr_t)pointer);
}

void smal_mark_array(struct smal_marker *marker, void *const *pointers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mark_word(marker, &marker->view, (uintptr_t)pointers[i]);
}

void smal_mark_range(struct smal_marker *marker, const void *base, const void *limit)
{
	smal_mark_roots(marker, (uintptr_t)base, (uintptr_t)limit);
}
