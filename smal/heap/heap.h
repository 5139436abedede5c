/* SPDX-License-Identifier: MIT */
/*
 * heap.h: the variable-size heap: a malloc of size classes on the stride floor.
 *
 *   thread -> cache -> bin of a class: magazine | window | current buffer
 *                                        |          |        |
 *                                       slots     a mask    buffers lent to the
 *                                       freed     word      bin: with room, full
 *                                       last
 *   heap   -> stride of a class: buffers that no cache has
 *          -> large: blocks of their own, whole pages
 *
 * Two masks lie at every buffer; a slot is
 *
 *   held   remote
 *     0      0     free: at home, or in its bin's magazine or window
 *     1      0     the program's
 *     1      1     the program's no longer: freed by another thread than the
 *                  buffer's, which has not looked yet
 *
 * `held` is the stride's live mask. It is exact after every call, so that a second
 * free, or one of what never was a block, is recognised by one bit, always (unless
 * two threads free the same block at the same moment). What is
 * at home and what is in a bin needs no mask: a bin takes from the masks only when
 * it is empty, and then all that is not held is at home. Nothing is ever read or
 * written in a free slot.
 *
 * Who may write what:
 *   held      the cache that the buffer is lent to, by plain stores; of a buffer that
 *             no cache has, who holds the heap's lock
 *   remote    anybody, by atomic operations (remote.c)
 *   a cache   its thread; the heap's shared one, who holds the heap's lock
 *   the rest  who holds the heap's lock
 * Locks: the list of heaps, a heap's, a stride's, the space's, in this order.
 */
#ifndef SMAL_HEAP_HEAP_H
#define SMAL_HEAP_HEAP_H

#include <smal/heap.h>
#include <smal/heap/class.h>
#include <smal/stride/stride.h>

enum {
	SMAL_SIDE_HELD = SMAL_SIDE_MASK,
	SMAL_SIDE_REMOTE,
	/* struct smal_lent, at a buffer's first id. */
	SMAL_SIDE_LENT,
	SMAL_BIN_SLOTS = 48,
	/* Empty small buffers that a cache keeps for any of its bins: so many, and one
	 * for each so many that it has. */
	SMAL_CACHE_SPARES = 2,
	/* Refills between two looks at idle bins: of large slots, few are many bytes. */
	SMAL_LOOK_REFILLS = 128,
	SMAL_CACHE_SPARE_PART = 8
};

/* What a heap knows of a buffer besides its descriptor. */
struct smal_lent {
	/* Words of the remote mask that have bits: a bit each, as in the summary. Not
	 * 0: the buffer is on a list of pending ones, or about to be. */
	volatile AO_t remote;
	/* The next one of that list. */
	volatile AO_t next;
	/* Pages that were given back to the system: a bit each. */
	uint64_t gone;
	/* Pages that have been free since the last look at them. */
	uint64_t idle;
	/* A large block: the bytes in use, and from its first byte to the block's. */
	size_t bytes;
	uint32_t offset_chunks;
	/* Its pages came from another place: their mapping is one of its own. It has huge
	 * pages. */
	bool moved, huge;
};

/* Slots of one class in one cache. */
struct smal_bin {
	/* Slots in the magazine, and how many there may be. */
	uint32_t count, limit;
	/* Free slots of a mask word, of which bit 0 is at this granule. */
	smal_word window;
	uint32_t window_granule;
	uint16_t stride_bytes;
	/* It has been filled since the last look at idle bins. */
	uint16_t active;
	/* The buffer that the window is of, or NULL; those with room, and those without
	 * (marks is 1 there). next is NULL before the first. */
	struct smal_buffer *current;
	struct smal_link room, full;
	/* The magazine: granules of the map, the slot freed last at its end. */
	uint32_t slot[SMAL_BIN_SLOTS];
} __attribute__((aligned(1 << SMAL_BIN_LOG2)));

_Static_assert(sizeof(struct smal_bin) == 1 << SMAL_BIN_LOG2, "bins lie where places say");

struct smal_cache {
	/* One for each class, and one for requests of nothing, which stays empty. */
	struct smal_bin bin[SMAL_HEAP_CLASSES + 1];
	/* The owner number << 16. 0: nobody's. */
	uint32_t tag;
	uint16_t owner;
	/* Who uses it holds the heap's lock. */
	bool locked;
	/* The thread that has it, or 0. */
	volatile AO_t thread;
	/* Its heap; 0 if that has ended. */
	volatile AO_t heap;
	/* The thread's caches of other heaps. */
	struct smal_cache *next;
	/* On one of the heap's lists. */
	struct smal_link link;
	/* Buffers that others have given slots back to (remote.c); or SMAL_PENDING_CLOSED. */
	volatile AO_t pending;
	/* Empty small buffers. */
	struct smal_link spares;
	uint32_t spare_count;
	/* In small buffers, what its bins have; bytes freed to their masks since the
	 * last look at idle bins, and at how many the next is due; those before that since
	 * the last look at pages, and the clock then (purge.c). */
	uint32_t buffers;
	uint32_t looked_ms;
	/* Times that a bin was filled since the last look at idle ones. */
	uint32_t refills;
	size_t freed_bytes, due_bytes, unlooked_bytes;
};

struct smal_heap {
	uint32_t magic;
	/* Its number in owner words. */
	uint16_t owner;
	/* Everything goes the slow way: with guards (guard.c), or because a tool
	 * watches. */
	bool guarded, slow;
	bool is_default;
	struct smal_link link;
	struct smal_space *space, *books;
	struct smal_os_lock lock;
	/* Caches that threads have; those of threads that have ended, whole. */
	struct smal_link caches, parked;
	uint32_t parked_count;
	/* Those that have nothing. */
	struct smal_link idle;
	/* Who has no cache uses this one; made when it is needed. */
	struct smal_cache *shared;
	/* Bytes of all buffers, and how many there may be. */
	size_t buffer_bytes, limit_bytes;
	size_t peak_bytes;
	/* Blocks whose pages have been moved; free ones that are kept, and their bytes
	 * (large.c). */
	uint32_t moved, kept;
	size_t kept_bytes;
	struct smal_guard *guard;
	struct smal_stride large;
	/* Those that are made: magic is not 0. */
	struct smal_stride stride[SMAL_HEAP_CLASSES];
};

/* ---- The main segment, for the inline paths ---- */

/* The heaps' first segment, as far as it is committed. Other segments are found
 * by the table. Written under the heaps' locks; granules only grows. */
struct smal_heap_map {
	uintptr_t base;
	volatile AO_t granules;
	uint32_t *owner;
	smal_word *held;
	struct smal_buffer *buffers;
	struct smal_segment *segment;
};

extern struct smal_heap_map smal_heap_map;

/* The calling thread's cache of the default heap; smal_cache_none (no slots,
 * nobody's) if it has none. */
extern __thread struct smal_cache *smal_cache_current __attribute__((tls_model("initial-exec")));
extern struct smal_cache smal_cache_none;

/* A buffer of the cache has got room, or become empty; used_slots and summary are
 * right. (bin.c) */
void smal_cache_relist(struct smal_cache *cache, struct smal_buffer *buffer);

/* Gives a slot of one of the cache's buffers, that is no longer held, back to its
 * mask. (bin.c) */
void smal_cache_return(struct smal_cache *cache, struct smal_buffer *buffer, uintptr_t slot);

/* The bin at a place that owner words and the class table hold. */
static SMAL_ALWAYS_INLINE struct smal_bin *smal_cache_bin(struct smal_cache *cache, size_t place)
{
	struct smal_bin *bin = (void *)((char *)cache->bin + place);

	/* Or the compiler computes the bin's fields anew from the place. */
	__asm__("" : "+r"(bin));
	return bin;
}

/* The bit of a granule in its word, written so that it becomes one instruction
 * each: bt, bts, btr. */
static inline bool smal_bit_of(smal_word word, uintptr_t granule)
{
	return (word >> (granule & (SMAL_WORD_BITS - 1)) & 1) != 0;
}

static inline smal_word smal_bit_with(smal_word word, uintptr_t granule)
{
	return word | (smal_word)1 << (granule & (SMAL_WORD_BITS - 1));
}

static inline smal_word smal_bit_without(smal_word word, uintptr_t granule)
{
	return word & ~((smal_word)1 << (granule & (SMAL_WORD_BITS - 1)));
}

/* Takes a slot that the bin has at hand: *slot. False: it has none. */
static SMAL_ALWAYS_INLINE bool smal_bin_pop(struct smal_bin *bin, void **slot)
{
	uint32_t count = bin->count;
	uintptr_t granule;
	smal_word *word;

	if (SMAL_LIKELY(count != 0)) {
		bin->count = --count;
		granule = bin->slot[count];
	} else {
		smal_word window = bin->window;

		if (SMAL_UNLIKELY(window == 0))
			return false;
		bin->window = window & (window - 1);
		granule = bin->window_granule + smal_word_lowest(window);
	}
	word = &smal_heap_map.held[granule >> SMAL_WORD_LOG2];
	smal_atomic_store_relaxed((volatile AO_t *)word, smal_bit_with(smal_word_load(word), granule));
	*slot = (void *)(smal_heap_map.base + (granule << SMAL_GRANULE_LOG2));
	return true;
}

/* The same for a request of so many bytes. */
static SMAL_ALWAYS_INLINE bool smal_cache_pop(struct smal_cache *cache, size_t bytes, void **slot)
{
	if (SMAL_UNLIKELY(bytes > SMAL_CLASS_TABLE_LARGEST))
		return false;
	return smal_bin_pop(smal_cache_bin(cache, smal_heap_class_table[(bytes + SMAL_GRANULE - 1) >>
	                                                           SMAL_GRANULE_LOG2]), slot);
}

/* A slot that the magazine has no room for goes home; it is no longer held. (bin.c) */
void smal_cache_overflow(struct smal_cache *cache, struct smal_bin *bin, uintptr_t granule);

/* Gives a block back to the cache, if it is that easy: the block is one of the
 * cache's, and its bin's magazine has room. False: nothing has changed. */
static SMAL_ALWAYS_INLINE bool smal_cache_push(struct smal_cache *cache, const void *block)
{
	/* The rest of the map was there before there was a granule. */
	uintptr_t limit = smal_atomic_load(&smal_heap_map.granules), held, bit;
	uintptr_t granule = (uintptr_t)block - smal_heap_map.base;
	struct smal_bin *bin;
	size_t place;
	uint32_t count;
	smal_word *word;

	/* An address that is no multiple of 16 turns into a large number. */
	granule = granule >> SMAL_GRANULE_LOG2 | granule << (8 * sizeof granule - SMAL_GRANULE_LOG2);
	if (SMAL_UNLIKELY(granule >= limit))
		return false;
	place = smal_atomic_load_relaxed_u32(
			&smal_heap_map.owner[granule >> (SMAL_ID_LOG2 - SMAL_GRANULE_LOG2)]) ^
	        cache->tag;
	if (SMAL_UNLIKELY(place >= SMAL_BINS_LIMIT))
		return false;
	word = &smal_heap_map.held[granule >> SMAL_WORD_LOG2];
	held = smal_word_load(word);
	if (SMAL_UNLIKELY(!smal_bit_of(held, granule)))
		return false;
	/* Or the compiler works out the bit's number for both, and needs a register more. */
	bit = granule;
	__asm__("" : "+r"(bit));
	bin = smal_cache_bin(cache, place);
	count = bin->count;
	smal_atomic_store_relaxed((volatile AO_t *)word, smal_bit_without(held, bit));
	if (SMAL_UNLIKELY(count >= bin->limit)) {
		smal_cache_overflow(cache, bin, granule);
		return true;
	}
	bin->slot[count] = (uint32_t)granule;
	bin->count = count + 1;
	return true;
}

/* ---- Where things are ---- */

static inline struct smal_heap *smal_cache_heap(const struct smal_cache *cache)
{
	return (struct smal_heap *)smal_atomic_load_relaxed(&cache->heap);
}

static inline struct smal_lent *smal_buffer_lent(const struct smal_buffer *buffer)
{
	return (struct smal_lent *)(void *)buffer->segment->side[SMAL_SIDE_LENT].base + buffer->id;
}

static inline smal_word *smal_buffer_held(const struct smal_buffer *buffer)
{
	return smal_buffer_mask(buffer, SMAL_SIDE_HELD - SMAL_SIDE_MASK);
}

static inline smal_word *smal_buffer_remote(const struct smal_buffer *buffer)
{
	return smal_buffer_mask(buffer, SMAL_SIDE_REMOTE - SMAL_SIDE_MASK);
}

/* A bit of a mask that others may read meanwhile. */
static inline void smal_mask_set(smal_word *mask, size_t bit)
{
	smal_word *word = &mask[bit >> SMAL_WORD_LOG2];

	smal_atomic_store_relaxed((volatile AO_t *)word,
	                          smal_word_load(word) | (smal_word)1 << (bit & (SMAL_WORD_BITS - 1)));
}

static inline void smal_mask_clear(smal_word *mask, size_t bit)
{
	smal_word *word = &mask[bit >> SMAL_WORD_LOG2];

	smal_atomic_store_relaxed((volatile AO_t *)word,
	                          smal_word_load(word) & ~((smal_word)1 << (bit & (SMAL_WORD_BITS - 1))));
}

/* The buffer of a class that magazines can hold slots of: one of the map. */
static inline bool smal_buffer_is_mapped(const struct smal_buffer *buffer)
{
	return smal_atomic_load(&smal_heap_map.granules) != 0 &&
	       buffer->segment == smal_heap_map.segment;
}

/* The size class of a heap's stride. */
static inline unsigned smal_stride_class(const struct smal_stride *stride)
{
	return stride->class >> SMAL_BIN_LOG2;
}

static inline struct smal_heap *smal_buffer_heap(const struct smal_buffer *buffer)
{
	const struct smal_stride *stride = buffer->stride;

	return stride->stride_bytes == 0
	               ? SMAL_CONTAINER(stride, struct smal_heap, large)
	               : SMAL_CONTAINER(stride - smal_stride_class(stride), struct smal_heap, stride[0]);
}

/* Bytes that a block's user may have. */
static inline size_t smal_heap_slot_bytes(const struct smal_buffer *buffer)
{
	return buffer->stride->stride_bytes != 0 ? buffer->stride->stride_bytes
	                                         : smal_buffer_lent(buffer)->bytes;
}

/* ---- remote.c: blocks that another thread's cache has the buffer of ---- */

#define SMAL_PENDING_CLOSED ((uintptr_t)1)

/* The slot's bit in the remote mask. False: it is set already, the block has been
 * freed. Any thread, without locks. */
bool smal_remote_free(struct smal_heap *heap, struct smal_buffer *buffer, size_t bit);

/* Takes home what others have given back to the cache's buffers. */
void smal_cache_drain(struct smal_cache *cache);

/* Takes home all bits of a buffer's remote mask, whoever meant to, and counts them;
 * while nothing else runs. */
uint32_t smal_remote_take_all(struct smal_buffer *buffer);

/* Shuts a cache's list; those that were on it go to who has them now. With the
 * heap's lock held. */
void smal_cache_close(struct smal_cache *cache);

/* ---- bin.c: masks to bins and back ---- */

/* A slot of a class, from wherever there is one; NULL: no memory. The cache's
 * thread; the heap's lock is held if it is the shared one. */
void *smal_cache_refill(struct smal_cache *cache, unsigned class);

/* All that the bins hold goes back to the masks. */
void smal_cache_flush(struct smal_cache *cache);

/* The same, and empty buffers leave them, of bins that have not been filled since the
 * last time. */
void smal_cache_retire_idle(struct smal_cache *cache);

/* All buffers go back to the strides. With the heap's lock held. */
void smal_cache_dissolve_locked(struct smal_cache *cache);

/* A buffer that no cache has is lent to this one. With the heap's lock held. */
void smal_cache_adopt_locked(struct smal_cache *cache, struct smal_buffer *buffer);

/* The stride of a class, made if it is not there; NULL: no memory. With the lock. */
struct smal_stride *smal_heap_stride_locked(struct smal_heap *heap, unsigned class);

/* ---- purge.c: free pages in buffers that are in use ---- */

/* Looks, now and then, for pages to give back to the system. */
void smal_purge_some_slow(struct smal_cache *cache);

static inline void smal_purge_some(struct smal_cache *cache)
{
	if (SMAL_UNLIKELY(cache->freed_bytes > cache->due_bytes) &&
	    ++cache->refills >= SMAL_LOOK_REFILLS)
		smal_purge_some_slow(cache);
}

/* ---- cache.c: threads ---- */

/* The calling thread's cache of a heap, made if need be; NULL: it can have none
 * (now), the shared one serves. */
struct smal_cache *smal_cache_of(struct smal_heap *heap);

/* The same, if there is one already. */
struct smal_cache *smal_cache_find(struct smal_heap *heap);

/* The heap's shared cache, with the lock held; NULL: no memory. */
struct smal_cache *smal_cache_shared_locked(struct smal_heap *heap);

/* A cache that nobody has, and that has nothing, is the heap's. With the lock held. */
void smal_cache_give_idle(struct smal_heap *heap, struct smal_cache *cache);

/* One parked cache is dissolved; false if there is none. With the lock held. */
bool smal_cache_unpark_locked(struct smal_heap *heap);

/* Ends all caches of a heap that ends; with the lock of the list of heaps. */
void smal_caches_fini(struct smal_heap *heap);

/* ---- fork.c ---- */

/* Has forks leave both sides whole; once for the process. */
bool smal_heap_fork_handle(void);

/* ---- large.c ---- */

void *smal_large_alloc(struct smal_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed);
void *smal_large_alloc_locked(struct smal_heap *heap, size_t bytes, size_t align_bytes,
                              bool *zeroed);
/* Free blocks that are kept for the next request go back. With the lock held. */
void smal_large_trim_locked(struct smal_heap *heap);
/* With the lock held; the block is held. */
void smal_large_free_locked(struct smal_heap *heap, struct smal_buffer *buffer);
/* The block with its new size, where it is or elsewhere, the contents with it; NULL: not this
 * way, nothing has changed. */
void *smal_large_resize(struct smal_heap *heap, struct smal_buffer *buffer, size_t bytes);

/* ---- empty.c: addresses without memory ---- */

/* A fresh address that faults when touched; NULL: there is none left. */
void *smal_empty_take(struct smal_heap *heap);
/* True if the address is of that kind; the number of the heap that has it, or 0. */
bool smal_empty_is(const void *address);
uint16_t smal_empty_owner(const void *address);
/* False: the heap does not have it. */
bool smal_empty_give(const struct smal_heap *heap, const void *address);
size_t smal_empty_count(const struct smal_heap *heap);
void smal_empties_fini_locked(const struct smal_heap *heap);

/* ---- fault.c: what is wrong with a pointer ---- */

/* Tells the sink of a block that can't be freed or asked about. */
enum smal_error smal_heap_fault(const struct smal_heap *heap, const char *function,
                                const void *block);

/* ---- heap.c, block.c ---- */

/* A buffer has been made: counted, and on the map. With the lock held. */
void smal_heap_grown_locked(struct smal_heap *heap, const struct smal_buffer *buffer);

/* The heap's next buffer, by address, after the one at *at; NULL: there is no more.
 * With the lock held its own stay; those of other heaps may end meanwhile. */
struct smal_buffer *smal_heap_next_buffer(const struct smal_heap *heap, uintptr_t *at);

/* The buffer of a block of the heap that is in use, and its bit; or NULL. */
struct smal_buffer *smal_heap_block(const struct smal_heap *heap, const void *block, size_t *bit);

/* A slot of the shared cache, or a block of its own, without guards; with the lock. */
void *smal_heap_take_locked(struct smal_heap *heap, size_t bytes, size_t align_bytes, bool *zeroed);

struct smal_heap *smal_heap_default_slow(void);

/* The heap that is meant: the default one for NULL; NULL: it can't be made. */
static inline struct smal_heap *smal_heap_or_default(struct smal_heap *heap)
{
	if (heap == NULL)
		heap = smal_atomic_load_pointer(&smal_process.default_heap);
	return SMAL_LIKELY(heap != NULL) ? heap : smal_heap_default_slow();
}

void *smal_heap_alloc_slow(struct smal_heap *heap, size_t bytes);
enum smal_error smal_heap_free_slow(struct smal_heap *heap, void *block, const char *function);

/* As the public ones; the sink is told another function's name. */
size_t smal_heap_usable_bytes(struct smal_heap *heap, const void *block, const char *function);
void *smal_heap_realloc_as(struct smal_heap *heap, void *block, size_t bytes, const char *function);

#endif
