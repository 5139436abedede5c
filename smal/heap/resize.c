/* SPDX-License-Identifier: MIT */
/*
 * resize.c: blocks that become longer or shorter.
 *
 * A block stays where it is while its slot serves, and is not more than twice as
 * long as need be. Blocks of their own grow into the addresses behind them, or
 * their pages are moved (large.c); only what is smaller is copied.
 */
#include <smal/heap/guard.h>

#include <string.h>

size_t smal_heap_usable_bytes(struct smal_heap *heap, const void *block, const char *function)
{
	struct smal_buffer *buffer;
	size_t bit;

	heap = smal_heap_or_default(heap);
	if (block == NULL || heap == NULL)
		return 0;
	buffer = smal_heap_block(heap, block, &bit);
	if (buffer != NULL && heap->guarded)
		return smal_guard_bytes(heap, block);
	if (buffer != NULL) {
		if (heap->slow)
			smal_os_tool_allow(block, smal_heap_slot_bytes(buffer));
		return smal_heap_slot_bytes(buffer);
	}
	if (smal_empty_owner(block) != heap->owner)
		smal_heap_fault(heap, function, block);
	return 0;
}

size_t smal_heap_usable(struct smal_heap *heap, const void *block)
{
	return smal_heap_usable_bytes(heap, block, __func__);
}

/* A tool watches: of a block's `all` bytes, these many may be touched. */
static void tell_tool(void *block, size_t bytes, size_t all)
{
	smal_os_tool_allow(block, bytes);
	smal_os_tool_forbid((char *)block + bytes, all - bytes);
}

static void *move(struct smal_heap *heap, void *block, size_t had, size_t bytes, const char *function)
{
	void *fresh = smal_heap_alloc(heap, bytes);

	if (fresh == NULL)
		return NULL;
	if (heap->slow)
		smal_os_tool_allow(block, had);
	memcpy(fresh, block, smal_min(had, bytes));
	smal_heap_free_slow(heap, block, function);
	return fresh;
}

/* True if a slot serves a request. */
static bool serves(size_t all, size_t bytes)
{
	return bytes <= all && (all <= 64 || bytes > all / 2);
}

void *smal_heap_realloc_as(struct smal_heap *heap, void *block, size_t bytes, const char *function)
{
	struct smal_buffer *buffer;
	void *moved = NULL;
	size_t bit, all;

	heap = smal_heap_or_default(heap);
	if (block == NULL || heap == NULL)
		return smal_heap_alloc(heap, bytes);
	buffer = smal_heap_block(heap, block, &bit);
	if (buffer == NULL) {
		if (smal_empty_owner(block) == heap->owner)
			return bytes == 0 ? block : move(heap, block, 0, bytes, function);
		smal_heap_fault(heap, function, block);
		smal_os_errno_set(SMAL_OS_INVALID);
		return NULL;
	}
	if (heap->guarded && smal_guard_look(heap, block, function) != SMAL_OK) {
		smal_os_errno_set(SMAL_OS_INVALID);
		return NULL;
	}
	if (heap->guarded)
		return move(heap, block, smal_guard_bytes(heap, block), bytes, function);
	all = smal_heap_slot_bytes(buffer);
	if (buffer->stride->stride_bytes != 0 && bytes != 0 && serves(all, bytes)) {
		if (heap->slow)
			tell_tool(block, bytes, all);
		return block;
	}
	if (buffer->stride->stride_bytes == 0 && bytes > SMAL_CLASS_LARGEST)
		moved = smal_large_resize(heap, buffer, bytes);
	if (moved != NULL && heap->slow)
		tell_tool(moved, bytes, smal_round_up(bytes, SMAL_CHUNK));
	return moved != NULL ? moved : move(heap, block, all, bytes, function);
}

void *smal_heap_realloc(struct smal_heap *heap, void *block, size_t bytes)
{
	return smal_heap_realloc_as(heap, block, bytes, __func__);
}
