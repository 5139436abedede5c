/* SPDX-License-Identifier: MIT */
/*
 * alloc.h: objects: allocation, early free, size, and what a pointer is.
 *
 * An allocation that hits is inline: compare, add, store. It takes the next
 * slot of a hole that the thread has claimed; a collection may happen only
 * when the hole ends. Memory is zeroed, unless the type is SMAL_TYPE_UNZEROED.
 * Objects have no header: an object's size and type follow from its address.
 *
 * The parcel is a stable ABI for compilers. smal_thread_parcel gives its
 * address for a thread and a type of fixed size; both last until the thread is
 * detached or the type destroyed, so the address may be built into code:
 *
 *     object = parcel->cursor
 *     if (object + stride > parcel->limit) call smal_alloc(thread, type)
 *     else parcel->cursor = object + stride
 *
 * with the stride from smal_type_stride. Only the owning thread writes the
 * cursor; libsmal may set the limit to 0 at any time to have the next
 * allocation call in. A poll is a test of the thread's word `poll`.
 *
 * Objects never move. An address is an identity and may be hashed; an object
 * that is reachable is pinned; there is nothing to call for either.
 */
#ifndef SMAL_ALLOC_H
#define SMAL_ALLOC_H

#include <smal/thread.h>
#include <smal/type.h>

SMAL_BEGIN

/** The part of a hole that a thread may still parcel out: [cursor, limit). */
struct smal_parcel {
	uintptr_t cursor;
	uintptr_t limit;
};

/** The public part of an attached thread. */
struct smal_thread {
	/** Parcels by index. */
	struct smal_parcel *parcels;
	/** Not 0 if smal_poll has something to do. */
	volatile uint32_t poll;
};

/** The public part of a type. */
struct smal_type {
	/** Type of fixed size: the index of its parcel. Else, and for a type that
	 *  has ended, 0: a parcel that is always empty. */
	size_t parcel_index;
	/** Bytes from one object to the next; 0 for a type of variable size. */
	size_t stride_bytes;
	/** Type of variable size: the index of its first class's parcel; else 0. */
	size_t class_index;
};

enum {
	/** A request above this takes memory of its own, in whole pages. */
	SMAL_LARGE_BYTES = 128 * 1024,
	/** Size classes of a type of variable size. */
	SMAL_CLASSES = 88
};

/** The out-of-line halves of the functions below. */
SMAL_API void *smal_alloc_slow(struct smal_thread *thread, struct smal_type *type);
SMAL_API void *smal_alloc_bytes_slow(struct smal_thread *thread, struct smal_type *type,
                                     size_t bytes);

/**
 * The size class of a request of 1 to SMAL_LARGE_BYTES bytes: every 16 bytes to
 * 128, then eight classes to each doubling.
 */
static inline size_t smal_class_index(size_t bytes)
{
	size_t units = (bytes + 15) / 16;
	unsigned shift;

	if (units <= 8)
		return units - (units != 0);
	shift = (unsigned)(sizeof(long) * 8 - 4) - (unsigned)__builtin_clzl((unsigned long)units - 1);
	return shift * 8 + ((units - 1) >> shift);
}

/** Bytes of an object of a size class: the inverse of the above. */
static inline size_t smal_class_bytes(size_t index)
{
	size_t shift = index < 8 ? 0 : index / 8 - 1;

	return (index - shift * 8 + 1) * 16 << shift;
}

/**
 * The inline half of smal_alloc_bytes, for runtimes that keep the parcels' place: the
 * next object of `last` + 1 bytes, at most SMAL_LARGE_BYTES.
 *
 * parcels  those of the attached thread for the type: parcels + class_index
 *
 * Returns NULL, with nothing changed, where smal_alloc_bytes_slow has to be called.
 */
static inline void *smal_parcels_take(struct smal_parcel *parcels, size_t last)
{
	size_t index, step;
	uintptr_t object, next;

	if (__builtin_expect(last < 128, 1)) {
		index = last / 16;
		step = (last | 15) + 1;
	} else {
		index = smal_class_index(last + 1);
		step = smal_class_bytes(index);
	}
	object = parcels[index].cursor;
	next = object + step;
	if (__builtin_expect(next > parcels[index].limit, 0))
		return NULL;
	__atomic_store_n(&parcels[index].cursor, next, __ATOMIC_RELAXED);
	return (void *)object;
}

/**
 * Stops here if a collection waits for this thread; otherwise a load and a
 * branch. For loops that run long without allocating. The attached thread only.
 */
static inline void smal_poll(struct smal_thread *thread)
{
	if (__builtin_expect(__atomic_load_n(&thread->poll, __ATOMIC_RELAXED) != 0, 0))
		smal_poll_slow(thread);
}

/** The parcel of a thread for a type of fixed size. */
static inline struct smal_parcel *smal_thread_parcel(struct smal_thread *thread,
                                                     const struct smal_type *type)
{
	return &thread->parcels[type->parcel_index];
}

/** Bytes from one object of a fixed-size type to the next. */
static inline size_t smal_type_stride(const struct smal_type *type)
{
	return type->stride_bytes;
}

/**
 * Allocates an object of a type of fixed size.
 *
 * Returns zeroed memory (unless SMAL_TYPE_UNZEROED), aligned as the type says,
 * or NULL; smal_thread_error then tells SMAL_ERROR_NO_MEMORY, SMAL_ERROR_LIMIT,
 * SMAL_ERROR_BUSY (from a mark callback; the sink is told) or SMAL_ERROR_INVALID
 * (not a live type of this collector, or one of variable size; the sink is told).
 *
 * The attached thread only. May collect, unless the pace is SMAL_PACE_OFF; the
 * new object is a root only as far as the caller's stack, registers or frames
 * hold it.
 */
static inline void *smal_alloc(struct smal_thread *thread, struct smal_type *type)
{
	struct smal_parcel *parcel = smal_thread_parcel(thread, type);
	uintptr_t object = parcel->cursor;
	uintptr_t next = object + type->stride_bytes;

	if (__builtin_expect(next > parcel->limit, 0))
		return smal_alloc_slow(thread, type);
	__atomic_store_n(&parcel->cursor, next, __ATOMIC_RELAXED);
	return (void *)object;
}

/**
 * Allocates an object of a type of variable size, of at least `bytes` bytes;
 * 0 is taken as 1. smal_size tells how many there are, at most one eighth more
 * above 128 bytes, and whole pages above SMAL_LARGE_BYTES.
 *
 * Returns and rules as for smal_alloc; besides, SMAL_ERROR_TOO_LARGE.
 */
static inline void *smal_alloc_bytes(struct smal_thread *thread, struct smal_type *type,
                                     size_t bytes)
{
	size_t last = bytes - 1;
	void *object;

	if (__builtin_expect(last >= SMAL_LARGE_BYTES || type->class_index == 0, 0))
		return smal_alloc_bytes_slow(thread, type, bytes);
	object = smal_parcels_take(&thread->parcels[type->class_index], last);
	return __builtin_expect(object != NULL, 1) ? object
	                                           : smal_alloc_bytes_slow(thread, type, bytes);
}

/**
 * Gives an object back at once: its type's free callback is called, and its
 * slot is used again soon. Never needed, and only for objects that nothing
 * refers to any more. NULL is allowed and does nothing.
 *
 * object  the start of an object of the thread's collector
 *
 * Returns SMAL_OK, or, with the sink told and nothing changed,
 * SMAL_ERROR_INVALID (a double free, an interior or foreign pointer, an object
 * of another collector), or SMAL_ERROR_BUSY (from a mark callback).
 */
SMAL_API enum smal_error smal_free(struct smal_thread *thread, void *object);

/**
 * Bytes that an object has room for: at least what was asked for. 0, with the
 * sink told, if it is no live object of any collector. Any thread that knows
 * the object to be alive, also from a mark callback. O(1).
 */
SMAL_API size_t smal_size(const void *object);

/**
 * Tries to give an object of variable size a new size where it stands. Within
 * smal_size that always succeeds and costs nothing; a large object gives back
 * whole pages at its end, or grows if the pages behind it are free. New bytes
 * are zero if they lie beyond the old smal_size (unless SMAL_TYPE_UNZEROED).
 *
 * Returns SMAL_OK and smal_size is now at least bytes; SMAL_ERROR_NO_MEMORY or
 * SMAL_ERROR_LIMIT if there is no room here (allocate and copy instead; the
 * object is unchanged), SMAL_ERROR_TOO_LARGE, or SMAL_ERROR_INVALID and
 * SMAL_ERROR_BUSY as for smal_free. Never collects.
 */
SMAL_API enum smal_error smal_resize(struct smal_thread *thread, void *object,
                                     size_t bytes);

/**
 * The start of the live object that a word points to or into (after the tag
 * mask), or NULL. One past the end does not count. Any word may be asked: it
 * is never followed. The attached thread only; right until the next
 * collection or free.
 */
SMAL_API void *smal_base(struct smal_thread *thread, uintptr_t word);

/**
 * The same for any thread, attached or not, also from a callback and between hold and
 * release (thread.h). The result is of use where something else keeps the object, or
 * no collection can run: in a callback, for example.
 */
SMAL_API void *smal_find(const struct smal_gc *gc, uintptr_t word);

/**
 * True if an address lies in memory that a collector has for small and medium objects
 * or in a large object: not in static data, on a stack, in another collector's or in the
 * C library's heap. A few instructions; any thread.
 */
SMAL_API int smal_holds(const struct smal_gc *gc, const void *address);

/** The type of a live object, or NULL (without a report) if it is none. */
SMAL_API struct smal_type *smal_type_of(const void *object);

SMAL_END

#endif
