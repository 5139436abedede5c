/* SPDX-License-Identifier: MIT */
/*
 * verify.c: counts and the checker of heaps: what heap.h, bin.c, remote.c and
 * purge.c promise of every buffer, and the sum over all of them.
 */
#include <smal/heap/guard.h>
#include <smal/base/fail.h>

/* ---- Counts ---- */

/* What other threads change meanwhile is read as it is. */
SMAL_NO_SANITIZE_THREAD
static void add_buffer(struct smal_heap_stats *stats, const struct smal_buffer *buffer)
{
	const struct smal_stride *stride = buffer->stride;
	const struct smal_lent *lent = smal_buffer_lent(buffer);
	const smal_word *held = smal_buffer_held(buffer), *remote = smal_buffer_remote(buffer);
	uint64_t blocks = 0;

	stats->buffer_bytes += smal_buffer_bytes(buffer);
	for (size_t w = 0; w < stride->words; w++)
		blocks += smal_word_count(smal_word_load(&held[w]) & ~smal_word_load(&remote[w]));
	stats->used_blocks += blocks;
	stats->purged_bytes += (uint64_t)__builtin_popcountll(lent->gone) * SMAL_CHUNK;
	if (stride->stride_bytes != 0) {
		stats->used_bytes += blocks * stride->stride_bytes;
	} else if (blocks != 0) {
		stats->used_bytes += lent->bytes;
		stats->large_blocks++;
		stats->large_bytes += lent->bytes;
	}
}

void smal_heap_get_stats(struct smal_heap *heap, struct smal_heap_stats *stats)
{
	struct smal_buffer *buffer;
	uintptr_t at = 0;

	*stats = (struct smal_heap_stats){ 0 };
	heap = smal_heap_or_default(heap);
	if (heap == NULL)
		return;
	/* Buffers are made and ended with the lock only. */
	smal_os_lock_take(&heap->lock);
	while ((buffer = smal_heap_next_buffer(heap, &at)) != NULL)
		add_buffer(stats, buffer);
	SMAL_LIST_EACH(link, &heap->caches)
		stats->threads++;
	stats->buffer_peak_bytes = heap->peak_bytes;
	smal_os_lock_give(&heap->lock);
	stats->empty_blocks = smal_empty_count(heap);
	stats->free_bytes = stats->buffer_bytes - stats->used_bytes;
}

/* ---- The checker ---- */

/* Slots that are held; summary is set to the words with others. */
static uint32_t count_held(const struct smal_buffer *buffer, smal_word *summary)
{
	const struct smal_stride *stride = buffer->stride;
	const smal_word *held = smal_buffer_held(buffer);
	size_t each = smal_stride_summary_words(stride);
	uint32_t count = 0;

	*summary = 0;
	for (size_t w = 0; w < stride->words; w++) {
		count += smal_word_count(held[w]);
		*summary |= (smal_word)(held[w] != stride->full[w]) << w / each;
	}
	return count;
}

static const char *check_masks(const struct smal_buffer *buffer)
{
	const struct smal_stride *stride = buffer->stride;
	const smal_word *held = smal_buffer_held(buffer), *remote = smal_buffer_remote(buffer);
	uint32_t count;
	smal_word summary;

	for (size_t w = 0; w < stride->words; w++) {
		if ((held[w] & ~stride->full[w]) != 0)
			return "heap: a bit of the mask is not at the start of a slot";
		if ((remote[w] & ~held[w]) != 0)
			return "heap: a slot was freed by another thread and is not held";
	}
	count = count_held(buffer, &summary);
	if (count > buffer->used_slots || buffer->used_slots > stride->slots)
		return "bin I1: used_slots is less than the slots that are held";
	if ((buffer->summary & ~summary) != 0)
		return "bin I1: the summary has a word without a free slot";
	if ((buffer->used_slots < stride->slots) != (buffer->summary != 0))
		return "bin I1: a free slot is in no bin and no summary";
	return NULL;
}

static const char *check_pages(const struct smal_buffer *buffer)
{
	const struct smal_lent *lent = smal_buffer_lent(buffer);
	const smal_word *held = smal_buffer_held(buffer);
	size_t limit = (size_t)buffer->stride->words << SMAL_WORD_LOG2;

	if (buffer->stride->stride_bytes == 0)
		return NULL;
	for (size_t bit = smal_bit_next(held, 0, limit); bit < limit;
	     bit = smal_bit_next(held, bit + 1, limit)) {
		size_t first = bit << SMAL_GRANULE_LOG2, last = first + buffer->stride->stride_bytes - 1;

		for (size_t page = first / SMAL_CHUNK; page <= last / SMAL_CHUNK; page++)
			if (((lent->gone | lent->idle) >> page & 1) != 0)
				return "purge I1: a page that is gone has a slot that is held";
	}
	return NULL;
}

/* The list of the bin that a lent buffer stands in, by its marks. */
static const char *check_lent(const struct smal_heap *heap, const struct smal_buffer *buffer)
{
	const struct smal_cache *cache = smal_atomic_load_pointer(&buffer->claimer);
	uint32_t word = smal_segment_owner_at(buffer->segment, buffer->id) & ~(uint32_t)SMAL_CLASS_PENDING;

	if (smal_cache_heap(cache) != heap)
		return "bin I1: a buffer is lent to another heap's cache";
	if (word != (cache->tag | buffer->stride->class))
		return "bin I1: a lent buffer has another owner";
	if (buffer->marks != 0 && buffer->summary != 0)
		return "bin I2: a buffer with room is among the full ones";
	return NULL;
}

/* Slots that buffers count as used and nobody holds. */
static uint32_t count_cached(const struct smal_buffer *buffer)
{
	smal_word ignored;

	return buffer->used_slots - count_held(buffer, &ignored);
}

static uint32_t count_cached_list(const struct smal_link *list)
{
	uint32_t count = 0;

	SMAL_LIST_EACH(link, list)
		count += count_cached(SMAL_CONTAINER(link, struct smal_buffer, link));
	return count;
}

static uint32_t count_list(const struct smal_link *list)
{
	uint32_t count = 0;

	SMAL_LIST_EACH(link, list)
		count += (uint32_t)(smal_buffer_bytes(SMAL_CONTAINER(link, struct smal_buffer, link)) >>
		                    SMAL_ID_LOG2);
	return count;
}

static const char *check_bin(const struct smal_bin *bin)
{
	uint32_t cached = count_cached_list(&bin->room) + count_cached_list(&bin->full);

	if (bin->current != NULL)
		cached += count_cached(bin->current);
	if (cached != bin->count + smal_word_count(bin->window))
		return "bin I3: the slots in a bin are more or fewer than are counted";
	for (uint32_t i = 0; i < bin->count; i++) {
		uintptr_t slot = smal_heap_map.base + ((uintptr_t)bin->slot[i] << SMAL_GRANULE_LOG2);
		struct smal_buffer *buffer = smal_buffer_find(slot);

		if (smal_bit_load(smal_buffer_held(buffer), smal_buffer_bit(buffer, slot)))
			return "bin I3: a slot of a magazine is held";
		for (uint32_t k = 0; k < i; k++)
			if (bin->slot[k] == bin->slot[i])
				return "bin I3: a slot is in a magazine twice";
	}
	return NULL;
}

static const char *check_cache(const struct smal_cache *cache)
{
	uint32_t buffers = 0;
	const char *why = NULL;

	for (unsigned class = 0; class < SMAL_HEAP_CLASSES && why == NULL; class++) {
		const struct smal_bin *bin = &cache->bin[class];

		if (bin->room.next == NULL)
			continue;
		buffers += count_list(&bin->room) + count_list(&bin->full);
		if (bin->current != NULL)
			buffers += (uint32_t)(smal_buffer_bytes(bin->current) >> SMAL_ID_LOG2);
		why = check_bin(bin);
	}
	SMAL_LIST_EACH(link, &cache->spares)
		if (SMAL_CONTAINER(link, struct smal_buffer, link)->used_slots != 0)
			return "bin I4: a spare buffer is not empty";
	if (cache->spare_count != count_list(&cache->spares))
		return "bin I4: the spare buffers are more or fewer than are counted";
	if (why == NULL && buffers != cache->buffers)
		why = "bin I1: the buffers of a cache are more or fewer than are counted";
	return why;
}

static const char *check_caches(const struct smal_heap *heap)
{
	const struct smal_link *lists[3] = { &heap->caches, &heap->parked, &heap->idle };
	const char *why = heap->shared != NULL ? check_cache(heap->shared) : NULL;

	for (unsigned i = 0; i < 3 && why == NULL; i++)
		for (struct smal_link *link = lists[i]->next; link != lists[i] && why == NULL; link = link->next)
			why = check_cache(SMAL_CONTAINER(link, struct smal_cache, link));
	return why;
}

static const char *check_locked(struct smal_heap *heap)
{
	struct smal_buffer *buffer;
	const char *why = check_caches(heap);
	size_t bytes = 0;
	uintptr_t at = 0;

	while (why == NULL && (buffer = smal_heap_next_buffer(heap, &at)) != NULL) {
		bytes += smal_buffer_bytes(buffer);
		why = check_masks(buffer);
		why = why != NULL ? why : check_pages(buffer);
		if (why == NULL && smal_atomic_load_pointer(&buffer->claimer) != NULL)
			why = check_lent(heap, buffer);
	}
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES && why == NULL; class++)
		if (heap->stride[class].magic == SMAL_MAGIC_STRIDE)
			why = smal_stride_check(&heap->stride[class]);
	why = why != NULL ? why : smal_stride_check(&heap->large);
	if (why == NULL && bytes != heap->buffer_bytes)
		why = "heap: the bytes of all buffers are not what is counted";
	return why;
}

enum smal_error smal_heap_check(struct smal_heap *heap)
{
	const char *why;

	heap = smal_heap_or_default(heap);
	if (heap == NULL)
		return SMAL_OK;
	smal_os_lock_take(&heap->lock);
	why = check_locked(heap);
	smal_os_lock_give(&heap->lock);
	why = why != NULL ? why : smal_space_check(heap->space);
	why = why != NULL ? why : smal_space_check(heap->books);
	SMAL_REQUIRE(why == NULL, SMAL_ERROR_CORRUPT, "an invariant does not hold", heap, "%s", why);
	return heap->guarded ? smal_guard_check(heap, __func__) : SMAL_OK;
}
