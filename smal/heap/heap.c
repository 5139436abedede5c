/* SPDX-License-Identifier: MIT */
/*
 * heap.c: making and ending heaps, and what they share: the two spaces, and the map
 * of the first segment that the inline paths read (heap.h).
 *
 * The spaces are made with the first heap and never end. A heap's buffers are told
 * from others' by its owner number in their strides.
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
	handle = heap != NULL && !smal_process.heap_fork_handled;
	smal_process.heap_fork_handled |= handle;
	smal_os_lock_give(&smal_os_heaps_lock);
	/* This may allocate, from the default heap. */
	if (handle && !smal_heap_fork_handle())
		smal_process.heap_fork_handled = false;
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
