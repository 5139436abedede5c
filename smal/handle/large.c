/* SPDX-License-Identifier: MIT */
/*
 * large.c: blocks that are not moved, for they leave no holes (handle.h).
 *
 * In the system's memory a block of 256 KiB or more is whole pages of a heap of its
 * own: when it ends, its pages are the system's again wherever it stood, so moving it
 * would gain nothing. Its entry holds the address of its record: the block, and its
 * size.
 */
#include <smal/handle/handle.h>

struct smal_large *smal_large_of(const struct smal_handle_entry *entry)
{
	return (struct smal_large *)(uintptr_t)((uint64_t)entry->next << 32 | entry->place);
}

static bool heap_is_there(struct smal_handle_heap *heap)
{
	return heap->large != NULL || smal_heap_create(NULL, &heap->large) == SMAL_OK;
}

bool smal_large_make(struct smal_handle_heap *heap, struct smal_handle_entry *entry, size_t bytes)
{
	struct smal_large *large;
	int saved = smal_os_errno();

	if (!heap_is_there(heap))
		goto fail;
	large = smal_heap_alloc(heap->large, sizeof *large);
	if (large == NULL)
		goto fail;
	large->bytes = bytes;
	large->address = smal_heap_alloc(heap->large, bytes);
	if (large->address == NULL) {
		smal_heap_free(heap->large, large);
		goto fail;
	}
	smal_entry_set_place(entry, (uint32_t)(uintptr_t)large);
	entry->next = (uint32_t)((uint64_t)(uintptr_t)large >> 32);
	heap->stats.large_blocks++;
	heap->stats.large_bytes += bytes;
	return true;

fail:
	smal_os_errno_restore(saved);
	return false;
}

void smal_large_end(struct smal_handle_heap *heap, struct smal_handle_entry *entry)
{
	struct smal_large *large = smal_large_of(entry);

	heap->stats.large_blocks--;
	heap->stats.large_bytes -= large->bytes;
	smal_heap_free(heap->large, large->address);
	smal_heap_free(heap->large, large);
}
