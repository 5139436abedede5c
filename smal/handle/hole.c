/* SPDX-License-Identifier: MIT */
/*
 * hole.c: holes by size, and putting them together (handle.h).
 *
 *   small[g]  -> hole of g granules -> ...            g < 64
 *   bin[b]    -> hole of 64 * 2^b or more -> ...
 *
 * Each stack goes through the first words of its holes. What comes off one is looked
 * at again: the entry says whether it is a hole, was listed and has that size.
 */
#include <smal/handle/handle.h>

/* Holes of a bin that are tried for one that is large enough. */
enum { TRIES = 8 };

/* Granules that have to be freed at least before a free puts holes together; and for
 * each node that is looked at then. */
enum { FREED_LEAST = (1 << 20) / SMAL_GRANULE, NODE_GRANULES = 2 };

static uint32_t *link_of(const struct smal_handle_heap *heap, uint32_t index)
{
	return smal_hole_link(heap, smal_entry(heap, index));
}

static unsigned log2_of(uint32_t granules)
{
	return 31 - (unsigned)__builtin_clz(granules);
}

static unsigned bin_of(uint32_t granules)
{
	return log2_of(granules) - log2_of(SMAL_HANDLE_SMALL);
}

/* The stack of a size, with its bit set. */
static uint32_t *stack_of(struct smal_handle_heap *heap, uint32_t granules)
{
	if (granules < SMAL_HANDLE_SMALL) {
		heap->small_mask |= (uint64_t)1 << granules;
		return &heap->small[granules];
	}
	heap->bin_mask |= (uint32_t)1 << bin_of(granules);
	return &heap->bin[bin_of(granules)];
}

void smal_hole_list(struct smal_handle_heap *heap, uint32_t index)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);
	uint32_t *stack = stack_of(heap, smal_node_granules(heap, entry));

	*link_of(heap, index) = *stack;
	*stack = index;
	smal_entry_set_control(entry, smal_entry_control(entry) | SMAL_CONTROL_LISTED);
}

/* Granules of what a stack names; 0: it is no hole that was listed. */
static uint32_t listed(const struct smal_handle_heap *heap, uint32_t index)
{
	const struct smal_handle_entry *entry = smal_entry(heap, index);

	if (index - 1 >= heap->entries || !smal_entry_is_hole(entry) ||
	    (smal_entry_control(entry) & SMAL_CONTROL_LISTED) == 0)
		return 0;
	return smal_node_granules(heap, entry);
}

/* Takes what *stack names off it. */
static uint32_t pop(struct smal_handle_heap *heap, uint32_t *stack)
{
	uint32_t index = *stack;

	*stack = *link_of(heap, index);
	smal_entry_set_control(smal_entry(heap, index),
	                       smal_entry_control(smal_entry(heap, index)) &
	                               ~(uint32_t)SMAL_CONTROL_LISTED);
	return index;
}

/* A hole of exactly a small size. */
static uint32_t take_small(struct smal_handle_heap *heap, uint32_t granules)
{
	uint32_t index = smal_hole_pop(heap, granules);

	if (index != 0) {
		smal_entry_set_control(smal_entry(heap, index),
		                       smal_entry_control(smal_entry(heap, index)) &
		                               ~(uint32_t)SMAL_CONTROL_LISTED);
	} else {
		heap->small[granules] = 0;
		heap->small_mask &= ~((uint64_t)1 << granules);
	}
	return index;
}

/* A hole of a bin, as large or larger. A stack that leads astray ends there. */
static uint32_t take_bin(struct smal_handle_heap *heap, unsigned bin, uint32_t granules)
{
	uint32_t *stack = &heap->bin[bin];

	for (unsigned i = 0; i < TRIES; i++) {
		uint32_t has = listed(heap, *stack);

		if (has < SMAL_HANDLE_SMALL || bin_of(has) != bin) {
			*stack = 0;
			break;
		}
		if (has >= granules)
			return pop(heap, stack);
		stack = link_of(heap, *stack);
	}
	if (heap->bin[bin] == 0)
		heap->bin_mask &= ~((uint32_t)1 << bin);
	return 0;
}

static uint32_t take_larger(struct smal_handle_heap *heap, uint32_t granules)
{
	unsigned bin = granules < SMAL_HANDLE_SMALL ? 0 : bin_of(granules);
	uint64_t small = granules < SMAL_HANDLE_SMALL ? heap->small_mask & ~(uint64_t)0 << granules
	                                              : 0;
	uint32_t index = 0, bins;

	for (; small != 0 && index == 0; small &= small - 1)
		index = take_small(heap, (uint32_t)__builtin_ctzll(small));
	for (bins = heap->bin_mask >> bin << bin; bins != 0 && index == 0; bins &= bins - 1)
		index = take_bin(heap, (unsigned)__builtin_ctz(bins), granules);
	return index;
}

bool smal_node_cut(struct smal_handle_heap *heap, uint32_t index, uint32_t place, bool last)
{
	uint32_t rest = smal_entry_take(heap, last);

	if (rest == 0)
		return false;
	smal_entry_set_place(smal_entry(heap, rest), place);
	smal_node_insert(heap, index, rest);
	smal_hole_list(heap, rest);
	return true;
}

uint32_t smal_hole_take(struct smal_handle_heap *heap, uint32_t granules)
{
	const struct smal_handle_entry *entry;
	uint32_t index;

	if (granules < SMAL_HANDLE_SMALL && heap->small[granules] != 0) {
		index = take_small(heap, granules);
		if (SMAL_LIKELY(index != 0))
			return index;
	}
	if ((heap->small_mask | heap->bin_mask) == 0)
		return 0;
	index = take_larger(heap, granules);
	if (index == 0)
		return 0;
	entry = smal_entry(heap, index);
	if (smal_node_granules(heap, entry) == granules ||
	    smal_node_cut(heap, index, entry->place + granules, false))
		return index;
	smal_hole_list(heap, index);
	return 0;
}

/* ---- All of them ---- */

/* The last hole ends the span. */
static void lower_top(struct smal_handle_heap *heap, uint32_t before, uint32_t index)
{
	uint32_t place = smal_entry(heap, index)->place;

	heap->free_granules -= heap->top - place;
	heap->top = place;
	smal_node_remove(heap, before, index);
	smal_entry_give(heap, index);
}

/* Lists a hole behind those of its size that were listed before. */
static void append(struct smal_handle_heap *heap, uint32_t index, uint32_t *ends)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);
	uint32_t granules = smal_node_granules(heap, entry);
	uint32_t *stack = stack_of(heap, granules);
	uint32_t *end = &ends[granules < SMAL_HANDLE_SMALL ? granules
	                                                   : SMAL_HANDLE_SMALL + bin_of(granules)];

	if (*end == 0)
		*stack = index;
	else
		*link_of(heap, *end) = index;
	*end = index;
	*link_of(heap, index) = 0;
	smal_entry_set_control(entry, smal_entry_control(entry) | SMAL_CONTROL_LISTED);
}

static void fold(struct smal_handle_heap *heap)
{
	uint32_t ends[SMAL_HANDLE_SMALL + SMAL_HANDLE_BINS] = { 0 }, before = 0;

	for (unsigned i = 0; i < SMAL_HANDLE_SMALL; i++)
		heap->small[i] = 0;
	for (unsigned i = 0; i < SMAL_HANDLE_BINS; i++)
		heap->bin[i] = 0;
	heap->small_mask = heap->bin_mask = 0;
	for (uint32_t at = heap->first, next; at != 0; before = at, at = next) {
		const struct smal_handle_entry *entry = smal_entry(heap, at);

		next = entry->next;
		if (smal_entry_is_used(entry))
			continue;
		while (next != 0 && !smal_entry_is_used(smal_entry(heap, next))) {
			smal_node_remove(heap, at, next);
			smal_entry_give(heap, next);
			next = entry->next;
		}
		if (next == 0)
			return lower_top(heap, before, at);
		append(heap, at, ends);
	}
}

void smal_holes_folded(struct smal_handle_heap *heap)
{
	heap->unfolded = 0;
	heap->folded_granules = heap->free_granules;
	heap->fold_granules = heap->free_granules + (uint32_t)smal_max(heap->top / 2, FREED_LEAST);
}

bool smal_holes_pay(const struct smal_handle_heap *heap)
{
	return heap->unfolded / NODE_GRANULES >= heap->entries - heap->spare_count;
}

void smal_holes_fold(struct smal_handle_heap *heap)
{
	fold(heap);
	smal_holes_folded(heap);
}

bool smal_hole_discard(struct smal_handle_heap *heap, uint32_t index, uint32_t from, uint32_t most)
{
	const struct smal_handle_entry *entry = smal_entry(heap, index);
	size_t page = smal_os_page_bytes();
	size_t base = smal_round_up(((size_t)entry->place + 1) << SMAL_GRANULE_LOG2, page);
	size_t limit = ((size_t)smal_node_limit(heap, entry) << SMAL_GRANULE_LOG2) / page * page;
	size_t bytes = (size_t)most << SMAL_GRANULE_LOG2;

	base += (size_t)from << SMAL_GRANULE_LOG2;
	if (heap->reservation == NULL || base >= limit)
		return true;
	bytes = smal_min(bytes, limit - base);
	/* If the system refuses, the memory is kept. */
	smal_account_discard(&heap->account, heap->base + base, bytes);
	return base + bytes == limit;
}
