/* SPDX-License-Identifier: MIT */
/*
 * collect.c: a collection, step by step.
 *
 *   prepare   the queue, static data: everything that may ask the system
 *   retract   windows out of the live masks: live means an object
 *   mark      roots, the stack from here down, then all that is queued
 *   exchange  the mark mask is the live mask from now on
 *   sweep     recount, clear the old masks, give empty buffers back
 *   restore   windows into the live masks again
 *
 * Free callbacks run afterwards, and only where the program called for it.
 */
#include <smal/gc/mark.h>
#include <smal/base/fail.h>

enum {
	/* The larger queue's share of the heap. */
	HEAP_BYTES_PER_QUEUE_BYTE = 8
};

/* What stands above the scanned part's lowest frame, and is scanned with it. The
 * marker does not: the addresses in its ring would be roots for the second one. */
struct pause {
	struct smal_gc *gc;
	/* The larger queue, and whether it was written to. */
	uintptr_t *queue;
	size_t queue_words;
	bool queue_used;
	const char *why;
};

/* For tools: a mark that follows from an undefined word is a mark. */
static void define_marks(const struct smal_gc *gc)
{
	SMAL_EACH_KIND(gc, kind) {
		const struct smal_link *lists[3] = { &kind->stride.room, &kind->stride.filled,
			                             &kind->stride.claimed };

		for (unsigned i = 0; i < 3; i++)
			SMAL_LIST_EACH(link, lists[i])
				smal_os_tool_allow(
					smal_buffer_mask(SMAL_CONTAINER(link, struct smal_buffer, link),
				                         gc->live ^ 1),
					kind->stride.words * sizeof(smal_word));
	}
}

static void mark_all(uintptr_t low, void *argument)
{
	struct pause *pause = argument;
	struct smal_gc *gc = pause->gc;
	struct smal_marker marker;

	smal_os_tool_quiet();
	smal_marker_init(&marker, gc, pause->queue, pause->queue_words);
	smal_roots_mark(gc, &marker);
	if (!gc->options.exact_stacks)
		smal_mark_stack(&marker, low);
	if (smal_mark_drain(&marker))
		gc->stats.queue_overflows++;
	pause->queue_used = marker.bottom == pause->queue;
	if (smal_options()->check_mark)
		pause->why = smal_verify_marks(gc, gc->options.exact_stacks ? 0 : low);
	if (gc->tool_watches)
		define_marks(gc);
	smal_os_tool_loud();
}

/* Marks; behind the collector's own queue stands one in proportion to the heap,
 * if it can be had. */
static const char *mark(struct smal_gc *gc)
{
	size_t bytes = smal_round_up(gc->heap_bytes / HEAP_BYTES_PER_QUEUE_BYTE, SMAL_CHUNK);
	struct pause pause = { .gc = gc, .queue_words = bytes / sizeof(uintptr_t) };
	bool zeroed = false;

	smal_roots_prepare(gc);
	if (pause.queue_words > gc->queue_words)
		pause.queue = smal_space_take(gc->books, bytes, SMAL_CHUNK, &zeroed);
	smal_os_with_stack(mark_all, &pause);
	if (pause.queue != NULL && !pause.queue_used && zeroed)
		smal_space_give_unused(gc->books, pause.queue, bytes);
	else if (pause.queue != NULL)
		smal_space_give(gc->books, pause.queue, bytes);
	return pause.why;
}

static void count(struct smal_gc *gc, struct smal_collection *collection)
{
	SMAL_EACH_KIND(gc, kind) {
		uint64_t slots = kind->claimed_slots - smal_kind_ahead(kind) - kind->freed_slots -
		                 kind->pending_slots;

		collection->live_objects += slots;
		collection->live_bytes +=
			kind->stride.stride_bytes != 0
				? slots * kind->stride.stride_bytes
				: kind->claimed_large_bytes - kind->freed_large_bytes -
					  kind->pending_large_bytes;
	}
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
	if (smal_options()->log)
		smal_log("smal: collection %llu%s: %llu us, live %llu objects %llu bytes, "
		         "dead %llu objects, heap %llu -> %llu bytes\n",
		         (unsigned long long)collection->number,
		         collection->on_demand ? " on demand" : "",
		         (unsigned long long)collection->pause_ns / 1000,
		         (unsigned long long)collection->live_objects,
		         (unsigned long long)collection->live_bytes,
		         (unsigned long long)collection->dead_objects,
		         (unsigned long long)collection->heap_bytes_before,
		         (unsigned long long)collection->heap_bytes);
}

void smal_collect_now(struct smal_attached *thread, bool on_demand)
{
	struct smal_gc *gc = thread->gc;
	struct smal_collection collection = { .number = gc->stats.collections + 1,
		                              .on_demand = on_demand,
		                              .start_ns = smal_os_clock_ns(),
		                              .heap_bytes_before = gc->heap_bytes };
	const char *why;

	gc->activity = SMAL_COLLECTING;
	smal_thread_retract(thread);
	why = mark(gc);
	collection.mark_ns = smal_os_clock_ns() - collection.start_ns;
	gc->live ^= 1;
	smal_sweep(gc, &collection);
	smal_thread_restore(thread);
	count(gc, &collection);
	smal_pace_update(gc, collection.live_bytes);
	collection.heap_bytes = gc->heap_bytes;
	collection.pause_ns = smal_os_clock_ns() - collection.start_ns;
	account(gc, &collection);
	if (gc->observer != NULL)
		gc->observer(&collection, gc->observer_user);
	if (why == NULL && smal_options()->check_all)
		why = smal_verify(gc);
	gc->activity = SMAL_IDLE;
	if (why != NULL)
		smal_fail(SMAL_ERROR_CORRUPT, "smal_collect", why, NULL, "%s", "");
}

enum smal_error smal_collect(struct smal_thread *thread)
{
	enum smal_error error = smal_thread_check(thread, SMAL_IDLE, __func__);

	if (error != SMAL_OK)
		return error;
	smal_collect_now(smal_attached(thread), true);
	smal_sweep_frees(smal_attached(thread)->gc);
	return SMAL_OK;
}

size_t smal_run_frees(struct smal_thread *thread)
{
	if (smal_thread_check(thread, SMAL_FREEING, __func__) != SMAL_OK)
		return 0;
	return smal_sweep_frees(smal_attached(thread)->gc);
}

size_t smal_trim(struct smal_thread *thread)
{
	if (smal_thread_check(thread, SMAL_IDLE, __func__) != SMAL_OK)
		return 0;
	smal_sweep_empty(smal_attached(thread)->gc);
	return smal_space_purge(smal_attached(thread)->gc->space, 0) +
	       smal_space_purge(smal_attached(thread)->gc->books, 0);
}

void smal_gc_set_observer(struct smal_gc *gc, smal_observer *observer, void *user)
{
	if (smal_gc_check(gc, __func__) != SMAL_OK)
		return;
	gc->observer = observer;
	gc->observer_user = user;
}

enum smal_error smal_check(struct smal_thread *thread)
{
	enum smal_error error = smal_thread_check(thread, SMAL_IDLE, __func__);
	const char *why;

	if (error != SMAL_OK)
		return error;
	why = smal_verify(smal_attached(thread)->gc);
	SMAL_REQUIRE(why == NULL, SMAL_ERROR_CORRUPT, why, NULL, "%s", "");
	return SMAL_OK;
}

void smal_gc_set_torture(struct smal_gc *gc, unsigned every_allocations)
{
	if (smal_gc_check(gc, __func__) != SMAL_OK)
		return;
	gc->torture = every_allocations;
	if (gc->thread == NULL)
		return;
	gc->thread->torture_left = every_allocations;
	/* Windows that are open would be used up without being asked. */
	SMAL_LIST_EACH_SAFE(link, &gc->thread->active)
		smal_hole_close(gc->thread, SMAL_CONTAINER(link, struct smal_hole, link));
}
