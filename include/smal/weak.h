/* SPDX-License-Identifier: MIT */
/*
 * weak.h: references that keep nothing: weak references and ephemerons.
 *
 * Both are objects of the collector, of types that it makes itself: they die
 * when nothing refers to them, and a program holds them like any object. What
 * they refer to may also be a foreign address, NULL or a tagged immediate; such
 * things never die, and are left alone.
 *
 * In which order things happen in a collection:
 *
 *   1  what the roots reach is marked; an ephemeron's value counts as reached
 *      when its key is, and so does the value of a finalizer (finalizer.h) and,
 *      in a map with weak keys (map.h), of an entry
 *   2  short weak references to objects that were not reached are cleared, and
 *      so are ephemerons and map entries
 *   3  finalizers whose objects were not reached are put on their queues, with
 *      their objects and all that those refer to: they live on
 *   4  what only step 3 has reached is treated like step 2; long weak
 *      references to objects that are still not reached are cleared; watches of
 *      such objects are put on their queues
 *   5  free callbacks of what is dead, at the usual times (type.h)
 *
 * So a short weak reference does not see its object again after a finalizer has
 * got it; a long one is cleared when the object is really gone.
 */
#ifndef SMAL_WEAK_H
#define SMAL_WEAK_H

#include <smal/thread.h>

SMAL_BEGIN

/** A weak reference: an object of 16 bytes. */
struct smal_weak {
	/** libsmal's: set it with smal_weak_set. */
	void *target;
	/** libsmal's. */
	uintptr_t bits;
};

/** The reference outlives finalizers: it is cleared when its target is gone. */
#define SMAL_WEAK_LONG 1u

/**
 * Makes a weak reference.
 *
 * target  an object of the thread's collector, or something that is no object
 * flags   0, or SMAL_WEAK_LONG
 *
 * Returns it, or NULL as smal_alloc does; besides, smal_thread_error is
 * SMAL_ERROR_INVALID, with the sink told, if target is an object of another
 * collector, or points into one of this. May collect.
 */
SMAL_API struct smal_weak *smal_weak_create(struct smal_thread *thread, void *target,
                                            unsigned flags);

/**
 * What a weak reference refers to, or NULL once that has died. The result is
 * an ordinary pointer, which keeps its object. The attached threads only.
 */
static inline void *smal_weak_get(const struct smal_weak *weak)
{
	return *(void *const volatile *)&weak->target;
}

/**
 * Lets a weak reference refer to something else; NULL clears it. Returns
 * SMAL_OK, or SMAL_ERROR_INVALID as above.
 */
SMAL_API enum smal_error smal_weak_set(struct smal_thread *thread, struct smal_weak *weak,
                                       void *target);

/** An ephemeron: an object of 16 bytes, whose value lives while its key does,
 *  also if the value refers to the key. When the key has died, both are NULL. */
struct smal_ephemeron {
	void *key, *value;
};

/**
 * Makes an ephemeron. Parameters, returns and rules as for smal_weak_create;
 * the value is any word. Finding which values live takes time in proportion to
 * their number, however they depend on each other.
 */
SMAL_API struct smal_ephemeron *smal_ephemeron_create(struct smal_thread *thread, void *key,
                                                      void *value);

/** Its key and its value, or NULL once the key has died. */
static inline void *smal_ephemeron_key(const struct smal_ephemeron *ephemeron)
{
	return *(void *const volatile *)&ephemeron->key;
}

static inline void *smal_ephemeron_value(const struct smal_ephemeron *ephemeron)
{
	return *(void *const volatile *)&ephemeron->value;
}

/** Gives a living ephemeron another value. */
static inline void smal_ephemeron_set(struct smal_ephemeron *ephemeron, void *value)
{
	if (smal_ephemeron_key(ephemeron) != NULL)
		ephemeron->value = value;
}

/* ---- A runtime's own weak tables ---- */

struct smal_marker;
struct smal_type;

/** When a weak function is called, by the order above. */
enum smal_weak_stage {
	/** With step 2: what is not marked now is not reachable. */
	SMAL_WEAK_SHORT_STAGE,
	/** With step 3: what is marked here lives on, with all that it refers to. */
	SMAL_WEAK_FINAL_STAGE,
	/** With step 4: what is not marked now is gone. */
	SMAL_WEAK_LONG_STAGE
};

/**
 * Is called in every collection, once in each stage, while the threads are stopped: for
 * runtimes that have weak tables and finalizers of their own. What it may do is look at
 * and change its own memory, and call smal_is_marked, smal_each_unmarked, smal_find,
 * smal_size and smal_type_of; in the final stage also smal_mark and what else there is
 * in mark.h, and the two functions below. It must not allocate, collect, or leave by
 * longjmp.
 */
typedef void smal_weak_function(struct smal_marker *marker, enum smal_weak_stage stage,
                                void *user);

/** Sets the weak function; NULL for none. An attached thread, or any while none is. */
SMAL_API enum smal_error smal_gc_set_weak(struct smal_gc *gc, smal_weak_function *function,
                                          void *user);

/** 1 if an object has been reached so far; 0 if not, or if it is no live object's
 *  address. From a weak function. O(1). */
SMAL_API int smal_is_marked(const struct smal_marker *marker, const void *object);

/** Marks what an object refers to, and not the object itself. */
SMAL_API void smal_mark_referents(struct smal_marker *marker, const void *object);

/** Marks what follows from all that has been marked: until then, only what was named has
 *  been. It is done for the function when it returns. */
SMAL_API void smal_mark_onward(struct smal_marker *marker);

/** Calls visit for each object of a type that has not been marked. In the final stage,
 *  visit may mark it. */
SMAL_API void smal_each_unmarked(struct smal_marker *marker, struct smal_type *type,
                                 void (*visit)(struct smal_marker *marker, void *object,
                                               void *user),
                                 void *user);

SMAL_END

#endif
