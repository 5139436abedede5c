/* SPDX-License-Identifier: MIT */
/*
 * handle.h: blocks that move, behind handles, in heaps that can be compacted.
 *
 * A block is named by a handle. While it is locked it has an address; unlocked, it
 * may be moved, so that the free memory between blocks becomes one piece
 * (smal_compact), in as many steps as the program has time for. Locks nest. A block
 * that is locked stays where it is, and everything else is moved around it.
 *
 * Beside its block a handle costs 12 bytes, whatever the block's size, and a heap
 * 4 bytes for each 4 KiB. Blocks begin at multiples of 16 and take their size
 * rounded up to 16 bytes (blocks of 256 KiB and more that the system gives: whole
 * pages; they are not moved, for nothing is gained by it). A heap lives in memory of
 * the system, or in a buffer of the caller's; then it makes no system call and
 * writes nowhere else.
 *
 * Any thread may call any function, but while a heap is made or ended. Locking and
 * unlocking take no lock and go on beside a compaction; they wait at most for the
 * copy under way of that very block (64 KiB, or one block that is larger).
 * Allocation, resizing and freeing take the heap's lock, and may wait for a step of
 * a compaction.
 *
 * A child of fork finds every heap whole, also if another thread was inside one; what
 * threads that are not there had locked stays locked. (For that the heaps of a process
 * are a list: a heap ends before its buffer does.)
 *
 * A handle that was freed, also if its place in the table is another's by now, is
 * recognised in the next 8,191 uses of that place: "stale handle" (in a buffer, whose
 * table may end sooner and grow again, for most of them).
 *
 * Sizes are in bytes.
 *
 * Algorithm: after M. Jansson's Jeff, "a compacting allocator":
 * blocks in the order of their addresses, moved down over the holes between those
 * that are locked, as in a Lisp 2 compactor but in one walk. Here the table's
 * entries are the list, used or free, so that nothing is sorted and a walk can stop
 * anywhere.
 */
#ifndef SMAL_HANDLE_H
#define SMAL_HANDLE_H

#include <smal/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

SMAL_BEGIN

/** Names a block of a heap; 0 names none. */
typedef uint64_t smal_handle;

struct smal_handle_heap;

/** What the functions in line look at: the library's, and the beginning of every heap. */
struct smal_handle_view {
	uint32_t magic, number;
	volatile uint32_t entries;
	/** Entry i is table[-i]. */
	struct smal_handle_entry *table;
	char *base;
	/** Not 0 while the process has never had a second thread. */
	const volatile char *single;
};

struct smal_handle_entry {
	volatile uint32_t place, control;
	uint32_t next;
};

enum {
	SMAL_HANDLE_MAGIC = 0x68616e64,
	SMAL_HANDLE_LOCKS = 0xff,
	SMAL_HANDLE_USED = 1 << 13,
	/** All but the locks, the slack, and two flags. */
	SMAL_HANDLE_PLAIN = -1 ^ 0x19fff
};

enum smal_handle_flags {
	/** The block may vanish while it is not locked, when memory is short: locking it
	 *  gives NULL then. */
	SMAL_HANDLE_PURGEABLE = 1,
	/** The heap's `moved` function is told when the block has moved. */
	SMAL_HANDLE_TELL = 2,
	SMAL_HANDLE_FLAGS = 3
};

/**
 * Is told that a block has moved, before it can be locked again: what refers to its
 * inside can be mended. `to` holds the block, `from` is only a number by now. May not
 * call into libsmal, begin threads or fork: the heap's lock is held. On the thread that
 * compacts, allocates or resizes.
 */
typedef void smal_handle_moved(smal_handle handle, void *to, const void *from, size_t bytes,
                               void *user);

enum smal_handle_low {
	/** Less than an eighth of the heap's memory has never been used since it was last
	 *  compacted: a good moment to compact, if the program has none better. */
	SMAL_HANDLE_LOWER,
	/** An allocation fails unless the heap is compacted: that happens next. */
	SMAL_HANDLE_HIGHER
};

enum smal_handle_answer {
	/** Compact now. */
	SMAL_HANDLE_COMPACT,
	/** Not yet: at HIGHER at the latest, whatever is answered to that. */
	SMAL_HANDLE_NOT_YET
};

/**
 * Is told that memory runs low: LOWER once, then HIGHER once, until a compaction has
 * made room again. It may lock, unlock, free and compact; an allocation in it is not
 * told again. On the thread that allocates, which holds no lock.
 */
typedef enum smal_handle_answer smal_handle_low_function(struct smal_handle_heap *heap,
                                                         enum smal_handle_low how, size_t bytes,
                                                         void *user);

struct smal_handle_options {
	/** sizeof(struct smal_handle_options), or 0: as large as this header says. */
	size_t options_bytes;
	/** Memory for all of the heap, its table included; or NULL: the system's. */
	void *buffer;
	size_t buffer_bytes;
	/** Of the system's: what blocks may take at most (large ones apart); 0: as much as
	 *  there are addresses for, at most 64 GiB (where addresses have 32 bits: 256 MiB). As
	 *  many addresses are reserved, and up to three quarters as many for the table. */
	size_t limit_bytes;
	smal_handle_moved *moved;
	smal_handle_low_function *low;
	/** Is handed to both. */
	void *user;
};

/** The least that a buffer can be: 2 KiB; below it smal_handle_heap_create fails. */
enum { SMAL_HANDLE_LEAST_BYTES = 2048 };

/**
 * Makes a heap.
 *
 * options  what it is to be like, or NULL
 * result   is set to the heap
 *
 * Returns SMAL_OK, SMAL_ERROR_NO_MEMORY (a buffer that is too small is that, too), or
 * SMAL_ERROR_INVALID with the sink told.
 */
SMAL_API enum smal_error smal_handle_heap_create(const struct smal_handle_options *options,
                                                 struct smal_handle_heap **result);

/** Ends a heap and all of its blocks. NULL is nothing. SMAL_ERROR_INVALID with the sink
 *  told if it is no heap. */
SMAL_API enum smal_error smal_handle_heap_destroy(struct smal_handle_heap *heap);

/**
 * A block of `bytes` bytes with any contents, not locked; 0 bytes are a block, too.
 * When the heap is full it is compacted; purgeable blocks go only if that does not
 * help.
 *
 * Returns its handle; 0 if there is no memory, or, with the sink told, if flags are
 * none of enum smal_handle_flags.
 */
SMAL_API smal_handle smal_handle_alloc(struct smal_handle_heap *heap, size_t bytes, unsigned flags);

/**
 * Gives a block back. 0 is nothing.
 *
 * Returns SMAL_OK; with the sink told SMAL_ERROR_INVALID ("stale handle", which a
 * double free is, "not a handle") or SMAL_ERROR_BUSY ("block is locked").
 */
SMAL_API enum smal_error smal_handle_free(struct smal_handle_heap *heap, smal_handle handle);

/** Out of line: what the functions in line leave. */
SMAL_API void *smal_handle_lock_slow(struct smal_handle_heap *heap, smal_handle handle);
SMAL_API enum smal_error smal_handle_unlock_slow(struct smal_handle_heap *heap, smal_handle handle);

/** The entry of a handle, if its block is there, can be locked without more ado, and the
 *  process has one thread; else NULL. */
static inline struct smal_handle_entry *smal_handle_plain(const struct smal_handle_heap *heap,
                                                          smal_handle handle)
{
	const struct smal_handle_view *view = (const struct smal_handle_view *)(const void *)heap;
	struct smal_handle_entry *entry;

	if (view == NULL || view->magic != SMAL_HANDLE_MAGIC || *view->single == 0 ||
	    (uint32_t)handle - 1 >= view->entries)
		return NULL;
	entry = view->table - (uint32_t)handle;
	/* The heap's number stands in a handle where an entry has its flags. */
	return (entry->control & (uint32_t)SMAL_HANDLE_PLAIN) ==
	                       (((uint32_t)(handle >> 32) ^ view->number) | SMAL_HANDLE_USED)
	               ? entry
	               : NULL;
}

/**
 * Locks a block: it stays at its address until it has been unlocked as often. 255
 * locks at most.
 *
 * Returns the address; NULL if the block was purged, which is no mistake, and NULL
 * with the sink told: "stale handle", "not a handle", "too many locks".
 */
static inline void *smal_handle_lock(struct smal_handle_heap *heap, smal_handle handle)
{
	struct smal_handle_entry *entry = smal_handle_plain(heap, handle);
	uint32_t control;

	if (__builtin_expect(entry == NULL, 0))
		return smal_handle_lock_slow(heap, handle);
	control = entry->control;
	if (__builtin_expect((control & SMAL_HANDLE_LOCKS) == SMAL_HANDLE_LOCKS, 0))
		return smal_handle_lock_slow(heap, handle);
	entry->control = control + 1;
	return ((struct smal_handle_view *)(void *)heap)->base + ((size_t)entry->place << 4);
}

/** Takes one lock off. SMAL_OK, also for a block that was purged; SMAL_ERROR_INVALID with
 *  the sink told: "stale handle", "not a handle", "block is not locked". */
static inline enum smal_error smal_handle_unlock(struct smal_handle_heap *heap, smal_handle handle)
{
	struct smal_handle_entry *entry = smal_handle_plain(heap, handle);
	uint32_t control;

	if (__builtin_expect(entry == NULL, 0))
		return smal_handle_unlock_slow(heap, handle);
	control = entry->control;
	if (__builtin_expect((control & SMAL_HANDLE_LOCKS) == 0, 0))
		return smal_handle_unlock_slow(heap, handle);
	entry->control = control - 1;
	return SMAL_OK;
}

/**
 * The address that a block has now, without keeping it there: it may be read, and what
 * was read counts if smal_handle_validate says afterwards that the block is still
 * there. The memory stays readable whatever becomes of the block, but for a large one
 * that is freed, purged or resized meanwhile. NULL as with smal_handle_lock.
 */
SMAL_API void *smal_handle_weak_lock(struct smal_handle_heap *heap, smal_handle handle);

/** True if the block is at this address: false if and only if a compaction has moved it
 *  meanwhile, or it was purged, freed, or moved by resizing (whoever resizes a block that
 *  others read has to tell them: it may come back to where it was). Never tells the
 *  sink. */
SMAL_API bool smal_handle_validate(struct smal_handle_heap *heap, smal_handle handle,
                                   const void *address);

/**
 * Makes a block longer or shorter; what both sizes have in common is kept. A locked
 * block does not move: it is resized where it stands or not at all, a large one not at
 * all.
 *
 * Returns SMAL_OK; SMAL_ERROR_NO_MEMORY, the block is as it was (a buffer that is full
 * may have no room for the table's entry of a hole: also when it becomes shorter);
 * SMAL_ERROR_BUSY, quietly, for a locked block; SMAL_ERROR_INVALID with the sink told.
 */
SMAL_API enum smal_error smal_handle_resize(struct smal_handle_heap *heap, smal_handle handle,
                                            size_t bytes);

/** The size of a block, exactly as asked for; 0 for one that was purged, and, with the
 *  sink told, if it is none. */
SMAL_API size_t smal_handle_size(struct smal_handle_heap *heap, smal_handle handle);

/** Says whether a block may vanish from now on. SMAL_OK, also for one that has;
 *  SMAL_ERROR_INVALID with the sink told. */
SMAL_API enum smal_error smal_handle_set_purgeable(struct smal_handle_heap *heap,
                                                   smal_handle handle, bool purgeable);

/** Lets every purgeable block vanish that is not locked; returns their bytes. */
SMAL_API size_t smal_handle_purge(struct smal_handle_heap *heap);

/**
 * Moves blocks together, from the lowest address on, for at most max_ns nanoseconds
 * (0: until it is done); the next call goes on where this one stopped. The clock is
 * looked at after every 64 KiB or 256 blocks. Memory that becomes free goes back to
 * the system, 2 MiB between two looks at the clock. O(blocks) for any pattern of
 * locks.
 *
 * Returns true if the heap has been walked to its end: but for what has been freed
 * or unlocked meanwhile, what is not beside locked blocks is in one piece.
 */
SMAL_API bool smal_compact(struct smal_handle_heap *heap, uint64_t max_ns);

struct smal_handle_stats {
	/** Blocks; their bytes, as asked for. Those that vanished are none. */
	uint64_t blocks, block_bytes;
	/** Of them, blocks outside of the heap's memory, and their bytes. */
	uint64_t large_blocks, large_bytes;
	/** Memory from the lowest block to behind the highest; how much of it is free, in how
	 *  many pieces; the longest one. */
	uint64_t span_bytes, free_bytes, holes, largest_hole_bytes;
	/** What could be allocated as one block now, without compaction: the longest hole or
	 *  what lies behind the span, as far as the limit or the buffer goes. */
	uint64_t allocatable_bytes;
	/** Memory of the table and the index, and entries of the table that are not used. */
	uint64_t metadata_bytes, spare_handles;
	/** Since the heap was made: compactions that came to their end, blocks and bytes
	 *  moved by them, blocks purged. */
	uint64_t compactions, moved_blocks, moved_bytes, purged_blocks;
};

/** The counts; the holes are found by walking all blocks. */
SMAL_API void smal_handle_get_stats(struct smal_handle_heap *heap, struct smal_handle_stats *stats);

/** Checks every invariant of a heap. SMAL_OK, or SMAL_ERROR_CORRUPT with the sink told of
 *  the first that does not hold. */
SMAL_API enum smal_error smal_handle_check(struct smal_handle_heap *heap);

SMAL_END

#endif
