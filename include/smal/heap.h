/* SPDX-License-Identifier: MIT */
/*
 * heap.h: variable-size heaps: malloc and its family, any number of them.
 *
 * A block of up to 32 KiB is a slot of a size class (every 16 bytes to 128, then
 * eight classes for each doubling, so at most an eighth more than was asked for);
 * a larger one is whole pages of its own. Who holds a slot is known from bitmaps
 * outside of the blocks alone: an overrun can't corrupt the heap, a free block is
 * never written, and whatever is no block in use is recognised when it is freed,
 * always. Memory that has been free for a while goes back to the system, also from
 * inside of buffers that are in use.
 *
 * Every function that takes a heap takes NULL for the process's default heap, which
 * is made when it is first needed. Any thread may call any function; blocks may be
 * freed by other threads than the one that allocated them. A heap that is being
 * destroyed may not be used. Functions do not block for longer than the system
 * takes; none may be called by a signal handler that interrupted one of them.
 *
 * All blocks begin at multiples of 16. Sizes are in bytes.
 *
 * Algorithm: bitmaps of equal strides as in the stride malloc of the seed, per
 * thread in the way of mimalloc and of snmalloc: freed by others with one atomic
 * or.
 */
#ifndef SMAL_HEAP_H
#define SMAL_HEAP_H

#include <smal/error.h>

#include <stddef.h>
#include <stdint.h>

SMAL_BEGIN

struct smal_heap;

enum smal_heap_flags {
	/** Overruns and writes after free are found, at some cost: SMAL_OPTIONS=check=1
	 *  has the same effect on all heaps. */
	SMAL_HEAP_GUARDED = 1,
	SMAL_HEAP_FLAGS = 1
};

struct smal_heap_options {
	/** sizeof(struct smal_heap_options), or 0: as large as this header says. */
	size_t options_bytes;
	/** What all of the heap's buffers may have together; 0: no limit. */
	size_t limit_bytes;
	/** enum smal_heap_flags. */
	unsigned flags;
};

/**
 * Makes a heap.
 *
 * options  what it is to be like, or NULL
 * result   is set to the heap
 *
 * Returns SMAL_OK, SMAL_ERROR_NO_MEMORY, or SMAL_ERROR_INVALID with the sink told.
 */
SMAL_API enum smal_error smal_heap_create(const struct smal_heap_options *options,
                                          struct smal_heap **result);

/**
 * Ends a heap and all of its blocks. NULL is nothing. SMAL_ERROR_INVALID or
 * SMAL_ERROR_BUSY (the default heap) with the sink told.
 */
SMAL_API enum smal_error smal_heap_destroy(struct smal_heap *heap);

/**
 * A block of at least `bytes` bytes, with any contents; NULL, and errno ENOMEM, if
 * there is no memory. A block of 0 bytes is an address of its own that faults when
 * it is touched.
 */
SMAL_API void *smal_heap_alloc(struct smal_heap *heap, size_t bytes);

/** A block of count times `bytes` bytes that read as zero; NULL also if that
 *  overflows. */
SMAL_API void *smal_heap_alloc_zeroed(struct smal_heap *heap, size_t count, size_t bytes);

/** A block that begins at a multiple of align_bytes, a power of two (else NULL, errno
 *  EINVAL, and the sink is told). */
SMAL_API void *smal_heap_alloc_aligned(struct smal_heap *heap, size_t align_bytes, size_t bytes);

/**
 * Makes a block longer or shorter; it may move, with what is in it. A NULL block
 * is allocated. Blocks of more than 32 KiB are not copied: they grow where they are
 * or their pages are moved.
 *
 * Returns the block; NULL, and errno ENOMEM, if there is no memory: the block is
 * then as it was. NULL, and errno EINVAL, with the sink told, if it is no block of
 * the heap.
 */
SMAL_API void *smal_heap_realloc(struct smal_heap *heap, void *block, size_t bytes);

/**
 * Gives a block back. NULL is nothing. errno is kept.
 *
 * Returns SMAL_OK; SMAL_ERROR_INVALID, with the sink told what the pointer is, if it
 * is no block of the heap that is in use: "double free", "interior pointer",
 * "misaligned pointer", "foreign pointer" or "block of another heap". Of a guarded
 * heap also SMAL_ERROR_CORRUPT: "overrun", "write after free".
 */
SMAL_API enum smal_error smal_heap_free(struct smal_heap *heap, void *block);

/** The bytes of a block that may be used: at least what was asked for. 0, and the
 *  sink is told, if it is none of the heap's. */
SMAL_API size_t smal_heap_usable(struct smal_heap *heap, const void *block);

/** Gives all free memory back to the system that can be, of all heaps' buffers; returns
 *  bytes. What other threads have at hand stays with them. */
SMAL_API size_t smal_heap_trim(struct smal_heap *heap);

/** Counts of a heap. used + free = buffers. */
struct smal_heap_stats {
	/** Bytes of all buffers, and the largest that has been. */
	uint64_t buffer_bytes, buffer_peak_bytes;
	/** Blocks in use; bytes of their slots; of them blocks of their own. */
	uint64_t used_blocks, used_bytes, large_blocks, large_bytes;
	/** Blocks of 0 bytes in use. */
	uint64_t empty_blocks;
	/** What no block has: bytes of free slots, and what no slot is made of. */
	uint64_t free_bytes;
	/** Of the free bytes: given back to the system, from inside of buffers. */
	uint64_t purged_bytes;
	/** Threads that have a cache now. */
	uint64_t threads;
};

/** The counts, found by looking at every buffer. Other threads may go on; then the
 *  figures are of no one moment. */
SMAL_API void smal_heap_get_stats(struct smal_heap *heap, struct smal_heap_stats *stats);

/**
 * Checks every invariant of a heap, its buffers and masks, and of the space beneath;
 * of a guarded heap also every block. No other thread may use the heap meanwhile.
 *
 * Returns SMAL_OK, or SMAL_ERROR_CORRUPT with the sink told of the first invariant
 * that does not hold.
 */
SMAL_API enum smal_error smal_heap_check(struct smal_heap *heap);

SMAL_END

#endif
