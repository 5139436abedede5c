/* SPDX-License-Identifier: MIT */
/*
 * vector.h: vectors that know their size, and grow without being copied.
 *
 * A vector is a block with two sizes, which are kept outside of it: how much of it
 * is used, and how much it could hold. Growing within the capacity costs nothing.
 * Vectors up to the pool's largest class take blocks of a few sizes, each `growth`
 * times the one before; a block is split into, and put together from, blocks of the
 * other classes, so that any mix of them can have all of the memory. A larger vector
 * has addresses of its own, far more than it uses, and grows in place: it does not
 * move, and nothing is copied.
 *
 * A pool lives in memory of the system, or in two buffers of the caller's: a disc
 * for the vectors and a map for all that is known about them. Then it makes no
 * system call and writes nowhere else, and its largest vector is one of the largest
 * class. Overrunning a vector never harms what is known about any. Over a fork a pool is
 * whole in the child.
 *
 * Any thread may call any function, but while a pool is made or ended. A vector's
 * contents are its users' own affair.
 *
 * Sizes are in bytes.
 *
 * Algorithm: the geometry is that of the seed "vcm", whose classes had fixed shares;
 * free blocks are found as in a buddy allocator, by masks. What is known of a vector is
 * a part of a number (doc/design/vector.md).
 */
#ifndef SMAL_VECTOR_H
#define SMAL_VECTOR_H

#include <smal/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

SMAL_BEGIN

struct smal_vector_pool;

struct smal_vector_options {
	/** sizeof(struct smal_vector_options), or 0: as large as this header says. */
	size_t options_bytes;
	/** Sizes of the smallest and the largest class, powers of two; the smallest is 8 to
	 *  4,096, the largest at most 4,096 times the smallest and a power of `growth` times
	 *  it. 0: 16, and the largest of these up to 4,096. */
	size_t smallest_bytes, largest_bytes;
	/** How much larger each class is than the one before: 2 (also 0), 4, 8 or 16. */
	unsigned growth;
	/** A caller's memory for vectors, and for what is known about them, or NULL: the
	 *  system's. The disc begins at a multiple of smallest_bytes; what it has beyond
	 *  whole blocks of the largest class is not used. The pool is in the map: it is
	 *  destroyed before that memory is used for anything else. (The first pool or heap
	 *  of a process has forks handled, which may be a call.) */
	void *disc;
	size_t disc_bytes;
	void *map;
	size_t map_bytes;
	/** Of the system's: what vectors may use at most; 0: no limit. Memory of classes counts
	 *  from its first use on; of larger vectors while they have it, and twice while one
	 *  moves to a larger slot. */
	size_t limit_bytes;
};

/** What follows from the sizes of a disc and its classes. */
struct smal_vector_geometry {
	/** Number of classes: log(largest / smallest) / log(growth) + 1. */
	unsigned classes;
	/** Blocks in a channel if each class had as many bytes as the others: the sum of
	 *  largest / size over the classes. */
	size_t entries;
	/** A channel is so many times the largest class: classes + 1. */
	unsigned channel_factor;
	size_t channel_bytes;
	/** Channels of the disc: floor(disc / channel). */
	size_t channels;
	/** What a map for this disc needs, wherever it begins: at most 3.5 % of the disc at
	 *  16 and 1,024 or 4,096, and 352 bytes. */
	size_t map_bytes;
};

/**
 * Computes a geometry: 16, 1,024 and growth 2 on 32 KiB are 7 classes, 127 entries,
 * channels of 8 times the largest class, which is 8 KiB, and 4 of them. Pure.
 *
 * Returns SMAL_OK, or SMAL_ERROR_INVALID (quietly) for sizes that are no geometry;
 * *result is not changed then.
 */
SMAL_API enum smal_error smal_vector_get_geometry(size_t disc_bytes, size_t smallest_bytes,
                                                  size_t largest_bytes, unsigned growth,
                                                  struct smal_vector_geometry *result);

/** Makes a pool. SMAL_OK; SMAL_ERROR_NO_MEMORY, also for a map that is too small or a
 *  disc smaller than the largest class; SMAL_ERROR_INVALID with the sink told. */
SMAL_API enum smal_error smal_vector_pool_create(const struct smal_vector_options *options,
                                                 struct smal_vector_pool **result);

/** Ends a pool and all of its vectors. NULL is nothing. SMAL_ERROR_INVALID with the sink
 *  told. */
SMAL_API enum smal_error smal_vector_pool_destroy(struct smal_vector_pool *pool);

/** A vector that can hold `capacity` bytes or more (0: as 1) and of which none is used.
 *  NULL: no memory, or more than the largest class in a caller's. Its contents are
 *  any. */
SMAL_API void *smal_vector_alloc(struct smal_vector_pool *pool, size_t capacity);

/** Gives a vector back. NULL is nothing. SMAL_OK; SMAL_ERROR_INVALID with the sink told:
 *  "double free", "interior pointer", "foreign pointer". */
SMAL_API enum smal_error smal_vector_free(struct smal_vector_pool *pool, void *vector);

/**
 * Says how much of a vector is used. More than its capacity makes it grow: in a class
 * into the free blocks behind it, or to the next class that will do; larger ones in
 * place. A vector in a class may move then, with what was used of it, and a larger one
 * that outgrows its addresses, with its pages. Capacity never becomes less.
 *
 * Returns the vector; NULL if there is no memory (it is as it was), or with the sink
 * told if it is none.
 */
SMAL_API void *smal_vector_resize(struct smal_vector_pool *pool, void *vector, size_t used);

/** Makes the capacity `capacity` or more; as smal_vector_resize, but what is used stays. */
SMAL_API void *smal_vector_reserve(struct smal_vector_pool *pool, void *vector, size_t capacity);

/** The same where the vector stands, or not at all. True: the capacity is `capacity` or
 *  more. */
SMAL_API bool smal_vector_try_expand(struct smal_vector_pool *pool, void *vector, size_t capacity);

/**
 * Gives back what a vector does not use, where it stands: whole pages; in classes the end
 * of its block, down to the smallest that will do. Returns the vector; NULL with the sink
 * told. A vector with addresses of its own keeps them, and a page.
 */
SMAL_API void *smal_vector_shrink(struct smal_vector_pool *pool, void *vector);

/** What is used of a vector, and what it could hold; in O(1). 0 with the sink told if it
 *  is none. */
SMAL_API size_t smal_vector_used(struct smal_vector_pool *pool, const void *vector);
SMAL_API size_t smal_vector_capacity(struct smal_vector_pool *pool, const void *vector);

struct smal_vector_stats {
	/** Vectors; what is used of them; what they could hold. */
	uint64_t vectors, used_bytes, capacity_bytes;
	/** Of them, with addresses of their own. */
	uint64_t large_vectors;
	/** Memory for vectors, touched or not, and for what is known about them. */
	uint64_t disc_bytes, metadata_bytes;
	/** Since the pool was made: vectors that have moved, and bytes copied by that; moves
	 *  of large ones, which copy nothing. */
	uint64_t moves, copied_bytes, remapped;
};

SMAL_API void smal_vector_get_stats(struct smal_vector_pool *pool, struct smal_vector_stats *stats);

/** Checks every invariant of a pool. SMAL_OK, or SMAL_ERROR_CORRUPT with the sink told. */
SMAL_API enum smal_error smal_vector_check(struct smal_vector_pool *pool);

/* ---- Appending ---- */

/**
 * A vector that is being appended to: its size is kept at hand, and told to the pool
 * when it ends. Of one thread at a time. Read `base` and `next` freely: [base, next)
 * is what is used. A push may change both.
 */
struct smal_vector_tail {
	struct smal_vector_pool *pool;
	char *base, *next, *limit;
};

/** Begins to append to a vector of the pool, or, if it is NULL, to a new one of four
 *  units if there is room. False: no memory, or no vector (the sink was told). */
SMAL_API bool smal_vector_tail_begin(struct smal_vector_tail *tail, struct smal_vector_pool *pool,
                                     void *vector);

/** The vector, its size told to the pool. The tail is not to be used any more. NULL with
 *  the sink told: it is no vector any more, or was made too short meanwhile ("stale
 *  tail"). */
SMAL_API void *smal_vector_tail_end(struct smal_vector_tail *tail);

/** Out of line: makes room for `bytes` more, at least doubling the capacity of a vector in
 *  a class. False: no memory; nothing has changed. */
SMAL_API bool smal_vector_tail_grow(struct smal_vector_tail *tail, size_t bytes);

/** Room for an element of `bytes` bytes at the end, which is used from now on; NULL: no
 *  memory. */
static inline void *smal_vector_extend(struct smal_vector_tail *tail, size_t bytes)
{
	char *at;

	if (__builtin_expect((size_t)(tail->limit - tail->next) < bytes, 0) &&
	    !smal_vector_tail_grow(tail, bytes))
		return NULL;
	at = tail->next;
	tail->next = at + bytes;
	return at;
}

/** Appends an element of `bytes` bytes. False: no memory. */
static inline bool smal_vector_push(struct smal_vector_tail *tail, const void *element,
                                    size_t bytes)
{
	void *at = smal_vector_extend(tail, bytes);

	if (__builtin_expect(at == NULL, 0))
		return false;
	memcpy(at, element, bytes);
	return true;
}

/** Takes the last `bytes` bytes off; NULL if there are fewer. They stay readable until the
 *  next push. */
static inline void *smal_vector_pop(struct smal_vector_tail *tail, size_t bytes)
{
	if (__builtin_expect((size_t)(tail->next - tail->base) < bytes, 0))
		return NULL;
	tail->next -= bytes;
	return tail->next;
}

SMAL_END

#endif
