/* SPDX-License-Identifier: MIT */
/*
 * compact.c: moving blocks together, in one walk that can stop anywhere.
 *
 *   before | A | gap | B | C | hole | D (locked) | E | ...
 *
 *          | A | B | C |  gap      | D (locked) | E | ...     B, C in one copy
 *                            left behind
 *
 * The walk goes along the list. The first hole that it meets is the gap; blocks behind
 * it, as many as are beside each other and not locked, up to 64 KiB, are marked, moved
 * down over the gap by one copy and put before it on the list; further holes join it.
 * So after every step the heap is whole, and the blocks before the gap are dense. At a
 * locked block the gap is left behind; blocks from further up that fit into one of
 * the last that were left are moved there, first fit. At the end of the list the
 * gap is the end of the span.
 *
 * Each block is moved at most once, each node looked at once: O(nodes), whatever is
 * locked. What the walk has come to is one node; whoever changes the list meanwhile
 * keeps that right (table.c).
 */
#include <smal/handle/handle.h>

#include <string.h>

enum {
	/* What is done between two looks at the clock. */
	STEP_GRANULES = 64 * 1024 / SMAL_GRANULE,
	STEP_NODES = 256
};

/* Where a walk is: before -> (gap) -> at. */
struct walk {
	struct smal_handle_heap *heap;
	/* 0: there is none. */
	uint32_t before, gap, at;
	/* Nodes that the step has looked at, and granules that it has moved. */
	uint32_t nodes, granules;
	/* Nobody could lock a block meanwhile: none is marked. */
	bool alone;
};

/* ---- Blocks ---- */

/* Nobody can lock the block from now on. */
static inline bool mark(const struct walk *walk, struct smal_handle_entry *entry)
{
	uint32_t control = smal_atomic_load_u32(&entry->control);

	while ((control & SMAL_CONTROL_LOCKS) == 0) {
		if (walk->alone ||
		    smal_atomic_cas_u32(&entry->control, control, control | SMAL_CONTROL_MOVING))
			return true;
		control = smal_atomic_load_u32(&entry->control);
	}
	return false;
}

/* The block is in its new place: whoever wants to know is told, and it can be locked. */
static void unmark(struct smal_handle_heap *heap, uint32_t index, uint32_t from)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);
	uint32_t control = smal_entry_control(entry);
	size_t bytes;

	if (SMAL_UNLIKELY((control & SMAL_CONTROL_TELL) != 0) && heap->moved != NULL) {
		bytes = ((size_t)smal_node_granules(heap, entry) << SMAL_GRANULE_LOG2) -
		        smal_entry_slack(control);
		heap->moved(smal_handle_of(heap, index, control), smal_granule(heap, entry->place),
		            smal_granule(heap, from), bytes, heap->user);
	}
	smal_atomic_store_u32(&entry->control, control & ~(uint32_t)SMAL_CONTROL_MOVING);
}

/* ---- One step ---- */

/* Marks blocks beside each other from walk->at on, of `most` granules together if they
 * are more than one; returns the node behind them. */
static uint32_t mark_run(struct walk *walk, uint32_t most, uint32_t *last)
{
	struct smal_handle_heap *heap = walk->heap;
	uint32_t at = walk->at, begin = smal_entry(heap, at)->place, nodes = walk->nodes;

	*last = 0;
	while (at != 0 && (*last == 0 || walk->nodes < STEP_NODES)) {
		struct smal_handle_entry *entry = smal_entry(heap, at);

		if (!smal_entry_is_used(entry) ||
		    (*last != 0 && smal_node_limit(heap, entry) - begin > most) ||
		    !mark(walk, entry))
			break;
		walk->nodes++;
		*last = at;
		at = entry->next;
	}
	heap->stats.moved_blocks += walk->nodes - nodes;
	return at;
}

/* Blocks have been moved, `down` granules each: they can be locked again. */
static void unmark_run(struct walk *walk, uint32_t first, uint32_t last, uint32_t down)
{
	struct smal_handle_heap *heap = walk->heap;
	uint32_t at = first, next;

	if (walk->alone && heap->moved == NULL)
		return;
	for (;; at = next) {
		next = smal_entry(heap, at)->next;
		unmark(heap, at, smal_entry(heap, at)->place + down);
		if (at == last)
			return;
	}
}

static void count_moved(struct walk *walk, uint32_t granules)
{
	walk->heap->stats.moved_bytes += (uint64_t)granules << SMAL_GRANULE_LOG2;
	walk->granules += granules;
}

/* The blocks from `first` to `last` stand `down` granules lower now, and the pages that
 * they begin in say so. `place`: where the first is. */
static void settle_run(struct smal_handle_heap *heap, uint32_t first, uint32_t last, uint32_t down,
                       uint32_t place)
{
	uint32_t at = first;

	for (;;) {
		struct smal_handle_entry *entry = smal_entry(heap, at);

		smal_entry_set_place(entry, entry->place - down);
		smal_node_follows(heap, place, at);
		place = entry->place;
		if (at == last)
			return;
		at = entry->next;
	}
}

/* The gap begins at `end` now, behind a node at `place`, and ends where `after` begins or
 * the span ends. Between, and from page `from` on, pages have words of what was there. */
static void settle_gap(struct walk *walk, uint32_t place, uint32_t end, uint32_t after,
                       uint32_t from)
{
	struct smal_handle_heap *heap = walk->heap;
	uint32_t limit = after != 0 ? smal_page_of(smal_entry(heap, after)->place)
	                            : smal_page_of(heap->top - 1) + 1;

	smal_entry_set_place(smal_entry(heap, walk->gap), end);
	smal_node_follows(heap, place, walk->gap);
	for (uint32_t page = (uint32_t)smal_max(smal_page_of(end) + 1, from); page < limit; page++)
		heap->pages[page] = 0;
	if (after != 0 && limit != smal_page_of(end))
		heap->pages[limit] = after;
}

/* Moves the blocks from walk->at to `last` down over the gap. */
static void move_run(struct walk *walk, uint32_t last, uint32_t after)
{
	struct smal_handle_heap *heap = walk->heap;
	struct smal_handle_entry *gap = smal_entry(heap, walk->gap);
	uint32_t begin = smal_entry(heap, walk->at)->place, to = gap->place;
	uint32_t end = smal_node_limit(heap, smal_entry(heap, last)), first = walk->at;
	uint32_t down = begin - to;

	memmove(smal_granule(heap, to), smal_granule(heap, begin),
	        (size_t)(end - begin) << SMAL_GRANULE_LOG2);
	smal_node_link(heap, walk->before, first);
	if (heap->pages[smal_page_of(to)] == walk->gap)
		heap->pages[smal_page_of(to)] = first;
	/* All places first: a block's size is known by the next one's. */
	settle_run(heap, first, last, down, to);
	smal_entry(heap, last)->next = walk->gap;
	smal_node_link(heap, walk->gap, after);
	settle_gap(walk, smal_entry(heap, last)->place, end - down, after, smal_page_of(begin));
	unmark_run(walk, first, last, down);
	count_moved(walk, end - begin);
	walk->before = last;
	walk->at = after;
}

/* ---- Gaps that were left behind ---- */

static void forget_gap(struct smal_handle_heap *heap, unsigned which)
{
	heap->gap_count--;
	for (unsigned i = which; i < heap->gap_count; i++)
		heap->gap[i] = heap->gap[i + 1];
}

/* Remembers the walk's gap, instead of the smallest if there are too many; the lowest
 * first. */
static void leave_gap(struct walk *walk)
{
	struct smal_handle_heap *heap = walk->heap;
	unsigned least = 0;

	smal_hole_list(heap, walk->gap);
	/* What is none any more may be a block by now. */
	for (unsigned i = heap->gap_count; i-- > 0;)
		if (!smal_gap_is_there(heap, &heap->gap[i]))
			forget_gap(heap, i);
	if (heap->gap_count == SMAL_HANDLE_GAPS) {
		for (unsigned i = 1; i < heap->gap_count; i++)
			if (smal_node_granules(heap, smal_entry(heap, heap->gap[i].node)) <
			    smal_node_granules(heap, smal_entry(heap, heap->gap[least].node)))
				least = i;
		smal_hole_discard(heap, heap->gap[least].node, 0, SMAL_DISCARD_GRANULES);
		/* That takes its time, too: as if an eighth were copied. */
		walk->granules +=
			(uint32_t)smal_min(
				smal_node_granules(heap, smal_entry(heap, heap->gap[least].node)),
				SMAL_DISCARD_GRANULES) /
			8;
		forget_gap(heap, least);
	}
	heap->gap[heap->gap_count++] = (struct smal_gap){ walk->gap, walk->before };
	walk->gap = 0;
}

/* The first gap that a block fits into, or -1. What was behind one may have become a
 * hole since, so that the walk has come by again. */
static int fitting_gap(const struct walk *walk, uint32_t granules)
{
	struct smal_handle_heap *heap = walk->heap;

	for (unsigned i = 0; i < heap->gap_count;) {
		if (heap->gap[i].node == walk->gap || !smal_gap_is_there(heap, &heap->gap[i])) {
			forget_gap(heap, i);
			continue;
		}
		if (smal_node_granules(heap, smal_entry(heap, heap->gap[i].node)) >= granules)
			return (int)i;
		i++;
	}
	return -1;
}

/* Blocks from `first` on, at [begin, end), leave the list: what they had joins the walk's
 * gap, or is it. */
static void vacate(struct walk *walk, uint32_t first, uint32_t begin, uint32_t end, uint32_t after,
                   uint32_t new_gap)
{
	struct smal_handle_heap *heap = walk->heap;
	uint32_t page = smal_page_of(begin), limit = smal_page_of(end - 1);

	if (heap->pages[page] == first)
		heap->pages[page] = 0;
	while (++page <= limit)
		heap->pages[page] = 0;
	if (walk->gap == 0) {
		walk->gap = new_gap;
		smal_entry_set_place(smal_entry(heap, new_gap), begin);
		smal_node_link(heap, walk->before, new_gap);
		if (heap->pages[smal_page_of(begin)] == 0)
			heap->pages[smal_page_of(begin)] = new_gap;
	}
	smal_node_link(heap, walk->gap, after);
	if (after != 0 && heap->pages[smal_page_of(smal_entry(heap, after)->place)] == 0)
		heap->pages[smal_page_of(smal_entry(heap, after)->place)] = after;
}

/* Puts the blocks from `first` to `last` at the beginning of a gap, `down` below where they
 * were. */
static void fill_gap(struct walk *walk, unsigned which, uint32_t first, uint32_t last,
                     uint32_t down, uint32_t granules)
{
	struct smal_handle_heap *heap = walk->heap;
	uint32_t before = heap->gap[which].before, node = heap->gap[which].node;
	struct smal_handle_entry *gap = smal_entry(heap, node);
	uint32_t place = gap->place, limit = smal_node_limit(heap, gap);

	smal_node_link(heap, before, first);
	if (heap->pages[smal_page_of(place)] == node)
		heap->pages[smal_page_of(place)] = first;
	settle_run(heap, first, last, down, place);
	if (place + granules == limit) {
		smal_entry(heap, last)->next = gap->next;
		forget_gap(heap, which);
		smal_node_forget(heap, node, last);
		if (walk->before == node)
			walk->before = last;
		smal_entry_give(heap, node);
		return;
	}
	smal_entry(heap, last)->next = node;
	smal_entry_set_place(gap, place + granules);
	smal_node_follows(heap, smal_entry(heap, last)->place, node);
	heap->gap[which].before = last;
}

/* Blocks from walk->at on go to a gap, as many as fit. What they leave may need an entry:
 * false, if there is none, or the first one is locked. */
static bool move_back(struct walk *walk, unsigned which)
{
	struct smal_handle_heap *heap = walk->heap;
	const struct smal_handle_entry *to = smal_entry(heap, heap->gap[which].node);
	uint32_t place = to->place, most = smal_node_granules(heap, to);
	uint32_t first = walk->at, begin = smal_entry(heap, first)->place, last, after, end;
	uint32_t new_gap = walk->gap == 0 ? smal_entry_take(heap, false) : 0;

	if (walk->gap == 0 && new_gap == 0)
		return false;
	after = mark_run(walk, (uint32_t)smal_min(most, STEP_GRANULES), &last);
	if (last == 0) {
		if (new_gap != 0)
			smal_entry_give(heap, new_gap);
		return false;
	}
	end = smal_node_limit(heap, smal_entry(heap, last));
	memcpy(smal_granule(heap, place), smal_granule(heap, begin),
	       (size_t)(end - begin) << SMAL_GRANULE_LOG2);
	vacate(walk, first, begin, end, after, new_gap);
	fill_gap(walk, which, first, last, begin - place, end - begin);
	unmark_run(walk, first, last, begin - place);
	count_moved(walk, end - begin);
	walk->at = after;
	return true;
}

/* ---- The walk ---- */

static void meet_hole(struct walk *walk)
{
	struct smal_handle_heap *heap = walk->heap;
	struct smal_handle_entry *entry = smal_entry(heap, walk->at);
	uint32_t hole = walk->at;

	walk->at = entry->next;
	if (walk->gap == 0) {
		walk->gap = hole;
		smal_entry_set_control(entry,
		                       smal_entry_control(entry) & ~(uint32_t)SMAL_CONTROL_LISTED);
		return;
	}
	smal_node_remove(heap, walk->gap, hole);
	smal_entry_give(heap, hole);
}

static void pass(struct walk *walk)
{
	if (walk->gap != 0)
		leave_gap(walk);
	walk->before = walk->at;
	walk->at = smal_entry(walk->heap, walk->at)->next;
}

static void meet_block(struct walk *walk)
{
	struct smal_handle_heap *heap = walk->heap;
	const struct smal_handle_entry *entry = smal_entry(heap, walk->at);
	uint32_t last = 0, after;
	int fits = -1;

	if (heap->gap_count != 0)
		fits = fitting_gap(walk, smal_node_granules(heap, entry));
	if (fits >= 0 && move_back(walk, (unsigned)fits))
		return;
	if (walk->gap == 0)
		return pass(walk);
	after = mark_run(walk, STEP_GRANULES, &last);
	if (last != 0)
		move_run(walk, last, after);
	else
		pass(walk);
}

static void step(struct walk *walk)
{
	walk->nodes = walk->granules = 0;
	while (walk->at != 0 && walk->nodes < STEP_NODES && walk->granules < STEP_GRANULES) {
		walk->nodes++;
		if (smal_entry_is_used(smal_entry(walk->heap, walk->at)))
			meet_block(walk);
		else
			meet_hole(walk);
	}
}

/* The walk is at the end of the list: the gap is free memory behind the span. */
static void end_walk(struct walk *walk)
{
	struct smal_handle_heap *heap = walk->heap;

	if (walk->gap != 0) {
		uint32_t place = smal_entry(heap, walk->gap)->place;

		heap->free_granules -= heap->top - place;
		heap->top = place;
		smal_node_remove(heap, walk->before, walk->gap);
		smal_entry_give(heap, walk->gap);
	}
	heap->walked = 0;
	heap->walking = false;
	heap->discarding = true;
	heap->discarded = 0;
	smal_holes_folded(heap);
	heap->stats.compactions++;
	if (heap->top / 3 < smal_handle_room(heap, 0) / 4)
		heap->told_lower = heap->told_higher = false;
}

/* To where the last call stopped. That node may have become a hole: the next walk finds
 * it, like all that is freed behind this one. */
static struct walk go_on(struct smal_handle_heap *heap)
{
	struct walk walk = { .heap = heap,
		             .before = heap->walked,
		             .alone = smal_os_single_threaded() };

	if (!heap->walking)
		heap->gap_count = 0;
	heap->walking = true;
	walk.at = walk.before != 0 ? smal_entry(heap, walk.before)->next : heap->first;
	return walk;
}

static void stop(struct walk *walk)
{
	walk->heap->walked = walk->before;
	if (walk->gap != 0 && smal_entry(walk->heap, walk->gap)->next != 0)
		smal_hole_list(walk->heap, walk->gap);
}

bool smal_compact_locked(struct smal_handle_heap *heap, uint64_t max_ns)
{
	uint64_t limit = max_ns != 0 ? smal_os_clock_ns() + max_ns : 0;
	struct walk walk;
	bool done = !heap->walking &&
	            (heap->free_granules == 0 || (heap->discarding && !heap->unfolded));

	if (!done) {
		walk = go_on(heap);
		do
			step(&walk);
		while (walk.at != 0 && (max_ns == 0 || smal_os_clock_ns() < limit));
		done = walk.at == 0;
		if (done)
			end_walk(&walk);
		else
			stop(&walk);
	}
	while (done && !smal_handle_discard(heap))
		done = max_ns == 0 || smal_os_clock_ns() < limit;
	heap->discarding &= !done;
	return done;
}

void smal_compact_whole(struct smal_handle_heap *heap)
{
	/* One that was under way has left behind what was freed or unlocked since. */
	if (heap->walking)
		smal_compact_locked(heap, 0);
	heap->discarding = false;
	smal_compact_locked(heap, 0);
}

/* Others may have the heap now and then while it is compacted to its end. */
enum { TURN_NS = 1000000 };

bool smal_compact(struct smal_handle_heap *heap, uint64_t max_ns)
{
	bool done, locked, began = false;

	if (smal_handle_heap_check(heap, __func__) != SMAL_OK)
		return true;
	do {
		bool goes_on;

		locked = smal_handle_enter(heap);
		goes_on = heap->walking && !began;
		if (max_ns == 0 && !began)
			heap->discarding = false;
		done = smal_compact_locked(heap, max_ns == 0 && locked ? TURN_NS : max_ns);
		/* One that was under way has left behind what was freed since: again. */
		began |= !goes_on || done;
		if (goes_on && max_ns == 0)
			done = false;
		if (done && max_ns == 0)
			smal_entries_trim(heap);
		smal_handle_leave(heap, locked);
	} while (!done && max_ns == 0);
	return done;
}
