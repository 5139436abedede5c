/* SPDX-License-Identifier: MIT */
/*
 * thread.h: operating system threads that use a collector.
 *
 * A thread attaches to a collector before it allocates from it and detaches
 * before it ends. At present one thread at a time may be attached to a
 * collector, and a thread may be attached to any number of collectors; every
 * call that takes a struct smal_thread must be made by that very thread.
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
 * collector has exact_stacks).
 *
 * Returns SMAL_OK, SMAL_ERROR_BUSY (a thread is attached already; the sink is
 * told), SMAL_ERROR_NO_MEMORY, or SMAL_ERROR_INVALID.
 */
SMAL_API enum smal_error smal_thread_attach(struct smal_gc *gc,
                                            struct smal_thread **thread);

/**
 * Detaches the calling thread. Its stack is no root any more, its frames
 * (root.h) are forgotten, and the memory that it had claimed but not used is
 * free again. NULL is allowed and does nothing.
 *
 * Returns SMAL_OK, SMAL_ERROR_BUSY (called from a callback), or
 * SMAL_ERROR_NOT_ATTACHED (it is not attached, or another thread is calling;
 * the sink is told).
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

SMAL_END

#endif
