/* SPDX-License-Identifier: MIT */
/*
 * thread.h: operating system threads that use a collector.
 *
 * A thread attaches to a collector before it allocates from it and detaches
 * before it ends; one that forgets is detached as it ends. Any number of
 * threads may be attached to a collector, and a thread to any number of
 * collectors. Every call that takes a struct smal_thread must be made by that
 * very thread.
 *
 * A collection stops the threads of its collector, and no others. Without a
 * signal, a thread stops where it calls in: in every allocation that does not
 * hit, in every other function that takes a thread, in smal_poll. A thread that
 * computes for long without allocating calls smal_poll in its loops; one that
 * waits (for input, for a lock, for another thread) does so between
 * smal_thread_leave and smal_thread_enter, and holds no collection up. Where a
 * runtime can't do either, it chooses a signal (gc.h, stop_signal).
 *
 * A thread that waits inside libsmal, for a collection that another thread runs
 * or in one that it runs itself, counts as stopped for every other collector
 * that it is attached to: threads that collect each other's collectors do not
 * wait for each other.
 *
 * fork: libsmal's own handlers (pthread_atfork) wait until no thread is inside
 * of it and no collection runs. Any thread may fork at any moment, attached or
 * not, but not from a callback. In the child the other threads' attachments
 * are gone, and what they had claimed is free again.
 */
#ifndef SMAL_THREAD_H
#define SMAL_THREAD_H

#include <smal/gc.h>

SMAL_BEGIN

/** An attached thread. Its public part is in alloc.h. */
struct smal_thread;

/**
 * Attaches the calling thread. Its stack, from its oldest frame to the frame
 * of whoever calls into libsmal, and its registers become roots (unless the
 * collector has exact_stacks). Waits for a collection that is under way, and
 * for a thread that is in a call of libsmal's, a map's functions included.
 *
 * Returns SMAL_OK, SMAL_ERROR_BUSY (this thread is attached already, or a
 * callback of the collector calls; the sink is told), SMAL_ERROR_NO_MEMORY, or
 * SMAL_ERROR_INVALID.
 */
SMAL_API enum smal_error smal_thread_attach(struct smal_gc *gc,
                                            struct smal_thread **thread);

/**
 * Detaches the calling thread. Its stack is no root any more, its frames
 * (root.h) are forgotten, and the memory that it had claimed but not used is
 * free again. NULL is allowed and does nothing. A thread that ends detaches
 * from all its collectors by itself, in the last round but one of the
 * destructors of its thread-specific data.
 *
 * Returns SMAL_OK, SMAL_ERROR_BUSY (called from a callback, between leave and
 * enter, or on a fiber), or SMAL_ERROR_NOT_ATTACHED (it is not attached, or
 * another thread is calling; the sink is told).
 */
SMAL_API enum smal_error smal_thread_detach(struct smal_thread *thread);

/**
 * The calling thread's attachment to this collector, or NULL if there is none.
 */
SMAL_API struct smal_thread *smal_thread_self(struct smal_gc *gc);

/**
 * Why the last allocation of this thread returned NULL; SMAL_OK if none has
 * failed. A success does not reset it.
 */
SMAL_API enum smal_error smal_thread_error(const struct smal_thread *thread);

/**
 * Leaves the collector for a while: until smal_thread_enter, a collection does
 * not wait for this thread. Its stack from the caller's frame up and its
 * registers, as they are now, stay roots. Meanwhile it must not touch an object
 * and must not call anything that takes this struct smal_thread but
 * smal_thread_enter. One atomic operation, and a few words of the stack are
 * copied.
 *
 * Must be matched by smal_thread_enter. A second leave, or a call that needs a
 * thread that has left, is reported to the sink and fails with SMAL_ERROR_BUSY.
 */
SMAL_API enum smal_error smal_thread_leave(struct smal_thread *thread);

/**
 * Comes back. Waits while a collection is under way. Returns SMAL_OK, or, with
 * the sink told, SMAL_ERROR_BUSY (it has not left) or SMAL_ERROR_NOT_ATTACHED.
 */
SMAL_API enum smal_error smal_thread_enter(struct smal_thread *thread);

/**
 * Holds collections off: until smal_thread_release, no collection of this collector
 * marks. For a few instructions that must not be interrupted by one, such as to look
 * at a pointer that is hidden from the collector, and to put it where it is seen. It
 * excludes collections alone and not other threads. In between nothing of libsmal may
 * be called but smal_find, smal_holds, smal_size and smal_type_of. A few instructions.
 *
 * Returns SMAL_OK, or, with the sink told, SMAL_ERROR_BUSY or SMAL_ERROR_NOT_ATTACHED.
 */
SMAL_API enum smal_error smal_thread_hold(struct smal_thread *thread);

/** Ends that; waits here for a collection that has begun meanwhile. */
SMAL_API void smal_thread_release(struct smal_thread *thread);

/** The out-of-line half of smal_poll (alloc.h). */
SMAL_API void smal_poll_slow(struct smal_thread *thread);

SMAL_END

#endif
