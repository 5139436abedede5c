/* SPDX-License-Identifier: MIT */
/*
 * window.c: where the next window of a parcel comes from (window.h).
 */
#include <smal/gc/window.h>

/* Opens the next window of the hole at hand. */
static void next_window(struct smal_attached *thread, struct smal_hole *hole)
{
	struct smal_gc *gc = thread->gc;
	size_t bytes = hole->kind->window_bytes;
	uintptr_t base = hole->next;

	if (SMAL_UNLIKELY(gc->tool_watches || gc->torture != 0))
		bytes = hole->kind->stride.stride_bytes;
	hole->next += smal_min(bytes, hole->limit - base);
	smal_pace_allocated(thread, hole->next - base);
	smal_window_open(
		thread, hole, hole->buffer, base, hole->next,
		smal_buffer_claim_slots(hole->buffer, base, hole->next, smal_is_alone(thread)));
}

bool smal_window_refill(struct smal_attached *thread, struct smal_hole *hole)
{
	struct smal_kind *kind = hole->kind;
	struct smal_buffer *buffer;
	uintptr_t base, limit;

	while (hole->recent_count > 0) {
		base = hole->recent[--hole->recent_count];
		buffer = smal_stride_retake(&kind->stride, base, hole);
		if (buffer == NULL)
			continue;
		smal_window_open(thread, hole, buffer, base, base + kind->stride.stride_bytes, 1);
		return true;
	}
	for (;;) {
		if (hole->next < hole->limit) {
			next_window(thread, hole);
			return true;
		}
		if (hole->buffer != NULL) {
			if (smal_buffer_hole(hole->buffer, hole->limit, &base, &limit)) {
				hole->next = base;
				hole->limit = limit;
				continue;
			}
			smal_stride_unclaim(hole->buffer);
		}
		hole->buffer = smal_stride_claim(&kind->stride, hole);
		hole->next = hole->limit = hole->buffer != NULL ? smal_buffer_base(hole->buffer)
		                                                : 0;
		if (hole->buffer == NULL)
			return false;
		hole->buffer->marks = 0;
	}
}
