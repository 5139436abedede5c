/* SPDX-License-Identifier: MIT */
/*
 * candidate.h: the test of a candidate word, inline: is it the address of an object
 * that is to be marked?
 *
 *   word -- segment --> granule -- owner word --> kind -- plain --> mark bit --> queue
 *             `- elsewhere: nothing, or the long way  `- odd: a multiplication
 *                                                     `- special: the long way
 *
 * The queue's top is handed from one to the next, so that it stays in a register; its
 * place in the marker is right when somebody else is called. `together`: other markers
 * may be at the same words; a constant where these functions are used.
 */
#ifndef SMAL_GC_CANDIDATE_H
#define SMAL_GC_CANDIDATE_H

#include <smal/gc/mark.h>

/* True if an offset into a small buffer is a multiple of the stride: then, and
 * only then, is the fraction of offset / stride less than that of 1 / stride
 * (Lemire, Kaser, Kurz 2019). */
static SMAL_ALWAYS_INLINE bool smal_begins_slot(const struct smal_scan *scan, uintptr_t offset)
{
	const uint64_t fraction = ((uint64_t)1 << 44) - 1;

	return ((offset & (SMAL_ID_BYTES - 1)) * scan->reciprocal & fraction) < scan->reciprocal;
}

/* The granule of an offset; beyond all granules if it is not at the beginning of one:
 * then the low bits are on top. */
static SMAL_ALWAYS_INLINE size_t smal_granule_of(uintptr_t offset)
{
	return offset >> SMAL_GRANULE_LOG2 | offset << (SMAL_WORD_BITS - SMAL_GRANULE_LOG2);
}

/* Marks the object of an address whose granule is known to be the collector's, and
 * puts it on top of the queue if that is new; returns the top. */
static SMAL_ALWAYS_INLINE uintptr_t *smal_claim(const struct smal_view *view, uintptr_t address,
                                           size_t granule, bool leaf, bool together, uintptr_t *top)
{
	if (!smal_mark_set(view->mark, granule, together) || leaf)
		return top;
	*top = address;
	return top + 1;
}

/* The long way: another segment, interior pointers, large objects and large odd
 * strides, free callbacks. (candidate.c) */
uintptr_t *smal_mark_special(struct smal_marker *marker, uintptr_t address, uintptr_t *top);

/* What is not plain. */
static SMAL_ALWAYS_INLINE uintptr_t *smal_mark_other(struct smal_marker *marker,
                                                const struct smal_view *view, uintptr_t address,
                                                bool together, uintptr_t *top)
{
	uintptr_t offset = address - view->base;
	const struct smal_scan *scan;
	uint32_t kind;

	/* NULL, a small number, another library's. */
	if (SMAL_LIKELY(address - view->lowest >= view->span))
		return top;
	if (offset >= view->bytes)
		return smal_mark_special(marker, address, top);
	kind = view->owners[offset >> SMAL_ID_LOG2] ^ view->owner;
	if (kind >> 16 != 0)
		return top;
	if ((kind & SMAL_CLASS_SPECIAL) != 0)
		return smal_mark_special(marker, address, top);
	scan = &view->scans[kind % SMAL_KINDS];
	if ((kind & SMAL_CLASS_ODD) == 0 || !smal_begins_slot(scan, offset))
		return top;
	return smal_claim(view, address, offset >> SMAL_GRANULE_LOG2, (kind & SMAL_CLASS_LEAF) != 0,
	             together, top);
}

/* Marks the object that a word refers to and queues it, if that is new. Returns the
 * queue's top. The view is the marker's. */
static SMAL_ALWAYS_INLINE uintptr_t *smal_mark_word(struct smal_marker *marker,
                                               const struct smal_view *view, uintptr_t word,
                                               bool together, uintptr_t *top)
{
	uintptr_t address = word & view->keep;
	size_t granule = smal_granule_of(address - view->base);
	uint32_t kind;

	if (SMAL_LIKELY(granule < view->granules)) {
		kind = view->owners[granule >> (SMAL_ID_LOG2 - SMAL_GRANULE_LOG2)] ^ view->owner;
		if (SMAL_LIKELY(kind < SMAL_CLASS_LEAF))
			return smal_claim(view, address, granule, false, together, top);
		if (kind < SMAL_CLASS_LEAF + SMAL_KINDS)
			return smal_claim(view, address, granule, true, together, top);
	}
	return smal_mark_other(marker, view, address, together, top);
}

#endif
