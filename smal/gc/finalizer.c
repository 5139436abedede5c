/* SPDX-License-Identifier: MIT */
/*
 * finalizer.c: registrations, and the queues that their notices wait on.
 *
 *   registered --- object unreached ---> due ----> queued --- take ---> over
 *        `------------ cancel, or its queue ends ------------------------^
 *
 * A registration is an object of a type of the library's own that lives until it
 * is over: registering is an allocation, so it needs no lock and no table, and
 * delivering is a link in a list, so it needs no memory. One that is over has no
 * object, and is garbage like any other.
 *
 * Which are due, when the roots, and the pairs, have been marked:
 *
 *   1  unordered, and the object is not marked: due
 *   2  ordered, and the object is not marked: what it refers to is marked, but
 *      not itself. If that marks the object, it is one of a cycle
 *   3  ordered, and the object is still not marked: due
 *   4  one of a cycle, and asked for: due if nothing was in step 3, for then
 *      nothing refers to the cycle that would have to come first; or if it has
 *      been found so for long
 *   5  the objects and values of all that are due are marked
 *
 * In step 2 each object is scanned once, and those with an ordered registration
 * at most once more. (As libgc's "normal" order does it.)
 *
 * A watch is due if its object is not marked when all that is done.
 */
#include <smal/gc/weak.h>
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
		smal_world_run(queue->gc, false, end_queue, queue);
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

/* ---- In a collection ---- */

struct pass {
	struct smal_marker *marker;
	struct smal_collection *collection;
	bool marked;
	/* An ordered registration was found that comes before all others. */
	bool first;
	/* So was a cycle. */
	bool cycle;
	/* What there is. */
	uintptr_t sorts;
	/* Those that are due, by `next`, in the order in which that was found. */
	struct smal_finalizer *due, **due_end;
};

/* Collections that find a cycle before it is delivered whatever else there is. */
enum { OLDEST = 16 };

static bool is_due(const struct pass *pass, const struct smal_finalizer *finalizer, uintptr_t bits)
{
	const uintptr_t mask = SMAL_FINALIZER_ORDERED | SMAL_FINALIZER_WATCH |
	                       SMAL_FINALIZER_READY | SMAL_FINALIZER_QUEUED;

	return finalizer->object != 0 && (finalizer->bits & mask) == bits &&
	       smal_mark_fate(pass->marker, finalizer->object) == SMAL_FATE_UNMARKED;
}

void smal_notices_mark(struct smal_gc *gc, struct smal_marker *marker)
{
	marker->root = "notice";
	marker->place = 0;
	SMAL_LIST_EACH(link, &gc->queues) {
		const struct smal_queue *queue = SMAL_CONTAINER(link, struct smal_queue, link);

		for (const struct smal_finalizer *at = queue->first; at != NULL; at = at->next) {
			if ((at->bits & SMAL_FINALIZER_WATCH) == 0)
				smal_mark(marker, (const void *)at->object);
			smal_mark(marker, at->value);
		}
	}
}

/* True if a registration stays; notes its sort. One that is over is garbage, and so is
 * one that is not filled yet, but for the stack of who fills it. */
static bool keep(struct pass *pass, struct smal_finalizer *finalizer)
{
	const uintptr_t special = SMAL_FINALIZER_ORDERED | SMAL_FINALIZER_WATCH;

	if (finalizer->object == 0)
		return false;
	if ((finalizer->bits & SMAL_FINALIZER_QUEUED) != 0)
		return true;
	/* What was registered for an object that smal_free has freed since is over. */
	if ((finalizer->bits & SMAL_FINALIZER_WATCH) == 0 &&
	    smal_mark_fate(pass->marker, finalizer->object) == SMAL_FATE_NONE) {
		finalizer->object = 0;
		return false;
	}
	pass->sorts |= (finalizer->bits & special) != 0 ? finalizer->bits : SMAL_FINALIZER_READY;
	pass->sorts |= finalizer->value != NULL ? SMAL_FINALIZER_VALUED : 0;
	return true;
}

static void keep_in_buffer(struct pass *pass, struct smal_buffer *buffer)
{
	const smal_word *live = smal_buffer_mask(buffer, pass->marker->live_index);
	smal_word *mark = smal_buffer_mask(buffer, pass->marker->live_index ^ 1);

	for (size_t w = 0; w < buffer->stride->words; w++) {
		for (smal_word left = live[w]; left != 0; left &= left - 1) {
			size_t bit = (w << SMAL_WORD_LOG2) + smal_word_lowest(left);
			uintptr_t slot = smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);

			if (keep(pass, (struct smal_finalizer *)slot))
				mark[w] |= left & -left;
		}
	}
}

uintptr_t smal_finalizers_keep(struct smal_gc *gc, struct smal_marker *marker)
{
	struct pass pass = { .marker = marker };
	unsigned first, count = smal_inner_kinds(gc, SMAL_INNER_FINALIZER, &first);

	if (count != 0 && gc->kinds[first] != NULL)
		SMAL_EACH_BUFFER(gc->kinds[first], buffer)
			keep_in_buffer(&pass, buffer);
	return pass.sorts;
}

static void make_due(struct pass *pass, struct smal_finalizer *finalizer, uintptr_t bits)
{
	finalizer->bits |= bits | SMAL_FINALIZER_READY;
	finalizer->next = NULL;
	*pass->due_end = finalizer;
	pass->due_end = &finalizer->next;
}

static void decide_unordered(void *object, void *user)
{
	struct smal_finalizer *finalizer = object;

	if (is_due(user, finalizer, 0))
		make_due(user, finalizer, 0);
}

/* An ephemeron that is not marked is nobody's holder yet. */
static void mark_children(struct smal_marker *marker, uintptr_t object)
{
	const struct smal_kind *kind = smal_buffer_kind(smal_buffer_find(object));
	const struct smal_ephemeron *ephemeron = (const void *)object;

	smal_mark_children(marker, object);
	if (kind->type == marker->gc->inner[SMAL_INNER_EPHEMERON] &&
	    smal_mark_fate(marker, (uintptr_t)ephemeron->key) == SMAL_FATE_MARKED)
		smal_mark(marker, ephemeron->value);
}

static void mark_below(void *object, void *user)
{
	struct smal_finalizer *finalizer = object;
	struct pass *pass = user;

	if (!is_due(pass, finalizer, SMAL_FINALIZER_ORDERED))
		return;
	mark_children(pass->marker, finalizer->object);
	smal_mark_drain(pass->marker);
	finalizer->bits |= SMAL_FINALIZER_CANDIDATE;
	pass->marked = true;
	if (smal_mark_fate(pass->marker, finalizer->object) != SMAL_FATE_MARKED)
		return;
	finalizer->bits |= SMAL_FINALIZER_IN_CYCLE;
	pass->cycle = true;
	if ((finalizer->bits & SMAL_FINALIZER_CYCLES) == 0)
		pass->collection->cyclic_finalizers++;
}

static void decide_ordered(void *object, void *user)
{
	struct smal_finalizer *finalizer = object;

	if (!is_due(user, finalizer, SMAL_FINALIZER_ORDERED))
		return;
	finalizer->bits &= ~(uintptr_t)SMAL_FINALIZER_IN_CYCLE;
	make_due(user, finalizer, 0);
	((struct pass *)user)->first = true;
}

static void decide_cyclic(void *object, void *user)
{
	const uintptr_t wanted = SMAL_FINALIZER_CYCLES | SMAL_FINALIZER_IN_CYCLE;
	struct smal_finalizer *finalizer = object;
	struct pass *pass = user;

	if (finalizer->object == 0 || (finalizer->bits & SMAL_FINALIZER_IN_CYCLE) == 0 ||
	    (finalizer->bits & (SMAL_FINALIZER_READY | SMAL_FINALIZER_QUEUED)) != 0)
		return;
	finalizer->bits += SMAL_FINALIZER_AGE;
	if ((finalizer->bits & wanted) == wanted &&
	    (!pass->first || finalizer->bits / SMAL_FINALIZER_AGE >= OLDEST))
		make_due(pass, finalizer, 0);
	else
		finalizer->bits &= ~(uintptr_t)SMAL_FINALIZER_IN_CYCLE;
}

/* If nothing is first and no cycle was found, a cycle goes through an ephemeron. */
static void decide_left(void *object, void *user)
{
	const uintptr_t wanted = SMAL_FINALIZER_CYCLES | SMAL_FINALIZER_CANDIDATE;
	struct smal_finalizer *finalizer = object;
	struct pass *pass = user;

	if (!pass->first && !pass->cycle && (finalizer->bits & wanted) == wanted) {
		make_due(pass, finalizer, SMAL_FINALIZER_IN_CYCLE);
		pass->cycle = true;
	}
	finalizer->bits &= ~(uintptr_t)SMAL_FINALIZER_CANDIDATE;
}

static void enqueue(struct pass *pass, struct smal_finalizer *finalizer)
{
	struct smal_queue *queue = finalizer->queue;

	finalizer->bits = (finalizer->bits | SMAL_FINALIZER_QUEUED) & ~(uintptr_t)SMAL_FINALIZER_READY;
	finalizer->next = NULL;
	if (queue->last != NULL)
		queue->last->next = finalizer;
	else
		queue->first = finalizer;
	queue->last = finalizer;
	smal_atomic_store_relaxed(&queue->count, queue->count + 1);
	pass->collection->notices++;
}

static void deliver(struct pass *pass)
{
	struct smal_finalizer *next;

	for (struct smal_finalizer *finalizer = pass->due; finalizer != NULL; finalizer = next) {
		next = finalizer->next;
		smal_mark(pass->marker, (const void *)finalizer->object);
		smal_mark(pass->marker, finalizer->value);
		enqueue(pass, finalizer);
	}
}

static void decide(struct smal_gc *gc, struct pass *pass, struct smal_pairs *pairs,
                   uintptr_t sorts)
{
	unsigned mask = pass->marker->live_index ^ 1;

	if ((sorts & SMAL_FINALIZER_READY) != 0)
		smal_inner_each(gc, SMAL_INNER_FINALIZER, mask, decide_unordered, pass);
	if ((sorts & SMAL_FINALIZER_ORDERED) == 0)
		return;
	smal_inner_each(gc, SMAL_INNER_FINALIZER, mask, mark_below, pass);
	if (!pass->marked)
		return;
	/* What they refer to by ephemerons is below them, too. */
	smal_pairs_mark(pass->marker, pairs);
	smal_inner_each(gc, SMAL_INNER_FINALIZER, mask, decide_ordered, pass);
	smal_inner_each(gc, SMAL_INNER_FINALIZER, mask, decide_cyclic, pass);
	smal_inner_each(gc, SMAL_INNER_FINALIZER, mask, decide_left, pass);
}

bool smal_finalizers_resurrect(struct smal_gc *gc, struct smal_marker *marker,
                               struct smal_pairs *pairs, uintptr_t sorts,
                               struct smal_collection *collection)
{
	struct pass pass = { .marker = marker, .collection = collection, .due_end = &pass.due };

	decide(gc, &pass, pairs, sorts);
	deliver(&pass);
	smal_mark_drain(marker);
	return pass.marked || pass.due != NULL;
}

static void mark_watch(void *object, void *user)
{
	struct smal_finalizer *finalizer = object;
	struct pass *pass = user;

	if (finalizer->object == 0 || (finalizer->bits & SMAL_FINALIZER_QUEUED) != 0 ||
	    (finalizer->bits & SMAL_FINALIZER_WATCH) == 0 ||
	    smal_mark_fate(pass->marker, finalizer->object) == SMAL_FATE_MARKED ||
	    smal_mark_fate(pass->marker, (uintptr_t)finalizer->value) != SMAL_FATE_UNMARKED)
		return;
	smal_mark(pass->marker, finalizer->value);
	pass->marked = true;
}

bool smal_watches_mark(struct smal_gc *gc, struct smal_marker *marker)
{
	struct pass pass = { .marker = marker };

	smal_inner_each(gc, SMAL_INNER_FINALIZER, marker->live_index ^ 1, mark_watch, &pass);
	smal_mark_drain(marker);
	return pass.marked;
}

static void deliver_watch(void *object, void *user)
{
	struct smal_finalizer *finalizer = object;
	struct pass *pass = user;

	if (finalizer->object != 0 &&
	    (finalizer->bits & (SMAL_FINALIZER_QUEUED | SMAL_FINALIZER_WATCH)) ==
	            SMAL_FINALIZER_WATCH &&
	    smal_mark_fate(pass->marker, finalizer->object) != SMAL_FATE_MARKED)
		enqueue(pass, finalizer);
}

void smal_watches_deliver(struct smal_gc *gc, struct smal_marker *marker,
                          struct smal_collection *collection)
{
	struct pass pass = { .marker = marker, .collection = collection };

	smal_inner_each(gc, SMAL_INNER_FINALIZER, marker->live_index ^ 1, deliver_watch, &pass);
}
