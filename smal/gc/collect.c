/* SPDX-License-Identifier: MIT */
/*
 * collect.c: a collection, step by step.
 *
 *   gather    static data, of which the dynamic linker must be asked; helpers
 *   stop      the collector's threads (world.c); back, if a library has come or gone
 *   prepare   the queue, the table of pairs: what asks the system for memory
 *   retract   windows out of the live masks: live means an object
 *   mark      roots and stacks, then all that is queued
 *   weak      pairs; weak references cleared; finalizers decided (weak.h)
 *   exchange  the mark mask is the live mask from now on
 *   sweep     recount, clear the old masks, give empty buffers back
 *   restore   windows into the live masks again
 *   resume
 *
 * Free callbacks run afterwards, and only where the program called for it.
 */
#include <smal/gc/crew.h>
#include <smal/gc/team.h>
#include <smal/gc/weak.h>
#include <smal/gc/world.h>
#include <smal/base/fail.h>

enum {
	/* The larger queue's share of the heap. */
	HEAP_BYTES_PER_QUEUE_BYTE = 8,
	/* The least that a helper's queue is worth having with. */
	HELPER_BYTES = 2 * SMAL_CHUNK,
	/* Where one thread is as fast as several, in so many collections by several, they
	 * are tried again in each of so many. */
	TRY_FIRST = 8,
	TRY_AGAIN = 64,
	/* How often static data may have changed, and how often threads may come late, before
	 * the world is stopped whatever is loaded. */
	CHANGES_MOST = 1000,
	LATE_MOST = 3,
	LATE_AGAIN = 16
};

struct pause {
	struct smal_collection collection;
	struct smal_pairs pairs;
	struct smal_statics statics;
	/* A run: the larger queue, those of helpers, their chunks; whether it was
	 * written to. */
	uintptr_t *queue;
	size_t queue_words, queue_bytes;
	bool queue_zeroed, queue_used;
	/* Several have marked. */
	bool together;
	struct smal_team_room room;
	uintptr_t lost_stack;
	/* Of registrations (smal_finalizers_keep). */
	uintptr_t sorts;
	const char *why;
};

/* For tools: a mark that follows from an undefined word is a mark. */
static void define_marks(struct smal_gc *gc)
{
	SMAL_EACH_KIND(gc, kind)
		SMAL_EACH_BUFFER(kind, buffer)
			smal_os_tool_allow(smal_buffer_mask(buffer, gc->live ^ 1),
			                   kind->stride.words * sizeof(smal_word));
}

/* Objects that are roots: of types that are not swept this time. */
static void mark_unswept(struct smal_gc *gc, struct smal_marker *marker, uint64_t number)
{
	marker->root = "immortal";
	SMAL_EACH_KIND(gc, kind) {
		const struct smal_type_desc *desc = &kind->type->desc;

		if ((desc->flags & SMAL_TYPE_IMMORTAL) != 0 ||
		    (desc->collections_per_sweep > 1 && number % desc->collections_per_sweep != 0))
			smal_mark_kind(marker, kind);
	}
}

/* Objects whose free callback smal_free is calling stay what they are. */
static void keep_freeing(struct smal_gc *gc)
{
	SMAL_EACH_THREAD(gc, thread)
		for (const struct smal_freeing *at = thread->freeing; at != NULL; at = at->up)
			smal_bit_set(smal_buffer_mask(at->buffer, gc->live ^ 1),
			             smal_buffer_bit(at->buffer, at->slot));
}

/* The runtime's own weak tables; true if there may be some. */
static bool run_weak(struct smal_gc *gc, struct smal_marker *marker, enum smal_weak_stage stage)
{
	if (gc->weak == NULL)
		return false;
	gc->weak(marker, stage, gc->weak_user);
	return true;
}

/* Everything between what the roots reach and the sweep, in the order that
 * <smal/weak.h> promises. */
static void deal_with_weak(struct smal_gc *gc, struct smal_marker *marker, struct pause *pause)
{
	bool more;

	smal_weak_clear(gc, marker, false);
	run_weak(gc, marker, SMAL_WEAK_SHORT_STAGE);
	more = smal_finalizers_resurrect(gc, marker, &pause->pairs, pause->sorts,
	                                 &pause->collection);
	if (more)
		smal_pairs_mark(marker, &pause->pairs);
	if (run_weak(gc, marker, SMAL_WEAK_FINAL_STAGE)) {
		smal_mark_onward(marker);
		more = true;
	}
	while ((pause->sorts & SMAL_FINALIZER_WATCH) != 0 && smal_watches_mark(gc, marker)) {
		smal_pairs_mark(marker, &pause->pairs);
		more = true;
	}
	/* Without new marks, there is nothing new to clear but what was spared. */
	if (more || smal_atomic_load_u32(&gc->has_long_weak) != 0)
		smal_weak_clear(gc, marker, true);
	run_weak(gc, marker, SMAL_WEAK_LONG_STAGE);
	if ((pause->sorts & SMAL_FINALIZER_WATCH) != 0)
		smal_watches_deliver(gc, marker, &pause->collection);
}

static SMAL_NOINLINE void mark_all(struct smal_gc *gc, struct pause *pause)
{
	struct smal_marker marker;
	struct smal_team team;

	smal_os_tool_quiet();
	smal_marker_init(&marker, gc, pause->queue, pause->queue_words);
	smal_team_init(&team, &marker, &pause->room);
	gc->lost_stack = 0;
	pause->sorts = smal_finalizers_keep(gc, &marker);
	pause->pairs.finalizers = (pause->sorts & SMAL_FINALIZER_VALUED) != 0;
	smal_roots_mark(gc, &marker);
	mark_unswept(gc, &marker, pause->collection.number);
	if (smal_mark_drain(&marker))
		gc->stats.queue_overflows++;
	smal_pairs_mark(&marker, &pause->pairs);
	marker.pairs = &pause->pairs;
	if (gc->tool_watches)
		define_marks(gc);
	if (smal_options()->check_mark && gc->lost_stack == 0)
		pause->why = smal_verify_marks(gc);
	if (gc->lost_stack != 0)
		SMAL_EACH_KIND(gc, kind)
			smal_mark_kind_bits(&marker, kind);
	pause->lost_stack = gc->lost_stack;
	deal_with_weak(gc, &marker, pause);
	keep_freeing(gc);
	smal_team_fini(&team);
	pause->together = team.called;
	pause->queue_used = marker.base == pause->queue || team.called;
	if (gc->tool_watches)
		define_marks(gc);
	smal_os_tool_loud();
}

static void count(struct smal_gc *gc, struct smal_collection *collection)
{
	SMAL_EACH_KIND(gc, kind) {
		const struct smal_counts *counts = &kind->counts;
		uint64_t slots = counts->claimed_slots - smal_kind_ahead(kind) -
		                 counts->freed_slots - kind->pending_slots;

		collection->live_objects += slots;
		collection->live_bytes += kind->stride.stride_bytes != 0
		                                  ? slots * kind->stride.stride_bytes
		                                  : counts->claimed_large_bytes -
		                                            counts->freed_large_bytes -
		                                            kind->pending_large_bytes;
	}
}

/* What marking takes, alone and with others: what they mark may be such that they are in
 * each other's way. */
static void compare(struct smal_gc *gc, const struct smal_collection *collection, bool alone)
{
	double ns = (double)collection->mark_ns / (double)(collection->live_objects + 1);
	double *known = alone ? &gc->alone_ns : &gc->team_ns;

	*known = *known > 0 ? (*known + ns) / 2 : ns;
	gc->team_collections += !alone;
}

static void account(struct smal_gc *gc, const struct smal_collection *collection)
{
	struct smal_gc_stats *stats = &gc->stats;

	stats->collections++;
	stats->paced_collections += !collection->on_demand;
	stats->pause_last_ns = collection->pause_ns;
	stats->pause_sum_ns += collection->pause_ns;
	if (collection->pause_ns > stats->pause_max_ns)
		stats->pause_max_ns = collection->pause_ns;
}

/* Not while threads are stopped, which may be in the middle of writing. */
static void log_collection(const struct smal_collection *collection)
{
	int cancel = smal_os_cancel_disable();

	smal_log("smal: collection %llu%s: %llu us, live %llu objects %llu bytes, "
	         "dead %llu objects, heap %llu -> %llu bytes\n",
	         (unsigned long long)collection->number, collection->on_demand ? " on demand" : "",
	         (unsigned long long)collection->pause_ns / 1000,
	         (unsigned long long)collection->live_objects,
	         (unsigned long long)collection->live_bytes,
	         (unsigned long long)collection->dead_objects,
	         (unsigned long long)collection->heap_bytes_before,
	         (unsigned long long)collection->heap_bytes);
	smal_os_cancel_restore(cancel);
}

/* Threads that can help with a collection: none, where one has not yet been too much
 * for one thread. The caller is outside. */
static unsigned crew_for(const struct smal_gc *gc)
{
	unsigned markers = gc->options.markers;

	if ((!gc->wants_crew && smal_options()->team == 0) || gc->tool_watches)
		return 0;
	if (gc->team_collections >= TRY_FIRST && gc->team_ns > gc->alone_ns &&
	    smal_options()->team == 0 && gc->stats.collections % TRY_AGAIN != 0)
		return 0;
	if (markers == 0)
		markers = smal_options()->markers;
	if (markers == 0)
		markers = smal_os_processors();
	return smal_crew_prepare(smal_min(markers, SMAL_MARKERS_MOST) - 1);
}

/* What the system is asked for, before the masks are touched. Without the larger
 * queue and the table, marking is slower. */
static void prepare(struct smal_gc *gc, struct pause *pause)
{
	size_t share = smal_round_up(gc->heap_bytes / HEAP_BYTES_PER_QUEUE_BYTE, SMAL_CHUNK);
	struct smal_team_room *room = &pause->room;
	size_t lent = share, chunks = SMAL_CHUNKS * sizeof(struct smal_handover), marks;

	if (smal_options()->team != 0)
		lent = smal_max(share, room->helpers * (size_t)HELPER_BYTES);
	room->helpers = (unsigned)smal_min(room->helpers, lent / HELPER_BYTES);
	smal_pairs_reserve(gc, &pause->pairs);
	room->mask_ids = room->helpers != 0 ? smal_marker_ids(gc) : 0;
	marks = room->mask_ids * (SMAL_MASK_BYTES + sizeof *room->touched);
	pause->queue_words = share / sizeof(uintptr_t);
	pause->queue_bytes = share + (room->helpers != 0 ? lent + chunks + marks : 0);
	pause->queue_bytes = smal_round_up(pause->queue_bytes, SMAL_CHUNK);
	if (pause->queue_words > gc->queue_words || room->helpers != 0)
		pause->queue = smal_space_take(gc->books, pause->queue_bytes, SMAL_CHUNK,
		                               &pause->queue_zeroed);
	if (pause->queue == NULL)
		room->helpers = 0;
	if (room->helpers == 0)
		return;
	room->queues = pause->queue + pause->queue_words;
	room->queue_words = lent / sizeof(uintptr_t) / room->helpers;
	room->chunks = (void *)(room->queues + lent / sizeof(uintptr_t));
	room->masks = (void *)(room->chunks + SMAL_CHUNKS);
	room->touched = (void *)(room->masks + room->mask_ids * SMAL_MASK_WORDS);
}

static void tidy(struct smal_gc *gc, struct pause *pause)
{
	smal_pairs_release(gc, &pause->pairs);
	if (pause->queue != NULL && !pause->queue_used && pause->queue_zeroed)
		smal_space_give_unused(gc->books, pause->queue, pause->queue_bytes);
	else if (pause->queue != NULL)
		smal_space_give(gc->books, pause->queue, pause->queue_bytes);
}

static void tell(struct smal_gc *gc, enum smal_event event)
{
	if (gc->events != NULL)
		gc->events(event, gc->events_user);
}

/* This thread collects: it knows now, and the others are not stopped yet. */
static void begin(struct smal_gc *gc)
{
	tell(gc, SMAL_EVENT_BEGIN);
}

static void end(struct smal_gc *gc)
{
	tell(gc, SMAL_EVENT_END);
}

/* The marker stands below `low`: the addresses in its ring would be roots for the
 * second one. */
static void collect_stopped(struct smal_gc *gc, uintptr_t low, void *argument)
{
	struct pause *pause = argument;
	struct smal_collection *collection = &pause->collection;

	(void)low;
	collection->number = gc->stats.collections + 1;
	collection->stop_ns = smal_os_clock_ns() - collection->start_ns;
	collection->heap_bytes_before = gc->heap_bytes;
	gc->statics = &pause->statics;
	tell(gc, SMAL_EVENT_STOPPED);
	SMAL_EACH_THREAD(gc, thread)
		smal_thread_retract(thread);
	prepare(gc, pause);
	mark_all(gc, pause);
	tell(gc, SMAL_EVENT_MARKED);
	tidy(gc, pause);
	collection->mark_ns = smal_os_clock_ns() - collection->start_ns - collection->stop_ns;
	gc->live ^= 1;
	smal_sweep(gc, collection);
	SMAL_EACH_THREAD(gc, thread) {
		smal_thread_forget(thread);
		smal_thread_restore(thread);
	}
	count(gc, collection);
	if (gc->wants_crew)
		compare(gc, collection, !pause->together);
	smal_pace_update(gc, collection);
	collection->heap_bytes = gc->heap_bytes;
	collection->pause_ns = smal_os_clock_ns() - collection->start_ns;
	account(gc, collection);
	gc->statics = NULL;
	if (gc->observer != NULL)
		gc->observer(collection, gc->observer_user);
	tell(gc, SMAL_EVENT_SWEPT);
	if (pause->why == NULL && smal_options()->check_all)
		pause->why = smal_verify(gc);
}

/* Who is late once is likely to be late again; not for ever. */
static void note_late(struct smal_gc *gc, uint64_t collections, unsigned late)
{
	uint32_t before = smal_atomic_load_u32(&gc->late);

	if (late > before)
		smal_atomic_store_u32(&gc->late, late);
	else if (before != 0 && collections % LATE_AGAIN == 0)
		smal_atomic_store_u32(&gc->late, before - 1);
}

/*
 * Stops the world and collects, with static data as they are then. Each time they have
 * changed since they were gathered, they are gathered again; threads that come late too
 * often are waited for, and what is loaded meanwhile is not scanned. True: it is done, and
 * not somebody else's.
 */
static bool collect_world(struct smal_attached *thread, struct pause *pause)
{
	static const struct smal_world_steps steps = { begin, collect_stopped, end };
	struct smal_gc *gc = thread->gc;
	/* Nobody writes it while this thread runs. */
	struct smal_world_call call = { .before = gc->stats.collections,
		                        .late = smal_min(smal_atomic_load_u32(&gc->late),
		                                         LATE_MOST - 1u) };
	enum smal_world_result result;

	for (unsigned changes = 0;;) {
		bool known = smal_statics_gather(thread, &pause->statics);

		call.no_statics = !known && pause->statics.count == 0;
		pause->room.helpers = crew_for(gc);
		call.generation = known && call.late < LATE_MOST && changes < CHANGES_MOST
		                          ? &pause->statics.generation
		                          : NULL;
		result = smal_world_collect(gc, &call, &steps, pause);
		smal_statics_release(thread, &pause->statics);
		if (result == SMAL_WORLD_DONE || result == SMAL_WORLD_COALESCED)
			break;
		call.late += result == SMAL_WORLD_LATE;
		changes++;
	}
	if (result == SMAL_WORLD_DONE)
		note_late(gc, pause->collection.number, call.late);
	if (result == SMAL_WORLD_COALESCED && call.begun)
		end(gc);
	return result == SMAL_WORLD_DONE;
}

bool smal_collect_now(struct smal_attached *thread, bool on_demand)
{
	struct pause pause = { .collection = { .on_demand = on_demand,
		                               .start_ns = smal_os_clock_ns() } };
	uintptr_t lost;

	if (!collect_world(thread, &pause))
		return false;
	lost = pause.lost_stack;
	if (smal_options()->log)
		log_collection(&pause.collection);
	if (pause.why != NULL)
		smal_fail(SMAL_ERROR_CORRUPT, "smal_collect", pause.why, NULL, "%s", "");
	else if (lost != 0)
		smal_fail(SMAL_ERROR_INVALID, "smal_collect", "nothing could be freed",
		          (const void *)lost, "%s",
		          "where a thread's stack ends, which is not registered");
	return true;
}
