/* SPDX-License-Identifier: MIT */
/*
 * finalizer.c: which registrations are due, in a collection.
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
				smal_word_store(&mark[w], mark[w] | (left & -left));
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
	    smal_mark_fate_of_value(pass->marker, (uintptr_t)finalizer->value) !=
	            SMAL_FATE_UNMARKED)
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
