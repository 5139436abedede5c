/* SPDX-License-Identifier: MIT */
/*
 * block.c: allocating and freeing (<smal/heap.h>).
 *
 * The inline paths are in heap.h: a block from the cache's bin, a block back to
 * it. What is here begins where those end.
 */
#include <smal/heap/guard.h>
#include <smal/base/fail.h>

#include <string.h>

/* ---- Allocating ---- */

/* A slot of a class, with the heap's lock held. */
static void *take_locked(struct smal_heap *heap, unsigned class)
{
	struct smal_cache *cache = smal_cache_shared_locked(heap);
	void *slot = NULL;

	if (cache != NULL && !smal_bin_pop(&cache->bin[class], &slot))
		slot = smal_cache_refill(cache, class);
	return slot;
}

static void *take(struct smal_heap *heap, unsigned class)
{
	struct smal_cache *cache = smal_cache_of(heap);
	void *slot;

	if (cache != NULL)
		return smal_bin_pop(&cache->bin[class], &slot) ? slot : smal_cache_refill(cache, class);
	smal_os_lock_take(&heap->lock);
	slot = take_locked(heap, class);
	smal_os_lock_give(&heap->lock);
	return slot;
}

/* The class of a request that is not 0; SMAL_HEAP_CLASSES: it gets a block of its own. */
static unsigned class_of(size_t bytes, size_t align_bytes)
{
	return bytes <= SMAL_CLASS_LARGEST && align_bytes <= SMAL_CHUNK
	               ? smal_heap_class_aligned(bytes, align_bytes)
	               : SMAL_HEAP_CLASSES;
}

static void *block_of(struct smal_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed)
{
	unsigned class = class_of(bytes, align_bytes);

	*zeroed = false;
	return class < SMAL_HEAP_CLASSES ? take(heap, class)
	                                 : smal_large_alloc(heap, bytes, align_bytes, zeroed);
}

void *smal_heap_take_locked(struct smal_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed)
{
	unsigned class = class_of(bytes, align_bytes);

	*zeroed = false;
	return class < SMAL_HEAP_CLASSES
	               ? take_locked(heap, class)
	               : smal_large_alloc_locked(heap, bytes, align_bytes, zeroed);
}

static void *allocate(struct smal_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed)
{
	void *block = NULL;

	*zeroed = false;
	if (heap == NULL)
		goto out;
	if (bytes == 0 && align_bytes <= SMAL_GRANULE)
		block = smal_empty_take(heap);
	if (block != NULL)
		return block;
	if (bytes == 0)
		bytes = 1;
	for (bool again = true; block == NULL; again = false) {
		block = heap->guarded ? smal_guard_alloc(heap, bytes, align_bytes, zeroed)
		                      : block_of(heap, bytes, align_bytes, zeroed);
		/* What is free elsewhere may be enough. */
		if (block != NULL || !again || bytes > PTRDIFF_MAX)
			break;
		smal_heap_trim(heap);
	}
	if (block != NULL && heap->guarded)
		return block;
	if (block != NULL && heap->slow)
		smal_os_tool_allow(block, bytes);
out:
	if (block == NULL)
		smal_os_errno_set(SMAL_OS_NO_MEMORY);
	return block;
}

void *smal_heap_alloc_slow(struct smal_heap *heap, size_t bytes)
{
	struct smal_cache *cache = heap == NULL ? smal_cache_current : &smal_cache_none;
	void *slot = NULL;
	bool zeroed;

	/* Most often, a bin wants filling. */
	if (cache != &smal_cache_none && bytes - 1 < SMAL_CLASS_LARGEST) {
		unsigned class = smal_heap_class_of(bytes);

		if (!smal_bin_pop(&cache->bin[class], &slot))
			slot = smal_cache_refill(cache, class);
	}
	return slot != NULL ? slot
	                    : allocate(smal_heap_or_default(heap), bytes, SMAL_GRANULE, &zeroed);
}

void *smal_heap_alloc(struct smal_heap *heap, size_t bytes)
{
	struct smal_cache *cache;
	void *block;

	if (heap == NULL)
		cache = smal_cache_current;
	else
		cache = smal_cache_find(heap);
	if (SMAL_LIKELY(cache != NULL && smal_cache_pop(cache, bytes, &block)))
		return block;
	return smal_heap_alloc_slow(heap, bytes);
}

void *smal_heap_alloc_zeroed(struct smal_heap *heap, size_t count, size_t bytes)
{
	bool zeroed = false;
	void *block;

	if (__builtin_mul_overflow(count, bytes, &bytes)) {
		smal_os_errno_set(SMAL_OS_NO_MEMORY);
		return NULL;
	}
	block = bytes <= SMAL_CLASS_TABLE_LARGEST
	                ? smal_heap_alloc(heap, bytes)
	                : allocate(smal_heap_or_default(heap), bytes, SMAL_GRANULE, &zeroed);
	if (block != NULL && !zeroed && bytes != 0)
		memset(block, 0, bytes);
	return block;
}

void *smal_heap_alloc_aligned(struct smal_heap *heap, size_t align_bytes, size_t bytes)
{
	bool zeroed;

	if (!smal_is_power_of_two(align_bytes)) {
		smal_fail(SMAL_ERROR_INVALID, __func__, "alignment is no power of two", NULL, "%zu",
		          align_bytes);
		smal_os_errno_set(SMAL_OS_INVALID);
		return NULL;
	}
	return allocate(smal_heap_or_default(heap), bytes, smal_max(align_bytes, SMAL_GRANULE), &zeroed);
}

/* ---- Freeing ---- */

struct smal_buffer *smal_heap_block(const struct smal_heap *heap, const void *block, size_t *bit)
{
	struct smal_buffer *buffer = smal_buffer_find((uintptr_t)block);
	const struct smal_stride *stride = buffer != NULL ? smal_buffer_stride(buffer) : NULL;
	uintptr_t start;

	if (stride == NULL || stride->owner != heap->owner)
		return NULL;
	start = smal_buffer_slot(buffer, (uintptr_t)block);
	*bit = smal_buffer_bit(buffer, start);
	if (stride->stride_bytes == 0)
		start += (uintptr_t)smal_buffer_lent(buffer)->offset_chunks << SMAL_CHUNK_LOG2;
	else if (start + stride->stride_bytes > smal_buffer_base(buffer) + smal_buffer_bytes(buffer))
		return NULL;
	if (start != (uintptr_t)block || !smal_bit_load(smal_buffer_held(buffer), *bit) ||
	    (smal_atomic_load_relaxed(&smal_buffer_lent(buffer)->remote) != 0 &&
	     smal_bit_load(smal_buffer_remote(buffer), *bit)))
		return NULL;
	return buffer;
}

static void free_own(struct smal_cache *cache, struct smal_buffer *buffer, void *block, size_t bit)
{
	struct smal_bin *bin = &cache->bin[smal_stride_class(buffer->stride)];

	smal_mask_clear(smal_buffer_held(buffer), bit);
	if (bin->count < bin->limit && smal_buffer_is_mapped(buffer))
		bin->slot[bin->count++] =
			(uint32_t)(((uintptr_t)block - smal_heap_map.base) >> SMAL_GRANULE_LOG2);
	else
		smal_cache_return(cache, buffer, (uintptr_t)block);
}

/* With the heap's lock: the buffer is still there, and the slot somebody's. */
static bool is_held(const struct smal_heap *heap, const struct smal_buffer *buffer, size_t bit)
{
	const struct smal_stride *stride = smal_buffer_stride(buffer);

	return stride != NULL && stride->owner == heap->owner &&
	       smal_bit_load(smal_buffer_held(buffer), bit);
}

/* A slot of a buffer that no cache had a moment ago: the thread's cache takes the
 * buffer over, or the slot is freed with the lock. False: a cache has the buffer.
 * *freed: it was a block in use. */
static bool free_unowned(struct smal_heap *heap, struct smal_cache *cache,
                         struct smal_buffer *buffer, size_t bit, bool *freed)
{
	size_t bytes = smal_buffer_bytes(buffer);
	bool done;

	smal_os_lock_take(&heap->lock);
	done = smal_atomic_load_pointer(&buffer->claimer) == NULL;
	if (!done)
		goto out;
	/* Another thread may have freed it just now. */
	*freed = is_held(heap, buffer, bit);
	if (!*freed)
		goto out;
	if (buffer->stride->stride_bytes == 0) {
		smal_large_free_locked(heap, buffer);
	} else if (cache != NULL) {
		smal_cache_adopt_locked(cache, buffer);
		done = false;
	} else {
		smal_mask_clear(smal_buffer_held(buffer), bit);
		if (!smal_stride_settle(buffer, true))
			heap->buffer_bytes -= bytes;
	}
out:
	smal_os_lock_give(&heap->lock);
	return done;
}

static bool give(struct smal_heap *heap, struct smal_buffer *buffer, void *block, size_t bit)
{
	struct smal_cache *cache = smal_cache_find(heap), *claimer;
	bool freed;

	do {
		claimer = smal_atomic_load_pointer(&buffer->claimer);
		if (claimer == NULL && free_unowned(heap, cache, buffer, bit, &freed))
			return freed;
	} while (claimer == NULL);
	if (claimer != cache)
		return smal_remote_free(heap, buffer, bit);
	free_own(cache, buffer, block, bit);
	return true;
}

/* A slot of the default heap that another cache has, most often; or one of this
 * thread's in a buffer that others have freed slots of. False: it is something else,
 * and nothing has changed. */
static bool free_mapped(void *block)
{
	uintptr_t limit = smal_atomic_load(&smal_heap_map.granules);
	uintptr_t offset = (uintptr_t)block - smal_heap_map.base, granule = offset >> SMAL_GRANULE_LOG2;
	struct smal_cache *cache = smal_cache_current, *claimer;
	struct smal_buffer *buffer;
	struct smal_heap *heap;
	size_t id, bit;

	if (offset % SMAL_GRANULE != 0 || granule >= limit ||
	    !smal_bit_of(smal_word_load(&smal_heap_map.held[granule >> SMAL_WORD_LOG2]), granule))
		return false;
	id = granule >> (SMAL_ID_LOG2 - SMAL_GRANULE_LOG2);
	buffer = &smal_heap_map.buffers[id - *smal_segment_back(smal_heap_map.segment, id)];
	claimer = smal_atomic_load_pointer(&buffer->claimer);
	heap = smal_atomic_load_pointer(&smal_process.default_heap);
	if (claimer == NULL || smal_cache_heap(claimer) != heap || heap->slow)
		return false;
	bit = granule - ((size_t)buffer->id << (SMAL_ID_LOG2 - SMAL_GRANULE_LOG2));
	if (claimer != cache)
		return smal_remote_free(heap, buffer, bit);
	if (smal_bit_load(smal_buffer_remote(buffer), bit))
		return false;
	free_own(cache, buffer, block, bit);
	return true;
}

enum smal_error smal_heap_free_slow(struct smal_heap *heap, void *block, const char *function)
{
	int saved_errno = smal_os_errno();
	enum smal_error error = SMAL_OK;
	struct smal_buffer *buffer;
	size_t bit;

	if (block == NULL || (heap == NULL && free_mapped(block)))
		return SMAL_OK;
	heap = smal_heap_or_default(heap);
	if (heap == NULL)
		return smal_fail(SMAL_ERROR_INVALID, function, "foreign pointer", block, "%s",
		                 "in no heap");
	if (heap->guarded && !smal_empty_is(block)) {
		error = smal_guard_free(heap, block, function);
		goto out;
	}
	buffer = smal_heap_block(heap, block, &bit);
	if (buffer != NULL) {
		if (heap->slow)
			smal_os_tool_forbid(block, smal_heap_slot_bytes(buffer));
		if (!give(heap, buffer, block, bit))
			error = smal_heap_fault(heap, function, block);
	} else if (!smal_empty_give(heap, block)) {
		error = smal_heap_fault(heap, function, block);
	}
out:
	smal_os_errno_restore(saved_errno);
	return error;
}

enum smal_error smal_heap_free(struct smal_heap *heap, void *block)
{
	struct smal_cache *cache = heap == NULL ? smal_cache_current : smal_cache_find(heap);

	if (SMAL_LIKELY(cache != NULL && smal_cache_push(cache, block)))
		return SMAL_OK;
	return smal_heap_free_slow(heap, block, __func__);
}
