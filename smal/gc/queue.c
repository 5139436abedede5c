/* SPDX-License-Identifier: MIT */
/*
 * queue.c: registrations, and the queues that their notices wait on (finalizer.c
 * says when).
 *
 * A queue is a list of registrations, linked through themselves. A collection adds
 * to it while the world is stopped; threads take from it with its lock held.
 */
#include <smal/gc/weak.h>
#include <smal/gc/world.h>
#include <smal/base/fail.h>

static const struct smal_type_desc finalizer_desc = {
	.name = "finalizer",
	.bytes = sizeof(struct smal_finalizer),
	/* Walks are faster where every slot begins with a granule. */
	.alignment = SMAL_GRANULE,
	.marking = SMAL_MARK_NOTHING,
	.flags = SMAL_TYPE_INNER
};

/* ---- Queues ---- */

static enum smal_error queue_check(const struct smal_queue *queue, const struct smal_gc *gc,
                                   const char *function)
{
	if (queue == NULL || queue->magic != SMAL_MAGIC_QUEUE)
		return smal_fail(SMAL_ERROR_INVALID, function, "not a queue", queue, "%s",
		                 queue != NULL && queue->magic == SMAL_MAGIC_GONE
		                         ? "a queue that has ended"
		                         : "");
	if (gc != NULL && queue->gc != gc)
		return smal_fail(SMAL_ERROR_INVALID, function, "queue of another collector", queue,
		                 "%s", "");
	return SMAL_OK;
}

enum smal_error smal_queue_create(struct smal_gc *gc, struct smal_queue **result)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	struct smal_queue *queue;

	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(result != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL, "%s", "");
	smal_gc_lock(gc);
	queue = smal_element_take(gc->books, sizeof *queue);
	if (queue != NULL) {
		*queue = (struct smal_queue){ .magic = SMAL_MAGIC_QUEUE, .gc = gc };
		smal_os_lock_init(&queue->lock);
		smal_link_insert(&gc->queues, &queue->link);
	}
	smal_gc_unlock(gc);
	if (queue == NULL)
		return SMAL_ERROR_NO_MEMORY;
	*result = queue;
	return SMAL_OK;
}

static void cancel_of_queue(void *object, void *user)
{
	struct smal_finalizer *finalizer = object;

	if (finalizer->queue == user)
		finalizer->object = 0;
}

static void end_queue(struct smal_gc *gc, uintptr_t low, void *argument)
{
	struct smal_queue *queue = argument;

	(void)low;
	/* Windows are still among the live slots: their words are zero. */
	smal_inner_each(gc, SMAL_INNER_FINALIZER, gc->live, cancel_of_queue, queue);
	queue->magic = SMAL_MAGIC_GONE;
	smal_link_remove(&queue->link);
	smal_element_give(gc->books, queue);
}

enum smal_error smal_queue_destroy(struct smal_queue *queue)
{
	enum smal_error error;

	if (queue == NULL)
		return SMAL_OK;
	error = queue_check(queue, NULL, __func__);
	if (error == SMAL_OK)
		error = smal_gc_check(queue->gc, __func__);
	if (error == SMAL_OK)
		smal_world_run(queue->gc, end_queue, queue);
	return error;
}

void smal_queues_fini(struct smal_gc *gc)
{
	struct smal_link *link;

	while ((link = smal_link_pop(&gc->queues)) != NULL) {
		struct smal_queue *queue = SMAL_CONTAINER(link, struct smal_queue, link);

		queue->magic = SMAL_MAGIC_GONE;
		smal_element_give(gc->books, queue);
	}
}

int smal_queue_take(struct smal_thread *thread, struct smal_queue *queue,
                    struct smal_notice *notice)
{
	enum smal_error error = smal_thread_check(thread, SMAL_FREEING, __func__);
	struct smal_finalizer *finalizer;

	if (error != SMAL_OK || queue_check(queue, smal_attached(thread)->gc, __func__) != SMAL_OK)
		return 0;
	smal_gc_begin(smal_attached(thread));
	smal_os_lock_take(&queue->lock);
	finalizer = queue->first;
	if (finalizer != NULL) {
		queue->first = finalizer->next;
		if (queue->first == NULL)
			queue->last = NULL;
		smal_atomic_store_relaxed(&queue->count, queue->count - 1);
	}
	smal_os_lock_give(&queue->lock);
	if (finalizer != NULL) {
		*notice = (struct smal_notice){
			.object = (finalizer->bits & SMAL_FINALIZER_WATCH) == 0
			                  ? (void *)finalizer->object
			                  : NULL,
			.value = finalizer->value,
			.finalizer = finalizer,
			.in_cycle = (finalizer->bits & SMAL_FINALIZER_IN_CYCLE) != 0
		};
		finalizer->object = 0;
	}
	smal_gc_end(smal_attached(thread));
	return finalizer != NULL;
}

size_t smal_queue_count(const struct smal_queue *queue)
{
	return smal_atomic_load_relaxed(&queue->count);
}

/* ---- Registering ---- */

static struct smal_finalizer *finalizer_add(struct smal_thread *thread, struct smal_queue *queue,
                                            void *object, void *value, uintptr_t bits,
                                            const char *function)
{
	enum smal_error error = smal_thread_check(thread, SMAL_FREEING, function);
	void *held[SMAL_HELD_WORDS] = { object, value };
	struct smal_finalizer *finalizer;
	struct smal_type *object_type;
	struct smal_gc *gc;

	if (error != SMAL_OK)
		return NULL;
	gc = smal_attached(thread)->gc;
	error = queue_check(queue, gc, function);
	object_type = smal_type_of(object);
	if (error == SMAL_OK && (object_type == NULL || smal_owned(object_type)->gc != gc))
		error = smal_fail(SMAL_ERROR_INVALID, function, "not an object of this collector",
		                  object, "%s",
		                  object_type != NULL ? "another collector's" : "no live object");
	if (error != SMAL_OK) {
		smal_attached(thread)->error = error;
		return NULL;
	}
	finalizer = smal_inner_alloc(smal_attached(thread), SMAL_INNER_FINALIZER, &finalizer_desc, 0,
	                             held);
	if (finalizer == NULL)
		return NULL;
	finalizer->value = value;
	finalizer->queue = queue;
	finalizer->bits = bits;
	__atomic_store_n(&finalizer->object, (uintptr_t)object, __ATOMIC_RELEASE);
	return finalizer;
}

struct smal_finalizer *smal_finalizer_add(struct smal_thread *thread, struct smal_queue *queue,
                                          void *object, void *value, unsigned flags)
{
	if ((flags & ~(unsigned)SMAL_FINALIZER_FLAGS) != 0) {
		smal_fail(SMAL_ERROR_INVALID, __func__, "unknown flags", NULL, "%#x", flags);
		if (thread != NULL)
			smal_attached(thread)->error = SMAL_ERROR_INVALID;
		return NULL;
	}
	if ((flags & SMAL_FINALIZER_CYCLES) != 0)
		flags |= SMAL_FINALIZER_ORDERED;
	return finalizer_add(thread, queue, object, value, flags, __func__);
}

struct smal_finalizer *smal_watch_add(struct smal_thread *thread, struct smal_queue *queue,
                                      void *object, void *value)
{
	return finalizer_add(thread, queue, object, value, SMAL_FINALIZER_WATCH, __func__);
}

enum smal_error smal_finalizer_cancel(struct smal_thread *thread, struct smal_finalizer *finalizer)
{
	enum smal_error error = smal_thread_check(thread, SMAL_FREEING, __func__);
	const struct smal_type *type;
	struct smal_gc *gc;

	if (error != SMAL_OK)
		return error;
	gc = smal_attached(thread)->gc;
	type = smal_type_of(finalizer);
	SMAL_REQUIRE(type != NULL && smal_owned(type) == gc->inner[SMAL_INNER_FINALIZER] &&
	                     finalizer->object != 0,
	             SMAL_ERROR_INVALID, "not a registration", finalizer, "%s", "one that is over");
	SMAL_REQUIRE((finalizer->bits & SMAL_FINALIZER_QUEUED) == 0, SMAL_ERROR_INVALID,
	             "not a registration", finalizer, "%s", "a notice that waits on its queue");
	finalizer->object = 0;
	return SMAL_OK;
}
