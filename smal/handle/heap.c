/* SPDX-License-Identifier: MIT */
/*
 * heap.c: making and ending heaps of handles (handle.h).
 *
 *   the system's      | head, 64 KiB | blocks | pages | table |      one reservation
 *   a caller's buffer | head | pages | blocks -> ... <- table |
 */
#include <smal/handle/handle.h>
#include <smal/base/fail.h>

#include <string.h>

enum { HEAD_BYTES = SMAL_ID_BYTES };

/* Of the next heap. */
static volatile uint32_t next_number;

_Static_assert(offsetof(struct smal_handle_heap, single) ==
                       offsetof(struct smal_handle_view, single),
               "a view is the beginning of a heap");

static void init(struct smal_handle_heap *heap, const struct smal_handle_options *options)
{
	heap->number = smal_atomic_add_u32(&next_number, 1) &
	               (((uint32_t)1 << SMAL_HANDLE_HEAP_BITS) - 1);
	heap->single = smal_os_single;
	heap->moved = options->moved;
	heap->low = options->low;
	heap->user = options->user;
	smal_os_lock_init(&heap->lock);
}

/* The spare entry that purging may have. */
static bool make_first_entry(struct smal_handle_heap *heap)
{
	uint32_t index = smal_entry_take(heap, false);

	if (index == 0)
		return false;
	smal_entry_give(heap, index);
	smal_holes_folded(heap);
	smal_fork_lock_add(&heap->fork_lock, &heap->lock);
	heap->magic = SMAL_HANDLE_MAGIC;
	return true;
}

/* ---- In a buffer ---- */

static struct smal_handle_heap *make_in_buffer(const struct smal_handle_options *options)
{
	uintptr_t begin = smal_round_up((uintptr_t)options->buffer, SMAL_GRANULE), pages;
	uintptr_t limit = (uintptr_t)options->buffer + options->buffer_bytes;
	struct smal_handle_heap *heap = (void *)begin;
	size_t words;

	limit -= limit % sizeof(uint32_t);
	if (options->buffer_bytes < SMAL_HANDLE_LEAST_BYTES || limit < begin)
		return NULL;
	pages = begin + sizeof *heap;
	words = ((limit - pages) >> SMAL_CHUNK_LOG2) + 1;
	if ((limit - begin) >> SMAL_GRANULE_LOG2 >= UINT32_MAX)
		return NULL;
	memset(heap, 0, sizeof *heap + words * sizeof(uint32_t));
	init(heap, options);
	heap->account.provider = &smal_provider_buffer;
	heap->pages = (uint32_t *)pages;
	heap->base = (char *)smal_round_up(pages + words * sizeof(uint32_t), SMAL_GRANULE);
	heap->table = (struct smal_handle_entry *)limit;
	return make_first_entry(heap) ? heap : NULL;
}

/* ---- In the system's memory ---- */

/* A table for blocks of 16 bytes each, or, if that is gigabytes, of 64. */
static size_t table_bytes(size_t block_bytes)
{
	size_t most = block_bytes / SMAL_GRANULE * sizeof(struct smal_handle_entry);

	if (most >> 31 != 0)
		most = smal_max((size_t)1 << 31, most / 4);
	return smal_round_up(most, SMAL_ID_BYTES);
}

static size_t page_bytes(size_t block_bytes)
{
	return smal_round_up((block_bytes >> SMAL_CHUNK_LOG2) * sizeof(uint32_t) + 1,
	                     SMAL_ID_BYTES);
}

/* Fewer addresses where there are not so many. */
static char *reserve(size_t *block_bytes, size_t *bytes)
{
	char *base;

	for (; *block_bytes >= SMAL_ID_BYTES; *block_bytes = *block_bytes / 2) {
		*block_bytes = smal_round_up(*block_bytes, SMAL_ID_BYTES);
		*bytes = HEAD_BYTES + *block_bytes + page_bytes(*block_bytes) +
		         table_bytes(*block_bytes);
		base = smal_os_reserve(*bytes);
		if (base != NULL)
			return base;
	}
	return NULL;
}

static struct smal_handle_heap *make(const struct smal_handle_options *options)
{
	const uint64_t most = (uint64_t)(UINT32_MAX - SMAL_ID_BYTES) << SMAL_GRANULE_LOG2;
	/* Where addresses are scarce, not all of them by default. */
	size_t limit = (size_t)(sizeof(size_t) == 8 ? most : (uint64_t)1 << 30), bytes;
	size_t head = smal_round_up(sizeof(struct smal_handle_heap), smal_os_page_bytes());
	size_t block_bytes = sizeof(size_t) == 8 ? limit : (size_t)1 << 28;
	struct smal_handle_heap *heap;
	char *base;

	if (options->limit_bytes != 0)
		limit = block_bytes = smal_min(limit, options->limit_bytes);
	limit = smal_min(limit, block_bytes);
	block_bytes = smal_max(block_bytes, SMAL_ID_BYTES);
	base = reserve(&block_bytes, &bytes);
	if (base == NULL)
		return NULL;
	heap = (void *)base;
	if (!smal_os_commit(base, head)) {
		smal_os_release(base, bytes);
		return NULL;
	}
	init(heap, options);
	heap->reservation = base;
	heap->reservation_bytes = bytes;
	heap->account.provider = &smal_provider_os;
	heap->account.committed_bytes = head;
	heap->limit = (uint32_t)(smal_min(limit, block_bytes) >> SMAL_GRANULE_LOG2);
	heap->base = base + HEAD_BYTES;
	heap->block_area = (struct smal_area){ .base = heap->base, .bytes = block_bytes };
	heap->page_area = (struct smal_area){ .base = heap->base + block_bytes,
		                              .bytes = page_bytes(block_bytes) };
	heap->pages = (uint32_t *)(void *)heap->page_area.base;
	heap->table_base = heap->page_area.base + heap->page_area.bytes;
	heap->table = (struct smal_handle_entry *)(void *)(base + bytes);
	heap->table_committed = base + bytes;
	/* The ends of a table are touched a little at a time, like a stack. */
	smal_os_huge(base, bytes, false);
	if (make_first_entry(heap))
		return heap;
	smal_os_release(base, bytes);
	return NULL;
}

/* ---- For the program ---- */

enum smal_error smal_handle_heap_create(const struct smal_handle_options *options,
                                        struct smal_handle_heap **result)
{
	static const struct smal_handle_options none;
	struct smal_handle_options all = { 0 };

	SMAL_REQUIRE(result != NULL, SMAL_ERROR_INVALID, "result is NULL", NULL, "%s", "");
	options = options != NULL ? options : &none;
	SMAL_REQUIRE(options->options_bytes <= sizeof all, SMAL_ERROR_INVALID,
	             "options_bytes is larger than the library knows", options, "%zu",
	             options->options_bytes);
	memcpy(&all, options, options->options_bytes != 0 ? options->options_bytes : sizeof all);
	SMAL_REQUIRE(all.buffer == NULL || all.limit_bytes == 0, SMAL_ERROR_INVALID,
	             "limit_bytes is for the system's memory", options, "%s", "");
	SMAL_REQUIRE(all.buffer != NULL || all.buffer_bytes == 0, SMAL_ERROR_INVALID,
	             "buffer_bytes without a buffer", options, "%s", "");
	*result = all.buffer != NULL ? make_in_buffer(&all) : make(&all);
	return *result != NULL ? SMAL_OK : SMAL_ERROR_NO_MEMORY;
}

enum smal_error smal_handle_heap_destroy(struct smal_handle_heap *heap)
{
	if (heap == NULL)
		return SMAL_OK;
	if (smal_handle_heap_check(heap, __func__) != SMAL_OK)
		return SMAL_ERROR_INVALID;
	heap->magic = SMAL_MAGIC_GONE;
	smal_fork_lock_remove(&heap->fork_lock);
	smal_heap_destroy(heap->large);
	if (heap->reservation != NULL)
		smal_os_release(heap->reservation, heap->reservation_bytes);
	return SMAL_OK;
}
