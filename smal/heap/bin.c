/* SPDX-License-Identifier: MIT */
/*
 * bin.c: from masks to bins and back (heap.h).
 *
 * A bin is filled by whole words of a buffer's mask: one find, one store for up
 * to 64 slots. Slots of up to 128 bytes stay in the word (the window) and are
 * handed out bit by bit; of larger ones a word has few, so those of several go
 * to the magazine. A free goes to the magazine, and where that is full straight
 * to the mask: a magazine is never emptied to make room.
 *
 * Buffers are taken in this order: one that the bin has, of the first few the
 * fullest, so that the others get empty; what other threads have given back; an
 * empty one that the cache keeps; one that no cache has; one of a thread that has
 * ended; a new one.
 *
 * Invariants of a cache whose thread is not inside:
 *   I1  current, room and full together are the buffers of the bin; used_slots are
 *       the slots that are held or in the bin, and summary has a bit for every word
 *       with others
 *   I2  a buffer in room has room; one in full has none, marks is 1 there
 *   I3  what lies in the magazine and the window is not held, and is there once
 *   I4  a buffer in the cache's spares is empty, and small
 */
#include <smal/heap/heap.h>

enum {
	/* Slots that a bin's magazine may hold at first. */
	FIRST_LIMIT = 8,
	/* And bytes at most. */
	MAGAZINE_BYTES = 32 * 1024,
	/* Slots that one refill puts there. */
	BATCH = 16,
	/* Slots up to which a bin uses its window. */
	WINDOW_LARGEST = 128,
	CANDIDATES = 4
};

static void lock(struct smal_cache *cache)
{
	if (!cache->locked)
		smal_os_lock_take(&smal_cache_heap(cache)->lock);
}

static void unlock(struct smal_cache *cache)
{
	if (!cache->locked)
		smal_os_lock_give(&smal_cache_heap(cache)->lock);
}

/* What a buffer has, in small buffers. */
static uint32_t ids_of(const struct smal_buffer *buffer)
{
	return (uint32_t)(smal_buffer_bytes(buffer) >> SMAL_ID_LOG2);
}

static struct smal_bin *bin_of(struct smal_cache *cache, const struct smal_buffer *buffer)
{
	return &cache->bin[smal_stride_class(buffer->stride)];
}

/* True if a bit of the summary stands for one word, or for one slot: then a bin can
 * take all that it stands for. Words of 32 bits are too short for small slots. */
static bool is_binned(size_t stride_bytes)
{
	size_t buffer_bytes = smal_max(SMAL_ID_BYTES, (size_t)1 << smal_log2_ceil(stride_bytes * 8));
	size_t words = buffer_bytes / SMAL_GRANULE / SMAL_WORD_BITS / SMAL_WORD_BITS;

	return words <= 1 || stride_bytes >= words * SMAL_WORD_BITS * SMAL_GRANULE;
}

static void bin_init(struct smal_bin *bin, size_t stride_bytes)
{
	smal_link_init(&bin->room);
	smal_link_init(&bin->full);
	bin->stride_bytes = (uint16_t)stride_bytes;
	if (!is_binned(stride_bytes))
		return;
	bin->limit = (uint32_t)smal_min(FIRST_LIMIT, MAGAZINE_BYTES / stride_bytes);
}

/* ---- Buffers for a bin ---- */

struct smal_stride *smal_heap_stride_locked(struct smal_heap *heap, unsigned class)
{
	struct smal_stride *stride = &heap->stride[class];

	if (stride->magic == SMAL_MAGIC_STRIDE)
		return stride;
	if (!smal_stride_init(stride, heap->space, heap->owner, (uint16_t)(class << SMAL_BIN_LOG2), smal_heap_class_bytes(class)))
		return NULL;
	stride->masks = SMAL_SIDE_LENT - SMAL_SIDE_MASK;
	return stride;
}

static struct smal_buffer *take_spare(struct smal_cache *cache, struct smal_stride *stride)
{
	struct smal_buffer *buffer;

	if (cache->spare_count == 0 || stride->buffer_bytes != SMAL_ID_BYTES)
		return NULL;
	cache->spare_count--;
	buffer = SMAL_CONTAINER(smal_link_pop(&cache->spares), struct smal_buffer, link);
	smal_stride_retarget(buffer, stride);
	return buffer;
}

static struct smal_buffer *new_buffer(struct smal_heap *heap, struct smal_stride *stride)
{
	struct smal_buffer *buffer;

	if (heap->limit_bytes - heap->buffer_bytes < stride->buffer_bytes)
		return NULL;
	buffer = smal_stride_grow(stride, stride->buffer_bytes);
	if (buffer == NULL)
		return NULL;
	*smal_buffer_lent(buffer) = (struct smal_lent){ 0 };
	smal_heap_grown_locked(heap, buffer);
	return buffer;
}

static struct smal_buffer *obtain_locked(struct smal_cache *cache, unsigned class)
{
	struct smal_stride *stride = smal_heap_stride_locked(smal_cache_heap(cache), class);
	struct smal_buffer *buffer;

	if (stride == NULL)
		return NULL;
	buffer = take_spare(cache, stride);
	if (buffer != NULL)
		return buffer;
	do
		buffer = smal_stride_lend(stride, cache, cache->owner);
	while (buffer == NULL && smal_cache_unpark_locked(smal_cache_heap(cache)));
	if (buffer == NULL && new_buffer(smal_cache_heap(cache), stride) != NULL)
		buffer = smal_stride_lend(stride, cache, cache->owner);
	return buffer;
}

static struct smal_buffer *obtain(struct smal_cache *cache, unsigned class)
{
	struct smal_buffer *buffer;

	lock(cache);
	buffer = obtain_locked(cache, class);
	unlock(cache);
	if (buffer != NULL)
		cache->buffers += ids_of(buffer);
	return buffer;
}

/* The fullest of the first few with room; the bin has one. */
static struct smal_buffer *fullest(struct smal_bin *bin)
{
	struct smal_buffer *best = NULL;
	unsigned seen = 0;

	SMAL_LIST_EACH(link, &bin->room) {
		struct smal_buffer *buffer = SMAL_CONTAINER(link, struct smal_buffer, link);

		if (best == NULL || buffer->used_slots > best->used_slots)
			best = buffer;
		if (++seen == CANDIDATES)
			break;
	}
	return best;
}

/* Another current buffer, with room. */
static bool next_buffer(struct smal_cache *cache, unsigned class)
{
	struct smal_bin *bin = &cache->bin[class];
	struct smal_buffer *buffer = bin->current;

	if (buffer != NULL) {
		buffer->marks = 1;
		smal_link_push(&bin->full, &buffer->link);
		bin->current = NULL;
	}
	smal_cache_drain(cache);
	if (!smal_link_is_alone(&bin->room)) {
		buffer = fullest(bin);
		smal_link_remove(&buffer->link);
	} else {
		buffer = obtain(cache, class);
		if (buffer == NULL)
			return false;
	}
	buffer->marks = 0;
	bin->current = buffer;
	return true;
}

/* ---- From masks to bins ---- */

/* The pages of the slots that begin in a word are in use. */
static void use_pages(struct smal_lent *lent, const struct smal_stride *stride, size_t w)
{
	size_t bytes = SMAL_WORD_BITS * SMAL_GRANULE;
	size_t first = w * bytes / SMAL_CHUNK;
	size_t last = (w * bytes + bytes + stride->stride_bytes - 1) / SMAL_CHUNK;
	uint64_t pages = ~(uint64_t)0 << first;

	if (last < 63)
		pages &= ((uint64_t)2 << last) - 1;
	lent->gone &= ~pages;
	lent->idle &= ~pages;
}

/* Takes the free slots of the first word that has some. */
static smal_word take_word(struct smal_buffer *buffer, size_t *w)
{
	const struct smal_stride *stride = buffer->stride;
	struct smal_lent *lent = smal_buffer_lent(buffer);
	const smal_word *held = smal_buffer_held(buffer);
	smal_word free;

	/* Where a bit of the summary stands for several words, they have one slot. */
	*w = smal_word_lowest(buffer->summary) * smal_stride_summary_words(stride);
	while ((free = stride->full[*w] & ~held[*w]) == 0)
		(*w)++;
	if (SMAL_UNLIKELY((lent->gone | lent->idle) != 0))
		use_pages(lent, stride, *w);
	buffer->used_slots = (uint16_t)(buffer->used_slots + smal_word_count(free));
	buffer->summary &= buffer->summary - 1;
	return free;
}

static uint32_t granule_of(const struct smal_buffer *buffer, size_t w)
{
	return (uint32_t)(((smal_buffer_base(buffer) - smal_heap_map.base) >> SMAL_GRANULE_LOG2) +
	                  (w << SMAL_WORD_LOG2));
}

static void fill_window(struct smal_bin *bin, struct smal_buffer *buffer)
{
	size_t w;

	bin->window = take_word(buffer, &w);
	bin->window_granule = granule_of(buffer, w);
}

/* Fills an empty magazine, so that the lowest slot comes first. */
static void fill_magazine(struct smal_bin *bin, struct smal_buffer *buffer)
{
	uint32_t target = (uint32_t)smal_min(bin->limit, BATCH), n = 0;

	while (n < target && buffer->summary != 0) {
		size_t w;
		smal_word free = take_word(buffer, &w);

		for (; free != 0; free &= free - 1)
			bin->slot[n++] = granule_of(buffer, w) + smal_word_lowest(free);
	}
	bin->count = n;
	for (uint32_t i = 0, j = n - 1; i < j; i++, j--) {
		uint32_t slot = bin->slot[i];

		bin->slot[i] = bin->slot[j];
		bin->slot[j] = slot;
	}
}

/* One slot of a buffer of which no bin ever has any. */
static void *take_one(struct smal_buffer *buffer)
{
	size_t w;
	smal_word free = take_word(buffer, &w);
	size_t bit = (w << SMAL_WORD_LOG2) + smal_word_lowest(free);

	smal_mask_set(smal_buffer_held(buffer), bit);
	buffer->used_slots = (uint16_t)(buffer->used_slots - (smal_word_count(free) - 1));
	smal_buffer_summarize(buffer, w, w + 1);
	return (void *)(smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2));
}

void *smal_cache_refill(struct smal_cache *cache, unsigned class)
{
	size_t stride_bytes = smal_heap_class_bytes(class), most;
	struct smal_bin *bin = &cache->bin[class];
	void *slot = NULL;

	if (bin->room.next == NULL)
		bin_init(bin, stride_bytes);
	bin->active = 1;
	smal_purge_some(cache);
	while (bin->current == NULL || bin->current->summary == 0)
		if (!next_buffer(cache, class))
			return NULL;
	if (bin->limit == 0 || !smal_buffer_is_mapped(bin->current))
		return take_one(bin->current);
	most = smal_min(SMAL_BIN_SLOTS, MAGAZINE_BYTES / stride_bytes);
	bin->limit = (uint32_t)smal_min(bin->limit * 2, most);
	if (stride_bytes <= WINDOW_LARGEST)
		fill_window(bin, bin->current);
	else
		fill_magazine(bin, bin->current);
	smal_bin_pop(bin, &slot);
	return slot;
}

/* ---- From bins to masks ---- */

static void give_back(struct smal_cache *cache, struct smal_buffer *buffer)
{
	size_t bytes = smal_buffer_bytes(buffer);

	lock(cache);
	if (!smal_stride_return(buffer, true))
		smal_cache_heap(cache)->buffer_bytes -= bytes;
	unlock(cache);
}

/* An empty buffer leaves its bin. */
static void retire(struct smal_cache *cache, struct smal_buffer *buffer)
{
	uint32_t spares = SMAL_CACHE_SPARES + cache->buffers / SMAL_CACHE_SPARE_PART;

	cache->buffers -= ids_of(buffer);
	buffer->marks = 0;
	smal_link_remove(&buffer->link);
	if (smal_buffer_bytes(buffer) == SMAL_ID_BYTES && cache->spare_count < spares) {
		cache->spare_count++;
		smal_link_push(&cache->spares, &buffer->link);
	} else {
		give_back(cache, buffer);
	}
}

void smal_cache_relist(struct smal_cache *cache, struct smal_buffer *buffer)
{
	struct smal_bin *bin = bin_of(cache, buffer);

	if (buffer == bin->current || buffer->summary == 0)
		return;
	/* The last one with room stays, empty or not. */
	if (buffer->used_slots == 0 && (!smal_link_is_alone(&bin->room) || bin->current != NULL)) {
		retire(cache, buffer);
	} else if (buffer->marks != 0) {
		buffer->marks = 0;
		smal_link_remove(&buffer->link);
		smal_link_push(&bin->room, &buffer->link);
	}
}

void smal_cache_return(struct smal_cache *cache, struct smal_buffer *buffer, uintptr_t slot)
{
	size_t bit = smal_buffer_bit(buffer, slot), w = bit >> SMAL_WORD_LOG2;

	buffer->summary |= (smal_word)1 << w / smal_stride_summary_words(buffer->stride);
	buffer->used_slots--;
	cache->freed_bytes += buffer->stride->stride_bytes;
	if (buffer->marks != 0 || buffer->used_slots == 0)
		smal_cache_relist(cache, buffer);
}

/* Where a small buffer has as many words as a word has bits, a bit of its summary is one
 * word, and the word's place follows from the granule. */
void smal_cache_overflow(struct smal_cache *cache, struct smal_bin *bin, uintptr_t granule)
{
	size_t id = granule >> (SMAL_ID_LOG2 - SMAL_GRANULE_LOG2);
	struct smal_buffer *buffer = &smal_heap_map.buffers[id];

	if (SMAL_UNLIKELY((int)SMAL_MASK_WORDS != (int)SMAL_WORD_BITS ||
	                  bin->stride_bytes > SMAL_SMALL_LARGEST)) {
		buffer -= *smal_segment_back(smal_heap_map.segment, id);
		smal_cache_return(cache, buffer,
		                  smal_heap_map.base + (granule << SMAL_GRANULE_LOG2));
		return;
	}
	buffer->summary = smal_bit_with(buffer->summary, granule >> SMAL_WORD_LOG2);
	cache->freed_bytes += bin->stride_bytes;
	if (SMAL_UNLIKELY(--buffer->used_slots == 0 || buffer->marks != 0))
		smal_cache_relist(cache, buffer);
}

static void flush_bin(struct smal_cache *cache, struct smal_bin *bin)
{
	while (bin->window != 0) {
		uint32_t granule = bin->window_granule + smal_word_lowest(bin->window);

		bin->window &= bin->window - 1;
		smal_cache_return(cache, bin->current,
		                  smal_heap_map.base + ((uintptr_t)granule << SMAL_GRANULE_LOG2));
	}
	while (bin->count != 0) {
		uintptr_t slot = smal_heap_map.base +
		                 ((uintptr_t)bin->slot[--bin->count] << SMAL_GRANULE_LOG2);

		smal_cache_return(cache, smal_buffer_find(slot), slot);
	}
}

void smal_cache_flush(struct smal_cache *cache)
{
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES; class++)
		if (cache->bin[class].room.next != NULL)
			flush_bin(cache, &cache->bin[class]);
}

static void retire_idle(struct smal_cache *cache, struct smal_bin *bin)
{
	flush_bin(cache, bin);
	if (bin->current != NULL && bin->current->used_slots == 0) {
		struct smal_buffer *buffer = bin->current;

		bin->current = NULL;
		retire(cache, buffer);
	}
	SMAL_LIST_EACH_SAFE(link, &bin->room) {
		struct smal_buffer *buffer = SMAL_CONTAINER(link, struct smal_buffer, link);

		if (buffer->used_slots == 0)
			retire(cache, buffer);
	}
}

void smal_cache_retire_idle(struct smal_cache *cache)
{
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES; class++) {
		struct smal_bin *bin = &cache->bin[class];

		if (bin->room.next != NULL && !bin->active)
			retire_idle(cache, bin);
		bin->active = 0;
	}
}

static void return_list(struct smal_cache *cache, struct smal_link *list)
{
	struct smal_link *link;

	while ((link = smal_link_pop(list)) != NULL) {
		struct smal_buffer *buffer = SMAL_CONTAINER(link, struct smal_buffer, link);

		buffer->marks = 0;
		give_back(cache, buffer);
	}
}

void smal_cache_dissolve_locked(struct smal_cache *cache)
{
	bool locked = cache->locked;

	cache->locked = true;
	smal_cache_drain(cache);
	smal_cache_flush(cache);
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES; class++) {
		struct smal_bin *bin = &cache->bin[class];

		if (bin->room.next == NULL)
			continue;
		if (bin->current != NULL)
			smal_link_push(&bin->room, &bin->current->link);
		bin->current = NULL;
		return_list(cache, &bin->room);
		return_list(cache, &bin->full);
	}
	return_list(cache, &cache->spares);
	cache->spare_count = 0;
	cache->buffers = 0;
	/* From now on, who frees finds that the buffers are not the cache's; it stays shut
	 * until somebody has the cache. */
	smal_cache_close(cache);
	cache->locked = locked;
}

void smal_cache_adopt_locked(struct smal_cache *cache, struct smal_buffer *buffer)
{
	struct smal_bin *bin = bin_of(cache, buffer);

	if (bin->room.next == NULL)
		bin_init(bin, buffer->stride->stride_bytes);
	smal_stride_lend_this(buffer, cache, cache->owner);
	cache->buffers += ids_of(buffer);
	buffer->marks = buffer->summary == 0;
	smal_link_push(buffer->summary == 0 ? &bin->full : &bin->room, &buffer->link);
}
