/* SPDX-License-Identifier: MIT */
/*
 * collect.h: collections, on demand and observed.
 *
 * A collection marks what is reachable and frees the rest. It is a pause for
 * the collector's attached threads. Nothing is allocated while marking: when the mark queue
 * can't grow, marking goes on, more slowly, without it.
 */
#ifndef SMAL_COLLECT_H
#define SMAL_COLLECT_H

#include <smal/thread.h>

SMAL_BEGIN

/**
 * Collects now: marks from the roots, frees every object that was not reached,
 * runs the free callbacks of the dead, gives empty memory back (the operating
 * system gets it after a while, or at smal_trim).
 *
 * Several threads may call it at once: one collects, for all of them. A call
 * that finds a collection under way waits for its end, which is as good: it saw
 * this thread's roots after the call began.
 *
 * Returns SMAL_OK, or, with the sink told, SMAL_ERROR_BUSY (from a callback, or
 * from a signal handler that interrupted libsmal or runs on an alternate stack
 * that is no fiber's) or SMAL_ERROR_NOT_ATTACHED. An attached thread, at any
 * time, also before the first allocation.
 */
SMAL_API enum smal_error smal_collect(struct smal_thread *thread);

/**
 * Runs the free callbacks of objects that died in a collection that allocation
 * started (there they would run inside an allocation, where the runtime may
 * hold any lock). Their slots are used again afterwards. smal_collect does it
 * too. Cheap when there is nothing to do: call it wherever the runtime polls.
 *
 * Returns the number of callbacks that were run; 0 at once if another thread is
 * running them. An attached thread.
 */
SMAL_API size_t smal_run_frees(struct smal_thread *thread);

/**
 * Gives all memory that holds no object back to the operating system at once: buffers
 * that are empty, and the free pages of those that are not. Does not collect. The
 * attached thread only.
 * Returns the bytes of what was not in use; free pages of buffers are not counted.
 */
SMAL_API size_t smal_trim(struct smal_thread *thread);

/** What an observer is told at the end of a collection. */
struct smal_collection {
	/** Its number, from 1. */
	uint64_t number;
	/** True if smal_collect was called; false if allocation started it. */
	int on_demand;
	/** When it began, by the monotonic clock, and how long the program was
	 *  stopped: marking, and both. */
	uint64_t start_ns, mark_ns, pause_ns;
	/** Objects that are live after it, and their bytes (strides). */
	uint64_t live_objects, live_bytes;
	/** Objects that it found dead, and their bytes. */
	uint64_t dead_objects, dead_bytes;
	/** Bytes of heap that held objects when it began, and after it. */
	uint64_t heap_bytes_before, heap_bytes;
	/** How long the other threads took to stop; part of pause_ns. */
	uint64_t stop_ns;
	/** Notices that were put on queues (finalizer.h), and cycles of objects with
	 *  ordered finalizers, which wait. */
	uint64_t notices, cyclic_finalizers;
};

/**
 * Is called at the end of every collection, on the thread that ran it, still
 * inside of it: it must not call into libsmal.
 */
typedef void smal_observer(const struct smal_collection *collection, void *user);

/** Sets the collector's observer; NULL for none. The attached thread only. */
SMAL_API void smal_gc_set_observer(struct smal_gc *gc, smal_observer *observer,
                                   void *user);

/** What happens in a collection, in this order. */
enum smal_event {
	/** This thread is going to collect; no other is stopped yet. */
	SMAL_EVENT_BEGIN,
	/** All other threads are stopped. */
	SMAL_EVENT_STOPPED,
	/** All that lives is marked. */
	SMAL_EVENT_MARKED,
	/** The rest is free; the observer has been called. */
	SMAL_EVENT_SWEPT,
	/** The threads go on. */
	SMAL_EVENT_END
};

/** Is called at each of them, on the collecting thread; all events of a collection come
 *  before those of the next. It must not call into libsmal, but for smal_find and what
 *  takes a marker, and, where threads are stopped, not wait for what one might hold. */
typedef void smal_event_function(enum smal_event event, void *user);

/** Sets the function; NULL for none. An attached thread, or any while none is. */
SMAL_API enum smal_error smal_gc_set_events(struct smal_gc *gc, smal_event_function *function,
                                            void *user);

/**
 * Accounts memory that objects hold outside of the heap (a malloc'd buffer, a
 * mapped file): delta bytes more, or less if it is negative. It counts like heap
 * for the pace and the soft limit, so that objects which are small but hold much
 * are collected in time; the hard limit is for the heap alone. Any thread; one
 * atomic operation; never collects by itself.
 */
SMAL_API void smal_external(struct smal_gc *gc, ptrdiff_t delta);

SMAL_END

#endif
