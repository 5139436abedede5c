/* SPDX-License-Identifier: MIT */
/*
 * finalizer.h: being told that an object has died: finalizers, guardians,
 * reference queues.
 *
 * A registration ties an object to a queue. When a collection finds that
 * nothing reaches the object, it puts a notice on the queue, first in, first
 * out, and the registration is over. Nothing runs by itself: the runtime takes
 * notices where and on the thread that it likes.
 *
 *   smal_finalizer_add   the notice comes with the object, which lives on (with
 *                        all that it refers to) until it dies again: what
 *                        guardians and finalizers are made of
 *   smal_watch_add       the notice comes without it, after it is gone: what
 *                        reference queues and caches are made of
 *
 * Each registration gives one notice, and none is lost: registering takes all
 * the memory that delivering needs. An object may have any number of them. A
 * registration keeps its value alive for as long as the object lives, and until
 * the notice is taken, but it does not keep the object, also if the value refers
 * to it.
 */
#ifndef SMAL_FINALIZER_H
#define SMAL_FINALIZER_H

#include <smal/thread.h>

SMAL_BEGIN

/** Notices in the order in which they came. */
struct smal_queue;

/** A registration: an object of the collector, held by it until it is over. */
struct smal_finalizer;

/** What smal_queue_take gives. */
struct smal_notice {
	/** The object; NULL if it is gone (smal_watch_add). */
	void *object;
	/** The value of the registration. */
	void *value;
	/** The registration that is over: to compare, not to use. */
	const struct smal_finalizer *finalizer;
	/** True if the object was one of a cycle (SMAL_FINALIZER_CYCLES). */
	int in_cycle;
};

/**
 * Makes a queue. It lasts until it is destroyed, or its collector is.
 * Returns SMAL_OK, SMAL_ERROR_NO_MEMORY, SMAL_ERROR_INVALID, or SMAL_ERROR_BUSY
 * (from a callback). Any thread.
 */
SMAL_API enum smal_error smal_queue_create(struct smal_gc *gc, struct smal_queue **queue);

/**
 * Ends a queue. Its notices are dropped, and the registrations to it are
 * cancelled (in the next collection). NULL does nothing. Returns SMAL_OK, or
 * with the sink told SMAL_ERROR_INVALID or SMAL_ERROR_BUSY (from a callback). Any thread.
 */
SMAL_API enum smal_error smal_queue_destroy(struct smal_queue *queue);

/**
 * Takes the oldest notice. Returns 1 and fills *notice, whose pointers keep
 * what they refer to from now on as the caller's locals do; or 0: there is
 * none, or the call is not allowed (the sink is told). An attached thread of
 * the queue's collector; several may take at once. Never collects.
 */
SMAL_API int smal_queue_take(struct smal_thread *thread, struct smal_queue *queue,
                             struct smal_notice *notice);

/** Notices that wait. An attached thread, also an observer (collect.h). */
SMAL_API size_t smal_queue_count(const struct smal_queue *queue);

/** Only when no other ordered registration's object refers to this one, however
 *  indirectly: first an owner, and when that is gone, what it owned. */
#define SMAL_FINALIZER_ORDERED 1u

/** Ordered, and the objects of a cycle, which would never be first, are
 *  delivered all the same, one at each collection and cycle: as soon as a
 *  collection finds no ordered registration that is first, or at the latest in
 *  the 16th that finds the cycle. Give it to all registrations of a cycle.
 *  Without it they stay, and the cycles are counted (struct smal_collection,
 *  cyclic_finalizers). */
#define SMAL_FINALIZER_CYCLES 2u

/**
 * Registers an object.
 *
 * object  a live object of the thread's collector
 * value   any word; as above
 * flags   0, or SMAL_FINALIZER_ bits
 *
 * Returns the registration, or NULL as smal_alloc does; besides,
 * smal_thread_error is SMAL_ERROR_INVALID, with the sink told, if there is no
 * such object or queue. About 48 bytes. May collect; the object survives that.
 */
SMAL_API struct smal_finalizer *smal_finalizer_add(struct smal_thread *thread,
                                                   struct smal_queue *queue, void *object,
                                                   void *value, unsigned flags);

/** The same, for a notice that comes when the object is gone. Here the value must
 *  not refer to the object: since the notice needs it, the object would never be
 *  gone. */
SMAL_API struct smal_finalizer *smal_watch_add(struct smal_thread *thread,
                                               struct smal_queue *queue, void *object,
                                               void *value);

/**
 * Ends a registration that has not been delivered. Returns SMAL_OK, or, with
 * the sink told, SMAL_ERROR_INVALID: it is over, or its notice waits on the
 * queue already. An attached thread.
 */
SMAL_API enum smal_error smal_finalizer_cancel(struct smal_thread *thread,
                                               struct smal_finalizer *finalizer);

SMAL_END

#endif
