/* SPDX-License-Identifier: MIT */
/*
 * heap.c: the heap's functions (<smal/heap.h>): making heaps, allocating, freeing.
 *
 * The inline paths are in heap.h: a block from the cache's bin, a block back to
 * it. What is here begins where those end.
 */
#include <smal/heap/guard.h>
#include <smal/base/fail.h>

#include <string.h>

/* What the heaps keep of free memory beyond buffers. */
enum { DIRTY_BYTES = 64 << 20, DIRTY_PART = 1 };

/* Segments of the heaps' own structures. */
enum { BOOKS_SEGMENT_BYTES = 256 << 20 };

struct smal_heap_map smal_heap_map;

/* ---- Heaps ---- */

/* The spaces of blocks and of the heaps' own structures; with the lock of the list
 * of heaps held. */
static bool spaces_locked(struct smal_space **space, struct smal_space **books)
{
	struct smal_space_options options = { .decay_ms = smal_options()->decay_ms,
		                              .small_pages = true };
	bool huge = smal_options()->huge == SMAL_HUGE_ON;

	options.segment_bytes = BOOKS_SEGMENT_BYTES;
	*books = smal_atomic_load_pointer(&smal_process.heap_books);
	*space = smal_atomic_load_pointer(&smal_process.heap_space);
	if (*books == NULL) {
		*books = smal_space_create(&options);
		if (*books == NULL)
			return false;
		smal_atomic_store_pointer(&smal_process.heap_books, *books);
	}
	if (*space == NULL) {
		options.segment_bytes = 0;
		options.books = *books;
		options.small_pages = !huge;
		options.dirty_bytes = DIRTY_BYTES;
		options.dirty_part = DIRTY_PART;
		smal_stride_sides(&options);
		options.lazy_sides = 0;
		options.side_bytes[SMAL_SIDE_LENT] = sizeof(struct smal_lent);
		*space = smal_space_create(&options);
		smal_atomic_store_pointer(&smal_process.heap_space, *space);
	}
	return *space != NULL;
}

static bool init(struct smal_heap *heap, struct smal_space *space, struct smal_space *books,
                 const struct smal_heap_options *options)
{
	heap->owner = smal_owner_take();
	heap->space = space;
	heap->books = books;
	heap->limit_bytes = options->limit_bytes != 0 ? options->limit_bytes : SIZE_MAX;
	smal_os_lock_init(&heap->lock);
	smal_link_init(&heap->link);
	smal_link_init(&heap->caches);
	smal_link_init(&heap->parked);
	smal_link_init(&heap->idle);
	if (heap->owner == 0)
		return false;
	if (!smal_stride_init(&heap->large, space, heap->owner, SMAL_CLASS_LARGE, 0)) {
		smal_owner_give(heap->owner);
		return false;
	}
	heap->large.masks = SMAL_SIDE_LENT - SMAL_SIDE_MASK;
	heap->guarded = smal_options()->check_heap || (options->flags & SMAL_HEAP_GUARDED) != 0;
	heap->slow = heap->guarded || (smal_os_tool_watches() && !smal_options()->no_tool);
	heap->magic = SMAL_MAGIC_HEAP;
	return true;
}

static struct smal_heap *create_locked(const struct smal_heap_options *options)
{
	struct smal_space *space, *books;
	struct smal_heap *heap;
	struct smal_link *link;
	bool zeroed;

	if (!spaces_locked(&space, &books))
		return NULL;
	if (smal_process.heaps.next == NULL) {
		smal_link_init(&smal_process.heaps);
		smal_link_init(&smal_process.spare_caches);
	}
	heap = smal_space_take(books, sizeof *heap, SMAL_CHUNK, &zeroed);
	if (heap == NULL)
		return NULL;
	if (!zeroed)
		memset(heap, 0, sizeof *heap);
	if (!init(heap, space, books, options)) {
		smal_space_give(books, heap, sizeof *heap);
		return NULL;
	}
	while ((link = smal_link_pop(&smal_process.spare_caches)) != NULL)
		smal_cache_give_idle(heap, SMAL_CONTAINER(link, struct smal_cache, link));
	smal_link_insert(&smal_process.heaps, &heap->link);
	return heap;
}

static bool fork_handled;

static struct smal_heap *create(const struct smal_heap_options *options, bool is_default)
{
	struct smal_heap *heap;
	bool handle;

	smal_os_lock_take(&smal_os_heaps_lock);
	heap = is_default ? smal_atomic_load_pointer(&smal_process.default_heap) : NULL;
	if (heap == NULL) {
		heap = create_locked(options);
		if (heap != NULL && is_default) {
			heap->is_default = true;
			smal_atomic_store_pointer(&smal_process.default_heap, heap);
		}
	}
	handle = heap != NULL && !fork_handled;
	fork_handled |= handle;
	smal_os_lock_give(&smal_os_heaps_lock);
	/* This may allocate, from the default heap. */
	if (handle && !smal_heap_fork_handle())
		fork_handled = false;
	return heap;
}

struct smal_heap *smal_heap_default_slow(void)
{
	static const struct smal_heap_options none = { 0 };

	return create(&none, true);
}

enum smal_error smal_heap_create(const struct smal_heap_options *options, struct smal_heap **result)
{
	struct smal_heap_options copy = { 0 };
	size_t bytes;

	SMAL_REQUIRE(result != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL, "%s", "");
	if (options != NULL) {
		bytes = options->options_bytes != 0 ? options->options_bytes : sizeof copy;
		SMAL_REQUIRE(bytes <= 4096, SMAL_ERROR_INVALID, "options_bytes is wrong", NULL, "%zu",
		             bytes);
		memcpy(&copy, options, smal_min(bytes, sizeof copy));
		SMAL_REQUIRE((copy.flags & ~SMAL_HEAP_FLAGS) == 0, SMAL_ERROR_INVALID, "unknown flags",
		             NULL, "0x%x", copy.flags);
	}
	*result = create(&copy, false);
	return *result != NULL ? SMAL_OK : SMAL_ERROR_NO_MEMORY;
}

/* All buffers of a heap, wherever they are listed; its caches are dissolved. */
static void end_strides(struct smal_heap *heap)
{
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES; class++)
		if (heap->stride[class].magic == SMAL_MAGIC_STRIDE)
			smal_stride_fini(&heap->stride[class]);
	smal_stride_fini(&heap->large);
}

enum smal_error smal_heap_destroy(struct smal_heap *heap)
{
	if (heap == NULL)
		return SMAL_OK;
	SMAL_REQUIRE(heap->magic == SMAL_MAGIC_HEAP, SMAL_ERROR_INVALID, "not a heap", heap, "%s",
	             heap->magic == SMAL_MAGIC_GONE ? "a heap that has ended" : "");
	SMAL_REQUIRE(!heap->is_default, SMAL_ERROR_BUSY, "the default heap stays", heap, "%s", "");
	smal_os_lock_take(&smal_os_heaps_lock);
	smal_link_remove(&heap->link);
	smal_os_lock_take(&heap->lock);
	if (heap->guarded)
		smal_guard_fini_locked(heap);
	smal_caches_fini(heap);
	smal_empties_fini_locked(heap);
	end_strides(heap);
	smal_os_lock_give(&heap->lock);
	smal_owner_give(heap->owner);
	heap->magic = SMAL_MAGIC_GONE;
	smal_space_give(heap->books, heap, sizeof *heap);
	smal_os_lock_give(&smal_os_heaps_lock);
	return SMAL_OK;
}

/* The map follows the first segment as it grows. Heaps of several threads may come
 * here at once. */
static void grow_map(struct smal_segment *segment)
{
	struct smal_heap_map *map = &smal_heap_map;
	uintptr_t granules = smal_atomic_load(&segment->committed_blocks) << (SMAL_BLOCK_LOG2 - SMAL_GRANULE_LOG2), had;

	if (segment->direct)
		return;
	if (smal_atomic_load(&map->granules) == 0) {
		smal_os_lock_take(&smal_os_process_lock);
		if (map->base == 0) {
			map->owner = (void *)segment->side[SMAL_SIDE_OWNER].base;
			map->held = (void *)segment->side[SMAL_SIDE_HELD].base;
			map->buffers = (void *)segment->side[SMAL_SIDE_BUFFER].base;
			map->segment = segment;
			map->base = segment->base;
		}
		smal_os_lock_give(&smal_os_process_lock);
	}
	if (segment->base != map->base)
		return;
	do
		had = smal_atomic_load(&map->granules);
	while (had < granules && !smal_atomic_cas(&map->granules, had, granules));
}

void smal_heap_grown_locked(struct smal_heap *heap, const struct smal_buffer *buffer)
{
	grow_map(buffer->segment);
	heap->buffer_bytes += smal_buffer_bytes(buffer);
	heap->peak_bytes = smal_max(heap->peak_bytes, heap->buffer_bytes);
	if (heap->slow)
		smal_os_tool_forbid((void *)smal_buffer_base(buffer), smal_buffer_bytes(buffer));
}

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

struct smal_buffer *smal_heap_next_buffer(const struct smal_heap *heap, uintptr_t *at)
{
	struct smal_buffer *buffer;

	while ((buffer = smal_stride_next_buffer(heap->space, 0, *at)) != NULL) {
		const struct smal_stride *stride = smal_buffer_stride(buffer);

		*at = smal_buffer_base(buffer);
		if (stride != NULL && stride->owner == heap->owner)
			break;
	}
	return buffer;
}

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
