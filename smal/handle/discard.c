/* SPDX-License-Identifier: MIT */
/*
 * discard.c: memory that a compaction has left over goes back to the system.
 *
 *   | blocks | gap ......... | locked | blocks | never used, or not any more |
 *              gives pages back                  gives pages back
 *
 * In pieces of 2 MiB, for the system takes its time; what has gone is remembered, the
 * rest follows with the next call. A gap may have become anything since it was left.
 */
#include <smal/handle/handle.h>

bool smal_gap_is_there(const struct smal_handle_heap *heap, const struct smal_gap *gap)
{
	const struct smal_handle_entry *entry = smal_entry(heap, gap->node);

	return smal_entry_is_hole(entry) &&
	       (gap->before == 0 ? heap->first == gap->node
	                         : smal_entry_is_node(smal_entry(heap, gap->before)) &&
	                                   smal_entry(heap, gap->before)->next == gap->node);
}

/* Memory that nobody will fill goes back, a part of it; true: all of it. First that of
 * the gaps that were left. */
static bool discard_gap(struct smal_handle_heap *heap)
{
	const struct smal_gap *gap = &heap->gap[heap->gap_count - 1];

	if (!smal_gap_is_there(heap, gap) ||
	    smal_hole_discard(heap, gap->node, heap->discarded, SMAL_DISCARD_GRANULES)) {
		heap->discarded = 0;
		heap->gap_count--;
	} else {
		heap->discarded += SMAL_DISCARD_GRANULES;
	}
	return false;
}

/* Of memory behind the span. */
static bool discard_behind(struct smal_handle_heap *heap)
{
	size_t page = smal_os_page_bytes() >> SMAL_GRANULE_LOG2;
	size_t top = smal_round_up(heap->top, page), from;

	if (heap->reservation == NULL || heap->dirty <= top) {
		heap->dirty = heap->top;
		return true;
	}
	from = heap->dirty - top > SMAL_DISCARD_GRANULES
	               ? (heap->dirty - SMAL_DISCARD_GRANULES) / page * page
	               : top;
	from = smal_max(from, top);
	/* If the system refuses, the memory is kept. */
	smal_account_discard(&heap->account, smal_granule(heap, (uint32_t)from),
	                     (smal_round_up(heap->dirty, page) - from) << SMAL_GRANULE_LOG2);
	heap->dirty = from == top ? heap->top : (uint32_t)from;
	return from == top;
}

bool smal_handle_discard(struct smal_handle_heap *heap)
{
	return heap->gap_count != 0 ? discard_gap(heap) : discard_behind(heap);
}
