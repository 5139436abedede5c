/* SPDX-License-Identifier: MIT */
/*
 * purge.c: free pages inside of buffers that are in use go back to the system.
 *
 *   held   | 1 0 0 1 | 0 0 0 0 | 0 0 1 0 | ...     a page: 4 words of the mask
 *   idle                 1                         was free at the last look
 *   gone                 1                         is with the system
 *
 * After so many bytes have been freed to the masks, in proportion to what a cache
 * has, bins that have not been filled meanwhile give up what they hold, and their
 * empty buffers. After more, and when some time has passed, a look at all of the
 * cache's buffers is due. A
 * page that was free at the last look, and of which nothing has been taken since,
 * goes back. No system call is made for less than that, and none to get a page
 * again: it is touched, and there.
 *
 * Only masks that lie elsewhere allow it: a free list through the page would make
 * it resident for ever.
 *
 * Invariant I1: a page that is gone or idle has no slot that is held or in a
 * bin: before a look, the bins are emptied.
 */
#include <smal/heap/heap.h>

enum {
	/* Bytes that are freed between two looks at idle bins, at least; and of what a
	 * cache has, one part in so many. */
	IDLE_BYTES = 512 * 1024,
	IDLE_PART = 64,
	/* The same for pages, and the time between. */
	LOOK_BYTES = 2 << 20,
	LOOK_PART = 32,
	LOOK_MS = 5
};

/* The pages of a buffer that no slot in use reaches into. */
static uint64_t free_pages(const struct smal_buffer *buffer)
{
	const smal_word *held = smal_buffer_held(buffer);
	size_t page_words = SMAL_CHUNK / SMAL_GRANULE / SMAL_WORD_BITS;
	uint64_t pages = 0;

	for (unsigned page = 0; page < buffer->chunks; page++) {
		uintptr_t start = smal_buffer_base(buffer) + (uintptr_t)page * SMAL_CHUNK;
		smal_word bits = 0;

		for (size_t i = 0; i < page_words; i++)
			bits |= held[page * page_words + i];
		if (bits == 0 &&
		    !smal_bit_get(held, smal_buffer_bit(buffer, smal_buffer_slot(buffer, start))))
			pages |= (uint64_t)1 << page;
	}
	return pages;
}

/* Gives the pages of a buffer back; those that went. */
static uint64_t discard(const struct smal_buffer *buffer, uint64_t pages)
{
	uint64_t gone = 0;

	while (pages != 0) {
		unsigned first = (unsigned)__builtin_ctzll(pages);
		uint64_t rest = ~(pages >> first);
		unsigned n = rest == 0 ? 64 : (unsigned)__builtin_ctzll(rest);
		uint64_t run = (n == 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1) << first;

		if (smal_os_discard((char *)smal_buffer_base(buffer) + (size_t)first * SMAL_CHUNK,
		                    (size_t)n * SMAL_CHUNK))
			gone |= run;
		pages &= ~run;
	}
	return gone;
}

/* Looks at one buffer; with `now`, also pages that were in use a moment ago go. */
static size_t look(struct smal_buffer *buffer, bool now)
{
	struct smal_lent *lent = smal_buffer_lent(buffer);
	size_t room = (buffer->stride->slots - buffer->used_slots) * buffer->stride->stride_bytes;
	uint64_t pages, gone;

	if (room < SMAL_CHUNK || smal_os_page_bytes() != SMAL_CHUNK)
		return 0;
	pages = free_pages(buffer);
	gone = discard(buffer, pages & ~lent->gone & (now ? pages : lent->idle));
	lent->gone |= gone;
	lent->idle = pages;
	return (size_t)__builtin_popcountll(gone) * SMAL_CHUNK;
}

static size_t look_at_list(struct smal_link *list, bool now)
{
	size_t bytes = 0;

	SMAL_LIST_EACH(link, list)
		bytes += look(SMAL_CONTAINER(link, struct smal_buffer, link), now);
	return bytes;
}

static size_t look_at_cache(struct smal_cache *cache, bool now)
{
	size_t bytes;

	smal_cache_flush(cache);
	bytes = look_at_list(&cache->spares, now);
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES; class++) {
		struct smal_bin *bin = &cache->bin[class];

		if (bin->room.next == NULL)
			continue;
		if (bin->current != NULL)
			bytes += look(bin->current, now);
		bytes += look_at_list(&bin->room, now);
	}
	cache->freed_bytes = cache->unlooked_bytes = 0;
	return bytes;
}

void smal_purge_some_slow(struct smal_cache *cache)
{
	uint32_t now_ms;

	cache->unlooked_bytes += cache->freed_bytes;
	cache->freed_bytes = 0;
	cache->refills = 0;
	cache->due_bytes = IDLE_BYTES + (size_t)cache->buffers * (SMAL_ID_BYTES / IDLE_PART);
	smal_cache_retire_idle(cache);
	if (cache->unlooked_bytes < LOOK_BYTES + (size_t)cache->buffers * (SMAL_ID_BYTES / LOOK_PART))
		return;
	now_ms = (uint32_t)(smal_os_clock_ns() / 1000000);
	if (now_ms - cache->looked_ms < LOOK_MS)
		return;
	cache->looked_ms = now_ms;
	look_at_cache(cache, false);
}

/* ---- At once ---- */

static size_t trim_locked(struct smal_heap *heap)
{
	size_t bytes = 0;

	while (smal_cache_unpark_locked(heap))
		continue;
	smal_large_trim_locked(heap);
	/* That of a guarded heap has all there is. */
	if (heap->shared != NULL && !heap->guarded)
		smal_cache_dissolve_locked(heap->shared);
	if (heap->shared != NULL && heap->guarded) {
		/* The second time, all bins are idle. */
		smal_cache_retire_idle(heap->shared);
		smal_cache_retire_idle(heap->shared);
		bytes += look_at_cache(heap->shared, true);
	}
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES; class++)
		if (heap->stride[class].magic == SMAL_MAGIC_STRIDE)
			bytes += look_at_list(&heap->stride[class].room, true);
	return bytes;
}

size_t smal_heap_trim(struct smal_heap *heap)
{
	struct smal_cache *cache;
	size_t bytes;

	heap = smal_heap_or_default(heap);
	if (heap == NULL)
		return 0;
	cache = smal_cache_find(heap);
	smal_os_lock_take(&heap->lock);
	if (cache != NULL) {
		smal_cache_dissolve_locked(cache);
		smal_atomic_store(&cache->pending, 0);
	}
	bytes = trim_locked(heap);
	smal_os_lock_give(&heap->lock);
	return bytes + smal_space_purge(heap->space, 0);
}
