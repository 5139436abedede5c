/* SPDX-License-Identifier: MIT */
/*
 * fiber.h: stacks that the runtime switches between: coroutines, green threads,
 * alternate signal stacks that code stays on.
 *
 * libsmal switches nothing. It is told of a stack's memory, and, right before
 * each switch, on which stack the thread goes on:
 *
 *     smal_fiber_switch(thread, to);          on the stack that is left
 *     swapcontext(&from_context, &to_context);
 *
 * Of a stack that does not run, the part in use is a root: from the frame that
 * called smal_fiber_switch to the stack's limit, and the registers as they were
 * then. What the switch itself saves elsewhere (a ucontext_t) need not be
 * scanned: every pointer that the caller holds in a register has been copied, and
 * so have 64 words of its frame, in case that is left before the switch is made (a
 * call in tail position).
 * A fiber that has not run yet has no roots: objects that are handed to it at
 * its start must be held by something else until it runs.
 *
 * A fiber may be run by one attached thread of its collector after another.
 * Frames (root.h) belong to the stack that they were pushed on.
 */
#ifndef SMAL_FIBER_H
#define SMAL_FIBER_H

#include <smal/thread.h>

SMAL_BEGIN

/** A registered stack. */
struct smal_fiber;

/**
 * Registers a stack: bytes of memory at base, used from its end downwards.
 *
 * Returns SMAL_OK, SMAL_ERROR_NO_MEMORY, SMAL_ERROR_BUSY (from a callback), or
 * SMAL_ERROR_INVALID (no memory is given; the sink is told). Any thread. About
 * 1,100 bytes each.
 */
SMAL_API enum smal_error smal_fiber_create(struct smal_gc *gc, const void *base,
                                           size_t bytes, struct smal_fiber **fiber);

/**
 * Forgets a stack; its memory is the caller's again. NULL does nothing.
 *
 * Returns SMAL_OK, or with the sink told SMAL_ERROR_BUSY (a thread runs on it,
 * or from a callback) or SMAL_ERROR_INVALID. Any thread.
 */
SMAL_API enum smal_error smal_fiber_destroy(struct smal_fiber *fiber);

/**
 * Says that the thread goes on, from here, on another stack: a fiber's, or its
 * own (NULL). Called on the stack that is left, immediately before the switch:
 * between the two, nothing else of libsmal may be called.
 *
 * Returns SMAL_OK, or, with the sink told and nothing changed, SMAL_ERROR_BUSY
 * (the fiber is current on another thread, or on this one already) or
 * SMAL_ERROR_INVALID (no fiber of this collector). A few dozen instructions; no
 * lock, one atomic operation on the fiber.
 */
SMAL_API enum smal_error smal_fiber_switch(struct smal_thread *thread,
                                           struct smal_fiber *fiber);

/**
 * For runtimes that switch stacks and keep where the current one ends in a variable:
 * names that variable. While the thread stands on none of the stacks that are known
 * (its own, and fibers), what lies between there and *limit is a root, and nothing else
 * of the thread's: stacks that are left are for a root function to mark
 * (smal_mark_range). The variable is read in collections; NULL ends it.
 *
 * Returns SMAL_OK or, with the sink told, SMAL_ERROR_BUSY or SMAL_ERROR_NOT_ATTACHED.
 */
SMAL_API enum smal_error smal_thread_follow(struct smal_thread *thread,
                                            const void *const volatile *limit);

/** The fiber that the thread runs on, or NULL: its own stack. */
SMAL_API struct smal_fiber *smal_fiber_current(struct smal_thread *thread);

SMAL_END

#endif
