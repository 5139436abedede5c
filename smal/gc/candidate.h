/* SPDX-License-Identifier: MIT */
/*
 * candidate.h: the test of a candidate word, inline: is it the address of an object
 * that is to be marked?
 *
 *   word -- segment --> granule -- mark bit --> owner word -- plain --> set, and queued
 *             |                       `- set: done   |- not ours: nothing
 *             `- elsewhere: nothing,                 `- special: the long way
 *                or the long way
 *
 * Objects are told apart by granules: what counts is the object that begins in the
 * word's granule, if one does. So a slot at an odd multiple of 8 is found like any
 * other; where it begins, in its granule, is looked at when it is scanned.
 *
 * The queue's top is handed from one to the next, so that it stays in a register; its
 * place in the marker is right when somebody else is called. `together`: other markers
 * may be at the same words; a constant where these functions are used.
 */
#ifndef SMAL_GC_CANDIDATE_H
#define SMAL_GC_CANDIDATE_H

#include <smal/gc/mark.h>

/* The beginning of an object of a kind whose slots begin at odd multiples of 8, too: of
 * the slot that begins in the granule of an address, in a small buffer. */
static SMAL_ALWAYS_INLINE uintptr_t smal_odd_slot(const struct smal_scan *scan, uintptr_t address)
{
	uintptr_t within = (address & (SMAL_ID_BYTES - 1)) | (SMAL_GRANULE - 1);
	uintptr_t slot = (uintptr_t)(within * scan->reciprocal >> 44);

	return (address & ~(uintptr_t)(SMAL_ID_BYTES - 1)) + slot * scan->slot_bytes;
}

/* The long way: another segment, interior pointers, large objects and large odd
 * strides, free callbacks. (candidate.c) */
uintptr_t *smal_mark_special(struct smal_marker *marker, uintptr_t address, uintptr_t *top);

/* What is not plain. */
static SMAL_ALWAYS_INLINE uintptr_t *smal_mark_other(struct smal_marker *marker,
                                                     const struct smal_view *view, uintptr_t word,
                                                     uintptr_t *top)
{
	uintptr_t address = word & view->keep, offset = address - view->base;

	/* NULL, a small number, another library's. */
	if (SMAL_LIKELY(address - view->lowest >= view->span))
		return top;
	if (offset < view->bytes && (view->owners[offset >> SMAL_ID_LOG2] ^ view->owner) >> 16 != 0)
		return top;
	return smal_mark_special(marker, address, top);
}

/* Marks the object that a word refers to and queues it, if that is new. Returns the
 * queue's top. The view is the marker's. */
static SMAL_ALWAYS_INLINE uintptr_t *smal_mark_word(struct smal_marker *marker,
                                                    const struct smal_view *view, uintptr_t word,
                                                    bool together, uintptr_t *top)
{
	uintptr_t address = word & view->keep_granule, offset = address - view->base;
	smal_word *at, marks, bit;
	uint32_t kind;

	if (offset >= view->bytes) {
		/* Most words of what is scanned conservatively are no addresses. */
		if (offset + view->below >= view->span)
			return top;
		return smal_mark_other(marker, view, word, top);
	}
	at = &view->mark[offset >> (SMAL_GRANULE_LOG2 + SMAL_WORD_LOG2)];
	marks = smal_word_load(at);
	/* Whoever's it is: of another collector's, it may be changing, and means nothing. */
	if ((marks >> (offset >> SMAL_GRANULE_LOG2) % SMAL_WORD_BITS & 1) != 0)
		return top;
	kind = view->owners[offset >> SMAL_ID_LOG2] ^ view->owner;
	if (SMAL_UNLIKELY(kind >= SMAL_CLASS_SPECIAL))
		return smal_mark_other(marker, view, word, top);
	bit = (smal_word)1 << (offset >> SMAL_GRANULE_LOG2) % SMAL_WORD_BITS;
	if (!together)
		smal_word_store(at, marks | bit);
	else if (!smal_mark_share(view, at, marks, offset >> SMAL_GRANULE_LOG2))
		return top;
	if (SMAL_UNLIKELY(kind >= SMAL_CLASS_LEAF))
		return top;
	*top = address;
	return top + 1;
}

/* The words [words, limit), of which there are some. */
static SMAL_ALWAYS_INLINE uintptr_t *smal_mark_row(struct smal_marker *marker,
                                                   const struct smal_view *view,
                                                   const uintptr_t *words, const uintptr_t *limit,
                                                   bool together, uintptr_t *top)
{
	do
		top = smal_mark_word(marker, view, *words, together, top);
	while (++words < limit);
	return top;
}

#endif
