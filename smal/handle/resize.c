/* SPDX-License-Identifier: MIT */
/*
 * resize.c: blocks that become longer or shorter.
 *
 *   shorter  | block | hole | next       the end becomes a hole, or the next hole's
 *   longer   | block      |hole| next    the next hole, or what is behind the span
 *            | hole | ... | block |      elsewhere: the entry changes its place on the
 *                                        list with that of the hole it moves to
 */
#include <smal/handle/handle.h>
#include <smal/base/fail.h>

#include <string.h>

/* Moves the beginning of a hole, which keeps its end. */
static void move_hole(struct smal_handle_heap *heap, uint32_t before, uint32_t hole, uint32_t place)
{
	struct smal_handle_entry *entry = smal_entry(heap, hole);

	smal_node_remove(heap, before, hole);
	smal_entry_set_place(entry, place);
	smal_node_insert(heap, before, hole);
	if (entry->next != 0)
		smal_hole_list(heap, hole);
}

static uint32_t hole_behind(const struct smal_handle_heap *heap,
                            const struct smal_handle_entry *entry)
{
	uint32_t next = entry->next;

	return next != 0 && !smal_entry_is_used(smal_entry(heap, next)) ? next : 0;
}

static bool shorten(struct smal_handle_heap *heap, uint32_t index, uint32_t granules)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);
	uint32_t less = smal_node_granules(heap, entry) - granules, hole = hole_behind(heap, entry);

	if (entry->next == 0) {
		heap->top -= less;
		return true;
	}
	if (hole != 0)
		move_hole(heap, index, hole, entry->place + granules);
	else if (!smal_node_cut(heap, index, entry->place + granules, true))
		return false;
	heap->free_granules += less;
	heap->unfolded += less;
	return true;
}

/* Where it stands. */
static bool lengthen(struct smal_handle_heap *heap, uint32_t index, uint32_t granules)
{
	const struct smal_handle_entry *entry = smal_entry(heap, index);
	uint32_t limit = entry->place + granules, hole = hole_behind(heap, entry);
	uint32_t more = granules - smal_node_granules(heap, entry), end;

	if (limit < granules)
		return false;
	if (entry->next == 0) {
		if (!smal_handle_commit(heap, limit))
			return false;
		heap->top = limit;
		heap->dirty = (uint32_t)smal_max(heap->dirty, limit);
		return true;
	}
	if (hole == 0)
		return false;
	end = smal_node_limit(heap, smal_entry(heap, hole));
	if (end < limit)
		return false;
	if (end > limit) {
		move_hole(heap, index, hole, limit);
	} else {
		smal_node_remove(heap, index, hole);
		smal_entry_give(heap, hole);
	}
	heap->free_granules -= more;
	return true;
}

/* ---- Elsewhere ---- */

static void tell_moved(const struct smal_handle_heap *heap, uint32_t index, const void *from,
                       void *to, size_t bytes)
{
	uint32_t control = smal_entry_control(smal_entry(heap, index));

	if ((control & SMAL_CONTROL_TELL) != 0 && heap->moved != NULL)
		heap->moved(smal_handle_of(heap, index, control), to, from, bytes, heap->user);
}

/* Nobody can lock the block until its control word is set again. */
static bool begin_move(struct smal_handle_entry *entry)
{
	uint32_t control;

	do {
		control = smal_atomic_load_u32(&entry->control);
		if ((control & SMAL_CONTROL_LOCKS) != 0)
			return false;
	} while (!smal_control_swap(entry, control, control | SMAL_CONTROL_MOVING));
	return true;
}

static void end_move(struct smal_handle_entry *entry, uint32_t set, uint32_t clear)
{
	smal_atomic_store_u32(&entry->control,
	                      (smal_entry_control(entry) & ~(clear | SMAL_CONTROL_MOVING)) | set);
}

/* What a block had is a hole from now on, of the entry `hole`. */
static void leave_place(struct smal_handle_heap *heap, uint32_t index, uint32_t hole)
{
	uint32_t granules = smal_node_granules(heap, smal_entry(heap, index));

	smal_node_replace(heap, index, hole);
	heap->free_granules += granules;
	heap->unfolded += granules;
	if (smal_entry(heap, hole)->next != 0)
		smal_hole_list(heap, hole);
}

/* A node that was taken is not needed after all. */
static void give_node(struct smal_handle_heap *heap, uint32_t node)
{
	heap->unfolded += smal_node_granules(heap, smal_entry(heap, node));
	if (smal_entry(heap, node)->next != 0)
		smal_hole_list(heap, node);
}

/* A block of the list, or a large one, becomes one of the list, of the node. */
static enum smal_error move_to_node(struct smal_handle_heap *heap, uint32_t index, uint32_t node,
                                    size_t old_bytes, size_t bytes)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);
	bool was_large = (smal_entry_control(entry) & SMAL_CONTROL_LARGE) != 0;
	uint32_t granules = smal_node_granules(heap, smal_entry(heap, node));
	uint32_t hole = was_large ? 0 : smal_entry_take(heap, true);
	const char *from = was_large ? smal_large_of(entry)->address
	                             : smal_granule(heap, entry->place);
	char *to = smal_granule(heap, smal_entry(heap, node)->place);

	if (hole == 0 && !was_large) {
		give_node(heap, node);
		return SMAL_ERROR_NO_MEMORY;
	}
	if (!begin_move(entry)) {
		if (hole != 0)
			smal_entry_give(heap, hole);
		give_node(heap, node);
		return SMAL_ERROR_BUSY;
	}
	memcpy(to, from, smal_min(old_bytes, bytes));
	if (was_large)
		smal_large_end(heap, entry);
	else
		leave_place(heap, index, hole);
	smal_node_replace(heap, node, index);
	smal_entry_give(heap, node);
	heap->free_granules -= granules;
	tell_moved(heap, index, from, to, bytes);
	end_move(entry, smal_handle_slack(bytes, granules),
	         SMAL_CONTROL_SLACK | SMAL_CONTROL_LARGE);
	return SMAL_OK;
}

/* A block of the list becomes a large one. */
static enum smal_error move_to_large(struct smal_handle_heap *heap, uint32_t index,
                                     size_t old_bytes, size_t bytes)
{
	struct smal_handle_entry *entry = smal_entry(heap, index), made = { 0 };
	const char *from = smal_granule(heap, entry->place);
	uint32_t hole = smal_entry_take(heap, true);
	char *to;

	if (hole == 0 || !smal_large_make(heap, &made, bytes))
		goto fail;
	if (!begin_move(entry)) {
		smal_large_end(heap, &made);
		smal_entry_give(heap, hole);
		return SMAL_ERROR_BUSY;
	}
	to = smal_large_of(&made)->address;
	memcpy(to, from, smal_min(old_bytes, bytes));
	leave_place(heap, index, hole);
	smal_entry_set_place(entry, made.place);
	entry->next = made.next;
	tell_moved(heap, index, from, to, bytes);
	end_move(entry, SMAL_CONTROL_LARGE, SMAL_CONTROL_SLACK);
	return SMAL_OK;

fail:
	if (hole != 0)
		smal_entry_give(heap, hole);
	return SMAL_ERROR_NO_MEMORY;
}

/* A large block becomes another large one; its pages are moved, not copied. */
static enum smal_error resize_large(struct smal_handle_heap *heap, uint32_t index, size_t bytes)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);
	struct smal_large *large = smal_large_of(entry);
	int saved = smal_os_errno();
	char *from = large->address, *to;
	enum smal_error error = SMAL_OK;

	if (!begin_move(entry))
		return SMAL_ERROR_BUSY;
	to = smal_heap_realloc(heap->large, from, bytes);
	if (to == NULL) {
		smal_os_errno_restore(saved);
		error = SMAL_ERROR_NO_MEMORY;
	} else {
		large->address = to;
		heap->stats.large_bytes += (uint64_t)bytes - large->bytes;
		large->bytes = bytes;
		if (to != from)
			tell_moved(heap, index, from, to, bytes);
	}
	end_move(entry, 0, 0);
	return error;
}

/* ---- All of them ---- */

static void set_slack(struct smal_handle_entry *entry, uint32_t slack)
{
	uint32_t control;

	do
		control = smal_atomic_load_u32(&entry->control);
	while (!smal_control_swap(entry, control,
	                          (control & ~(uint32_t)SMAL_CONTROL_SLACK) | slack));
}

static size_t bytes_of(const struct smal_handle_heap *heap, const struct smal_handle_entry *entry)
{
	uint32_t control = smal_entry_control(entry);

	if ((control & SMAL_CONTROL_PURGED) != 0)
		return 0;
	if ((control & SMAL_CONTROL_LARGE) != 0)
		return smal_large_of(entry)->bytes;
	return ((size_t)smal_node_granules(heap, entry) << SMAL_GRANULE_LOG2) -
	       smal_entry_slack(control);
}

/* Of a block of the list, where it stands. */
static bool resize_here(struct smal_handle_heap *heap, uint32_t index, size_t bytes)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);
	uint32_t granules = smal_handle_granules(bytes), has = smal_node_granules(heap, entry);

	if (granules == 0 || (granules < has && !shorten(heap, index, granules)) ||
	    (granules > has && !lengthen(heap, index, granules)))
		return false;
	set_slack(entry, smal_handle_slack(bytes, granules));
	return true;
}

/* With the lock. The node that is moved to may be found only by compacting, which may
 * move the block itself. */
static enum smal_error resize(struct smal_handle_heap *heap, uint32_t index, size_t bytes)
{
	struct smal_handle_entry *entry = smal_entry(heap, index);
	bool is_large = (smal_entry_control(entry) & SMAL_CONTROL_LARGE) != 0;
	bool to_large = heap->reservation != NULL && bytes >= SMAL_HANDLE_LARGE_BYTES;
	size_t old_bytes = bytes_of(heap, entry);
	uint32_t granules = smal_handle_granules(bytes), node;

	if (is_large && to_large)
		return resize_large(heap, index, bytes);
	if (!is_large && !to_large && resize_here(heap, index, bytes))
		return SMAL_OK;
	if ((smal_entry_control(entry) & SMAL_CONTROL_LOCKS) != 0)
		return SMAL_ERROR_BUSY;
	if (to_large)
		return move_to_large(heap, index, old_bytes, bytes);
	node = granules != 0 ? smal_node_take(heap, granules) : 0;
	if (node == 0 && granules != 0) {
		smal_compact_whole(heap);
		if (!is_large && resize_here(heap, index, bytes))
			return SMAL_OK;
		node = smal_node_take(heap, granules);
	}
	return node != 0 ? move_to_node(heap, index, node, old_bytes, bytes) : SMAL_ERROR_NO_MEMORY;
}

enum smal_error smal_handle_resize(struct smal_handle_heap *heap, smal_handle handle, size_t bytes)
{
	enum smal_error error = smal_handle_heap_check(heap, __func__);
	struct smal_handle_entry *entry;
	bool locked, purged;

	if (error != SMAL_OK)
		return error;
	locked = smal_handle_enter(heap);
	entry = smal_handle_entry(heap, handle);
	purged = entry != NULL && (smal_entry_control(entry) & SMAL_CONTROL_PURGED) != 0;
	if (entry != NULL && !purged)
		error = resize(heap, (uint32_t)handle, bytes);
	smal_handle_leave(heap, locked);
	if (entry == NULL)
		return smal_handle_fail(heap, handle, __func__);
	SMAL_REQUIRE(!purged, SMAL_ERROR_INVALID, "block was purged", NULL, "handle %08lx:%08lx",
	             (unsigned long)(handle >> 32), (unsigned long)(uint32_t)handle);
	return error;
}

size_t smal_handle_size(struct smal_handle_heap *heap, smal_handle handle)
{
	const struct smal_handle_entry *entry;
	size_t bytes = 0;
	bool locked;

	if (smal_handle_heap_check(heap, __func__) != SMAL_OK)
		return 0;
	locked = smal_handle_enter(heap);
	entry = smal_handle_entry(heap, handle);
	if (entry != NULL)
		bytes = bytes_of(heap, entry);
	smal_handle_leave(heap, locked);
	if (entry == NULL)
		smal_handle_fail(heap, handle, __func__);
	return bytes;
}
