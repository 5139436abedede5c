/* SPDX-License-Identifier: MIT */
/*
 * root.h: what keeps objects alive besides the threads' stacks.
 *
 * Roots belong to a collector and are scanned in every collection. Functions
 * that change them may be called by any thread, and not by mark callbacks
 * (SMAL_ERROR_BUSY). Names are for messages and smal_retainers (explain.h); their
 * first 31 bytes are copied; NULL is allowed.
 */
#ifndef SMAL_ROOT_H
#define SMAL_ROOT_H

#include <smal/mark.h>
#include <smal/thread.h>

SMAL_BEGIN

/**
 * Declares one variable as a root: while a collection runs, *slot is an
 * object's address (tagged as the collector's tag_mask allows), or anything
 * that is none.
 *
 * Returns SMAL_OK, SMAL_ERROR_NO_MEMORY, SMAL_ERROR_INVALID (slot is NULL; the
 * sink is told).
 */
SMAL_API enum smal_error smal_root_add(struct smal_gc *gc, void *slot, const char *name);

/**
 * Declares a range of memory as roots, scanned conservatively: interior
 * pointers and one past the end count. It must stay readable until removed.
 * Returns as smal_root_add; SMAL_ERROR_INVALID if limit < base.
 */
SMAL_API enum smal_error smal_root_add_range(struct smal_gc *gc, const void *base,
                                             const void *limit, const char *name);

/** Is called in every collection to mark roots; the rules of mark callbacks
 *  (type.h) hold. */
typedef void smal_root_function(struct smal_marker *marker, void *user);

/**
 * Declares a function that marks roots. The pair (function, user) names it.
 * Returns as smal_root_add.
 */
SMAL_API enum smal_error smal_root_add_function(struct smal_gc *gc,
                                                smal_root_function *function,
                                                void *user, const char *name);

/**
 * Declares the static data of the program and of every shared object, those
 * loaded later included, as roots, scanned conservatively. Slow to scan for a
 * large program; a runtime that knows its roots does without.
 * Returns as smal_root_add; SMAL_ERROR_BUSY if it is declared already.
 */
SMAL_API enum smal_error smal_root_add_static(struct smal_gc *gc);

/** Says whether the writable data [base, limit) of a loaded object is to be scanned. name
 *  is the object's file; "" is the program itself. It runs at the beginning of a
 *  collection, before threads are stopped, sometimes more than once, and must call nothing
 *  of libsmal. */
typedef int smal_static_filter(const char *name, const void *base, const void *limit,
                               void *user);

/** As smal_root_add_static, but for what a filter does not want. */
SMAL_API enum smal_error smal_root_add_static_if(struct smal_gc *gc, smal_static_filter *filter,
                                                 void *user);

/**
 * Takes [base, limit) out of what is scanned of static data, whichever object it lies in;
 * with two NULLs, nothing is taken out any more. Returns as smal_root_add_range.
 */
SMAL_API enum smal_error smal_root_exclude(struct smal_gc *gc, const void *base,
                                           const void *limit);

/**
 * Removes a root: a slot by its address, a range by its base, a function by its
 * user pointer, static data by NULL. Of several with the same address the one
 * added last goes.
 *
 * Returns SMAL_OK, or SMAL_ERROR_INVALID (no such root; the sink is told).
 */
SMAL_API enum smal_error smal_root_remove(struct smal_gc *gc, const void *what);

/**
 * A frame of exact roots on a thread's chain: an array of pointers that lives
 * on the C stack. For runtimes that do not want their stacks scanned.
 *
 *     void *local[3] = { 0 };
 *     struct smal_frame frame;
 *     smal_frame_push(thread, &frame, local, 3);
 *     local[0] = smal_alloc(thread, pair);
 *     ...
 *     smal_frame_pop(thread, &frame);
 */
struct smal_frame {
	struct smal_frame *up;
	void **slots;
	size_t count;
	/** libsmal's: says that the frame is on a chain. */
	uintptr_t pushed;
};

/** Puts a frame on the thread's chain. The attached thread only; O(1). */
SMAL_API void smal_frame_push(struct smal_thread *thread, struct smal_frame *frame,
                              void **slots, size_t count);

/**
 * Takes a frame off, and with it every frame that was pushed after it (so a
 * handler reached by longjmp pops its own frame and all is well). A frame that
 * is not on the chain is reported to the sink and changes nothing.
 */
SMAL_API void smal_frame_pop(struct smal_thread *thread, struct smal_frame *frame);

SMAL_END

#endif
