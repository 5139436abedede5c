/* SPDX-License-Identifier: MIT */
/*
 * verify.c: counting a heap of handles, and checking its invariants (handle.h, M1 to
 * M5).
 */
#include <smal/handle/handle.h>
#include <smal/base/fail.h>

/* What a walk along the list finds. */
struct found {
	uint64_t nodes, blocks, block_bytes, holes, free_granules;
	uint32_t longest;
};

/* Holes beside each other are one. */
static void count(const struct smal_handle_heap *heap, struct found *found)
{
	uint32_t run = 0;

	for (uint32_t at = heap->first; at != 0; at = smal_entry(heap, at)->next) {
		const struct smal_handle_entry *entry = smal_entry(heap, at);
		uint32_t granules = smal_node_granules(heap, entry);

		found->nodes++;
		if (smal_entry_is_used(entry)) {
			found->blocks++;
			found->block_bytes += ((uint64_t)granules << SMAL_GRANULE_LOG2) -
			                      smal_entry_slack(smal_entry_control(entry));
			run = 0;
			continue;
		}
		found->holes += run == 0;
		run += granules;
		found->free_granules += granules;
		if (run > found->longest)
			found->longest = run;
	}
}

void smal_handle_get_stats(struct smal_handle_heap *heap, struct smal_handle_stats *stats)
{
	struct found found = { 0 };
	uint64_t behind, most;
	bool locked;

	if (smal_handle_heap_check(heap, __func__) != SMAL_OK)
		return;
	locked = smal_handle_enter(heap);
	count(heap, &found);
	*stats = heap->stats;
	behind = smal_handle_room(heap, heap->spare_count < 2);
	behind = behind > heap->top ? behind - heap->top : 0;
	if (heap->last != 0 && !smal_entry_is_used(smal_entry(heap, heap->last)))
		behind += heap->top - smal_entry(heap, heap->last)->place;
	most = found.longest > behind ? found.longest : behind;
	stats->blocks = found.blocks + stats->large_blocks;
	stats->block_bytes = found.block_bytes + stats->large_bytes;
	stats->span_bytes = (uint64_t)heap->top << SMAL_GRANULE_LOG2;
	stats->free_bytes = found.free_granules << SMAL_GRANULE_LOG2;
	stats->holes = found.holes;
	stats->largest_hole_bytes = (uint64_t)found.longest << SMAL_GRANULE_LOG2;
	stats->allocatable_bytes = most << SMAL_GRANULE_LOG2;
	stats->metadata_bytes = heap->entries * (uint64_t)sizeof(struct smal_handle_entry) +
	                        ((uint64_t)(heap->top >> SMAL_HANDLE_PAGE_LOG2) + 1) *
	                                sizeof(uint32_t) +
	                        sizeof *heap;
	stats->spare_handles = heap->spare_count;
	smal_handle_leave(heap, locked);
}

/* ---- Invariants ---- */

static const char *check_node(const struct smal_handle_heap *heap, uint32_t at, uint32_t begin)
{
	const struct smal_handle_entry *entry = smal_entry(heap, at);
	uint32_t next = entry->next;

	if (next > heap->entries || entry->place != begin)
		return "handles M1: the nodes do not tile the span";
	if (smal_node_limit(heap, entry) <= begin || smal_node_limit(heap, entry) > heap->top)
		return "handles M1: a node ends before it begins";
	if ((next == 0) != (heap->last == at))
		return "handles M1: the last node is another one";
	if (smal_entry_control(entry) & SMAL_CONTROL_LARGE)
		return "handles M2: a large block is on the list";
	if (smal_entry_is_used(entry) && (smal_entry_control(entry) & SMAL_CONTROL_PURGED) != 0)
		return "handles M2: a purged block is on the list";
	if (smal_entry_slack(smal_entry_control(entry)) > SMAL_GRANULE ||
	    (!smal_entry_is_used(entry) && smal_entry_slack(smal_entry_control(entry)) != 0))
		return "handles M4: slack of more than a granule";
	if ((smal_entry_control(entry) & SMAL_CONTROL_MOVING) != 0)
		return "handles M5: a block is being moved";
	return NULL;
}

static const char *check_list(const struct smal_handle_heap *heap, uint64_t *nodes)
{
	uint32_t begin = 0, page = 0;

	for (uint32_t at = heap->first; at != 0; at = smal_entry(heap, at)->next) {
		const char *why;
		uint32_t in;

		if (at > heap->entries || ++*nodes > heap->entries)
			return "handles M1: the list has no end";
		why = check_node(heap, at, begin);
		if (why != NULL)
			return why;
		in = begin >> SMAL_HANDLE_PAGE_LOG2;
		if (begin == 0 || in != page) {
			for (page += begin != 0; page < in; page++)
				if (heap->pages[page] != 0)
					return "handles M3: no node begins in a page that has one";
			if (heap->pages[in] != at)
				return "handles M3: another node is the first of a page";
		}
		begin = smal_node_limit(heap, smal_entry(heap, at));
	}
	if (begin != heap->top)
		return "handles M1: the nodes do not tile the span";
	while (begin != 0 && ++page <= (begin - 1) >> SMAL_HANDLE_PAGE_LOG2)
		if (heap->pages[page] != 0)
			return "handles M3: no node begins in a page that has one";
	return NULL;
}

/* What is on no list. */
static const char *check_others(const struct smal_handle_heap *heap, uint64_t nodes)
{
	uint64_t spare = 0, large = 0, others = 0, purged = 0;

	for (uint32_t at = heap->spare; at != 0; at = smal_entry(heap, at)->next) {
		const struct smal_handle_entry *entry = smal_entry(heap, at);

		if (at > heap->entries || ++spare > heap->entries)
			return "handles M5: the list of spare entries has no end";
		if (entry->place != SMAL_NOWHERE ||
		    (smal_entry_control(entry) & SMAL_CONTROL_USED) != 0)
			return "handles M5: a spare entry is in use";
	}
	if (spare != heap->spare_count)
		return "handles M5: the spare entries are not counted";
	for (uint32_t at = 1; at <= heap->entries; at++) {
		uint32_t control = smal_entry_control(smal_entry(heap, at));

		if ((control & SMAL_CONTROL_USED) == 0)
			continue;
		large += (control & SMAL_CONTROL_LARGE) != 0;
		purged += (control & SMAL_CONTROL_PURGED) != 0;
	}
	others = spare + large + purged;
	if (nodes + others != heap->entries)
		return "handles M2: an entry is neither a node nor spare, purged or large";
	if (large != heap->stats.large_blocks)
		return "handles M4: the large blocks are not counted";
	return NULL;
}

static const char *check(const struct smal_handle_heap *heap)
{
	struct found found = { 0 };
	uint64_t nodes = 0;
	const char *why = check_list(heap, &nodes);

	if (why == NULL)
		why = check_others(heap, nodes);
	if (why != NULL)
		return why;
	count(heap, &found);
	if (found.free_granules != heap->free_granules)
		return "handles M4: the holes are not counted";
	return heap->top <= smal_handle_room(heap, 0) ? NULL
	                                              : "handles M1: the span is over the limit";
}

enum smal_error smal_handle_check(struct smal_handle_heap *heap)
{
	const char *why;
	bool locked;

	if (smal_handle_heap_check(heap, __func__) != SMAL_OK)
		return SMAL_ERROR_INVALID;
	locked = smal_handle_enter(heap);
	why = check(heap);
	smal_handle_leave(heap, locked);
	SMAL_REQUIRE(why == NULL, SMAL_ERROR_CORRUPT, why, heap, "%s", "");
	return SMAL_OK;
}
