/* SPDX-License-Identifier: MIT */
/*
 * window.h: windows of holes, which parcels hand out.
 *
 *   buffer with room --> hole --> window of it: live bits set, zeroed --> parcel
 *
 * A window is zeroed as it is opened, 16 KiB ahead at most, which also brings it
 * into the cache; memory that was never used is not zeroed again, and that of types
 * that don't want it is not at all. Where a tool watches or torture counts
 * allocations, a window is one slot.
 *
 * All of it is the hole's thread's, which is inside.
 */
#ifndef SMAL_GC_WINDOW_H
#define SMAL_GC_WINDOW_H

#include <smal/gc/world.h>

#include <string.h>

/* What is zeroed without a call. */
enum { SMAL_WINDOW_SMALL_BYTES = 64 };

static inline struct smal_parcel *smal_parcel_of(struct smal_attached *thread,
                                                 const struct smal_kind *kind)
{
	return &thread->parcels[kind->index];
}

/* No other thread gives slots of this one's buffers back. */
static inline bool smal_is_alone(const struct smal_attached *thread)
{
	return smal_atomic_load_relaxed_u32(&thread->gc->sharing) == SMAL_ALONE;
}

/* New objects may be touched. */
static inline void smal_window_tell_tool(const struct smal_kind *kind, uintptr_t base,
                                         uintptr_t limit)
{
	smal_os_tool_allow((void *)base, limit - base);
	if (!kind->zeroed)
		smal_os_tool_undefine((void *)base, limit - base);
}

/* In a heap full of holes, most have one small slot. */
static inline void smal_window_zero(uintptr_t base, uintptr_t limit)
{
	if (limit - base > SMAL_WINDOW_SMALL_BYTES)
		memset((void *)base, 0, limit - base);
	else
		for (; base < limit; base += sizeof(uint64_t))
			*(uint64_t *)base = 0;
}

/* Makes [base, limit), whose live bits have been set, the parcel's window. */
static inline void smal_window_open(struct smal_attached *thread, struct smal_hole *hole,
                                    struct smal_buffer *buffer, uintptr_t base, uintptr_t limit,
                                    uint32_t slots)
{
	struct smal_parcel *parcel = smal_parcel_of(thread, hole->kind);
	uintptr_t start = smal_buffer_base(buffer);
	uint32_t end = (uint32_t)((limit - start + SMAL_GRANULE - 1) >> SMAL_GRANULE_LOG2);
	uintptr_t dirty = start + ((uintptr_t)buffer->dirty_granules << SMAL_GRANULE_LOG2);

	if (thread->gc->tool_watches)
		smal_window_tell_tool(hole->kind, base, limit);
	if (base < dirty && hole->kind->zeroed)
		smal_window_zero(base, smal_min(limit, dirty));
	if (end > buffer->dirty_granules)
		buffer->dirty_granules = end;
	hole->counts.claimed_slots += slots;
	hole->window_buffer = buffer;
	smal_hole_set_window(hole, parcel, base, limit);
	parcel->limit = limit;
}

/* Opens the next hole of a claimed buffer, if its bits and the one behind it are in one
 * word: in a heap full of holes, nearly all are. Anything else is left as it is. */
static SMAL_ALWAYS_INLINE bool smal_window_near(struct smal_attached *thread,
                                                struct smal_hole *hole)
{
	const struct smal_stride *stride = &hole->kind->stride;
	struct smal_buffer *buffer = hole->buffer;
	uintptr_t start = smal_buffer_base(buffer), base;
	size_t bit = (hole->limit - start) >> SMAL_GRANULE_LOG2, w = bit >> SMAL_WORD_LOG2;
	smal_word *live = smal_buffer_live(buffer), word, free, bits;
	smal_word behind = ~(smal_word)0 << bit % SMAL_WORD_BITS;

	if (stride->stride_bytes % SMAL_GRANULE != 0)
		return false;
	for (;; w++, behind = ~(smal_word)0) {
		if (w >= stride->words)
			return false;
		word = smal_word_load(&live[w]);
		free = stride->full[w] & ~word & behind;
		if (free != 0)
			break;
	}
	/* Of the next object behind the hole. */
	word &= -(free & -free);
	if (word == 0)
		return false;
	bits = free & ((word & -word) - 1);
	start += w << (SMAL_WORD_LOG2 + SMAL_GRANULE_LOG2);
	base = start + ((size_t)smal_word_lowest(free) << SMAL_GRANULE_LOG2);
	hole->next = hole->limit = start + ((size_t)smal_word_lowest(word) << SMAL_GRANULE_LOG2);
	if (SMAL_LIKELY(smal_is_alone(thread)))
		smal_word_store(&live[w], smal_word_load(&live[w]) | bits);
	else
		smal_word_or(&live[w], bits);
	smal_pace_allocated(thread, hole->limit - base);
	smal_window_open(thread, hole, buffer, base, hole->limit,
	                 (uint32_t)smal_stride_slots(stride, hole->limit - base));
	return true;
}

/* Has the parcel refilled: by a slot that was freed lately, the next window of its hole,
 * the next hole of its buffer, or a buffer with room, which is claimed. False: every
 * buffer of the kind is full. (window.c) */
bool smal_window_refill(struct smal_attached *thread, struct smal_hole *hole);

#endif
