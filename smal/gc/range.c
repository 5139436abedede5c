/* SPDX-License-Identifier: MIT */
/*
 * range.c: marking from words of any kind: stacks, registers, declared ranges.
 *
 *   words ---- sift ----> addresses near ---- look ----> a small buffer: here
 *          one comparison   objects      owner word      anything else: candidate.c
 *
 * Most words are no pointers. One comparison rejects those, against the bounds of
 * what the space has: 128 words are sifted at a time, without a branch, since on a
 * stack nobody can tell which are which. What is left is looked at as a candidate
 * of an object is (candidate.h), but for two things: an interior pointer counts, so that
 * the slot's start is found by a multiplication; and an address where a slot ends
 * keeps the object before it, unless that is small and another begins there.
 *
 * A marker that has a visitor, or tells a watcher, takes the long way for each word.
 */
#include <smal/gc/team.h>

enum { AT_ONCE = 128 };

/* Two objects for each, before the queue's limit is looked at. */
_Static_assert(AT_ONCE * 2 <= SMAL_PIECE_WORDS, "no slack for what is found at once");

/* The long way: what the address points to or into, unless that is known to be
 * nothing, and what ends there. */
static SMAL_NOINLINE uintptr_t *mark_slow(struct smal_marker *marker, uintptr_t address,
                                          bool end_alone, uintptr_t *top)
{
	marker->top = top;
	if (!end_alone)
		smal_mark_candidate(marker, address, SMAL_FROM_ROOT);
	if (address % 8 == 0)
		smal_mark_candidate(marker, address, SMAL_FROM_ROOT_END);
	return marker->top;
}

/* False: no object begins at an offset of the view. Else it is marked, and put on top
 * of the queue if that is new. */
static SMAL_ALWAYS_INLINE bool mark_object(const struct smal_view *view,
                                           const struct smal_scan *scan, uintptr_t offset,
                                           bool together, uintptr_t **top)
{
	size_t granule = offset >> SMAL_GRANULE_LOG2, w = granule >> SMAL_WORD_LOG2;
	smal_word bit = (smal_word)1 << (granule & (SMAL_WORD_BITS - 1));

	if ((view->live[w] & bit) == 0)
		return false;
	if (smal_mark_set(view, granule, together) && scan->how != SMAL_HOW_LEAF)
		*(*top)++ = view->base + offset;
	return true;
}

/* Marks what an address leads to, and returns the queue's top. */
static SMAL_ALWAYS_INLINE uintptr_t *look(struct smal_marker *marker, const struct smal_view *view,
                                          uintptr_t address, bool together, uintptr_t *top)
{
	uintptr_t offset = address - view->base, within = offset & (SMAL_ID_BYTES - 1), slot;
	const struct smal_scan *scan;
	uint32_t kind;
	bool live;

	if (SMAL_UNLIKELY(offset >= view->bytes))
		return mark_slow(marker, address, false, top);
	kind = view->owners[offset >> SMAL_ID_LOG2] ^ view->owner;
	if (SMAL_UNLIKELY(kind >> 16 != 0))
		return within == 0 ? mark_slow(marker, address, true, top) : top;
	scan = &view->scans[kind % SMAL_KINDS];
	if (SMAL_UNLIKELY((scan->flags & (SMAL_SCAN_FREES | SMAL_SCAN_WIDE)) != 0))
		return mark_slow(marker, address, false, top);
	slot = (uintptr_t)(within * scan->reciprocal >> 44) * scan->slot_bytes;
	offset += slot - within;
	/* Behind the last slot no live bit is ever set. */
	live = mark_object(view, scan, offset, together, &top);
	/* No slot ends there, or it does not count; one of another buffer may be of
	 * another kind. */
	if (SMAL_UNLIKELY(within == 0))
		return mark_slow(marker, address, true, top);
	if (slot != within || (scan->flags & SMAL_SCAN_NO_END) != 0 ||
	    (live && (scan->flags & SMAL_SCAN_COMPACT) != 0))
		return top;
	mark_object(view, scan, offset - scan->slot_bytes, together, &top);
	return top;
}

/* The same for some addresses. */
static SMAL_ALWAYS_INLINE void look_at_each(struct smal_marker *marker, const uintptr_t *addresses,
                                            size_t count, bool together)
{
	uintptr_t *top = marker->top;

	for (size_t i = 0; i < count; i++)
		top = look(marker, &marker->view, addresses[i], together, top);
	marker->top = top;
	smal_marker_keep_room(marker);
}

static SMAL_NOINLINE void look_at_all(struct smal_marker *marker, const uintptr_t *addresses,
                                      size_t count)
{
	if (marker->together)
		look_at_each(marker, addresses, count, true);
	else
		look_at_each(marker, addresses, count, false);
}

/* Puts a word's address behind the `count` that were found, to stay there if there may
 * be an object at it, or the end of one; returns their number. */
static SMAL_ALWAYS_INLINE size_t keep_near(const struct smal_view *view, uintptr_t word,
                                           uintptr_t *found, size_t count)
{
	uintptr_t address = word & view->keep;

	found[count] = address;
	return count + (address - view->lowest <= view->span);
}

/* Puts those of n words that are such addresses into `found`, which may be where the words
 * are; returns their number. */
static SMAL_ALWAYS_INLINE size_t sift(const struct smal_view *view, const uintptr_t *words,
                                      size_t n, uintptr_t *found)
{
	const uintptr_t *word = words, *limit = words + n;
	size_t count = 0;

	for (; word < limit - n % 8; word += 8) {
		count = keep_near(view, word[0], found, count);
		count = keep_near(view, word[1], found, count);
		count = keep_near(view, word[2], found, count);
		count = keep_near(view, word[3], found, count);
		count = keep_near(view, word[4], found, count);
		count = keep_near(view, word[5], found, count);
		count = keep_near(view, word[6], found, count);
		count = keep_near(view, word[7], found, count);
	}
	for (; word < limit; word++)
		count = keep_near(view, *word, found, count);
	return count;
}

static void mark_words(struct smal_marker *marker, uintptr_t base, uintptr_t limit)
{
	const struct smal_view view = marker->view;
	uintptr_t found[AT_ONCE];

	while (base < limit) {
		size_t n = smal_min((limit - base) / sizeof(uintptr_t), AT_ONCE), count;

		count = sift(&view, smal_os_any_words(found, (const uintptr_t *)base, n), n, found);
		if (count != 0)
			look_at_all(marker, found, count);
		base += n * sizeof(uintptr_t);
	}
}

/* For a visitor, who wants to know where each word stands. */
static void visit_words(struct smal_marker *marker, uintptr_t base, uintptr_t limit)
{
	for (; base < limit; base += sizeof(uintptr_t)) {
		uintptr_t word;

		smal_os_copy_words(&word, (const uintptr_t *)base, 1);
		marker->place = base;
		mark_slow(marker, word & marker->view.keep, false, marker->top);
	}
}

void smal_mark_roots(struct smal_marker *marker, uintptr_t base, uintptr_t limit)
{
	base = smal_round_up(base, sizeof(uintptr_t));
	limit &= ~(uintptr_t)(sizeof(uintptr_t) - 1);
	if (base >= limit)
		return;
	if (marker->visit != NULL)
		visit_words(marker, base, limit);
	else if (!smal_team_mark_range(marker, base, limit))
		mark_words(marker, base, limit);
}

void smal_mark_range(struct smal_marker *marker, const void *base, const void *limit)
{
	smal_mark_roots(marker, (uintptr_t)base, (uintptr_t)limit);
}
