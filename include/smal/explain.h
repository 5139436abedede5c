/* SPDX-License-Identifier: MIT */
/*
 * explain.h: why an object is alive.
 */
#ifndef SMAL_EXPLAIN_H
#define SMAL_EXPLAIN_H

#include <smal/thread.h>
#include <smal/type.h>

SMAL_BEGIN

/** One step on the way from a root to an object. */
struct smal_step {
	/** An object, or NULL in the first step, which is the root. */
	void *object;
	/** Its type; NULL for the root. */
	struct smal_type *type;
	/** The root's name, as it was declared, or "stack", "fiber", "frame",
	 *  "registers", "notice", "finalizer", "immortal"; NULL for an object. */
	const char *root;
	/** Where the word stands that leads to the next step, if it is known: the
	 *  address of a root's word; in an object, it lies offset bytes from its
	 *  start. SIZE_MAX if a callback marked it, or an ephemeron led there. */
	const void *place;
	size_t offset;
};

/**
 * Finds a shortest way from a root to an object, by a marking that remembers
 * parents. Weak references are not followed.
 *
 * steps  receives the way's first `count` steps, the root first, the object
 *        last
 *
 * Returns the number of steps of the whole way (it may be more than count); 0 if
 * nothing reaches the object, so that the next collection frees it; or -1 with
 * the reason in smal_thread_error (SMAL_ERROR_INVALID, with the sink told: it
 * is no object of this collector; SMAL_ERROR_NO_MEMORY: a marking of this kind
 * takes five words for each live object, for as long as it runs;
 * SMAL_ERROR_BUSY).
 *
 * The attached thread only; the caller's own frames are roots, too: an object
 * that is held by them alone is found on "stack". Stops the collector's other
 * threads; it takes several times as long as a collection.
 */
SMAL_API ptrdiff_t smal_retainers(struct smal_thread *thread, const void *object,
                                  struct smal_step *steps, size_t count);

SMAL_END

#endif
