/* SPDX-License-Identifier: MIT */
/*
 * thread.c: attaching threads, and what they have claimed.
 *
 *   a claimed buffer
 *   +------+---------------+---------------------+-----------+------+
 *   | live | objects       | window: zeroed,     | hole, not | live |
 *   |      | since refill  | live bits set       | yet bits  |      |
 *   +------+---------------+---------------------+-----------+------+
 *                          ^ cursor              ^ window_   ^ limit
 *                                                  limit = next
 *
 * The parcels and holes of all kinds lie in one run, at addresses that stay.
 * For a collection the windows are taken out of the live masks, so that "live"
 * means an object, and their parcels' limits are 0 meanwhile; afterwards they are
 * put back, for a thread keeps a hole that it uses.
 * The cursor is never written but by its owner.
 *
 * An attachment's memory is used again by the collector's next thread, and for
 * nothing else: who follows a buffer's claimer without a lock finds a hole, if
 * perhaps another one's.
 */
#include <smal/gc/crew.h>
#include <smal/gc/world.h>
#include <smal/base/fail.h>

#include <string.h>

/* The attachments of the calling thread. */
static __thread struct smal_attached *attachments __attribute__((tls_model("initial-exec")));

enum {
	PARCEL_BYTES = SMAL_KINDS * sizeof(struct smal_parcel),
	HOLE_BYTES = SMAL_KINDS * sizeof(struct smal_hole),
	/* All that a thread has is one run: parcels, holes, the attachment. */
	RUN_BYTES = PARCEL_BYTES + HOLE_BYTES + sizeof(struct smal_attached)
};

struct smal_attached *smal_attachments(void)
{
	return attachments;
}

struct smal_attached *smal_attached_self(const struct smal_gc *gc)
{
	for (struct smal_attached *thread = attachments; thread != NULL; thread = thread->next)
		if (thread->gc == gc)
			return thread;
	return NULL;
}

bool smal_thread_is_marking(void)
{
	for (const struct smal_attached *thread = attachments; thread != NULL;
	     thread = thread->next)
		if (thread->activity == SMAL_COLLECTING)
			return true;
	return smal_crew_is_here();
}

struct smal_thread *smal_thread_self(struct smal_gc *gc)
{
	struct smal_attached *thread = smal_attached_self(gc);

	return thread != NULL ? &thread->public : NULL;
}

enum smal_error smal_thread_error(const struct smal_thread *thread)
{
	return thread != NULL ? smal_attached(thread)->error : SMAL_ERROR_NOT_ATTACHED;
}

/* ---- What may be called ---- */

static enum smal_error fail_busy(const struct smal_attached *thread, const char *function)
{
	const char *why = "a free callback is running";

	if (thread->activity == SMAL_COLLECTING)
		why = "a collection is under way";
	else if (thread->left)
		why = "the thread has left";
	else if (thread->parked)
		why = smal_atomic_load_u32(&thread->gc->phase) == SMAL_PHASE_COLLECTING
		              ? "a collection is under way"
		              : "the thread waits in another collector";
	return smal_fail(SMAL_ERROR_BUSY, function, "not allowed now", NULL, "%s", why);
}

/* A mark callback that runs on a thread of the library's. */
static enum smal_error fail_marking(const char *function)
{
	return smal_fail(SMAL_ERROR_BUSY, function, "not allowed now", NULL, "%s",
	                 "a collection is under way");
}

static bool is_away(const struct smal_attached *thread)
{
	return (smal_atomic_load_relaxed_u32(&thread->public.poll) & SMAL_POLL_AWAY) != 0;
}

enum smal_error smal_gc_check(const struct smal_gc *gc, const char *function)
{
	const struct smal_attached *thread;

	if (gc == NULL || gc->magic != SMAL_MAGIC_GC)
		return smal_fail(SMAL_ERROR_INVALID, function, "not a collector", gc, "%s", "");
	thread = smal_attached_self(gc);
	if (thread == NULL && smal_crew_is_here())
		return fail_marking(function);
	if (thread != NULL && (thread->activity != SMAL_IDLE || (is_away(thread) && !thread->left)))
		return fail_busy(thread, function);
	if (smal_atomic_load_u32(&gc->ending) != 0)
		return smal_fail(SMAL_ERROR_BUSY, function, "not allowed now", NULL, "%s",
		                 "the collector ends");
	return SMAL_OK;
}

enum smal_error smal_thread_check_slow(const struct smal_thread *public, enum smal_activity most,
                                       const char *function)
{
	const struct smal_attached *thread;
	uint32_t magic;

	if (public == NULL)
		return smal_fail(SMAL_ERROR_NOT_ATTACHED, function, "thread is not attached", NULL,
		                 "%s", "");
	thread = smal_attached(public);
	/* A handle that was detached may be another thread's by now. */
	magic = smal_atomic_load_relaxed_u32(&thread->magic);
	if (magic != SMAL_MAGIC_THREAD)
		return smal_fail(SMAL_ERROR_NOT_ATTACHED, function, "thread is not attached",
		                 public, "%s", magic == SMAL_MAGIC_GONE ? "detached" : "no thread");
	if (smal_atomic_load_relaxed(&thread->os_id) != smal_os_thread_id() && smal_crew_is_here())
		return fail_marking(function);
	if (smal_atomic_load_relaxed(&thread->os_id) != smal_os_thread_id())
		return smal_fail(SMAL_ERROR_NOT_ATTACHED, function, "thread is not attached", public,
		                 "%s", "another thread's attachment");
	if ((thread->activity != SMAL_IDLE && thread->activity != most) || is_away(thread))
		return fail_busy(thread, function);
	/* A signal handler that interrupted libsmal. */
	if (smal_atomic_load_relaxed_u32(&thread->inside) != 0)
		return smal_fail(SMAL_ERROR_BUSY, function, "not allowed now", NULL, "%s",
		                 "inside of libsmal: by a signal handler, a function of a map's, "
		                 "or between hold and release");
	return SMAL_OK;
}

/* ---- Attaching ---- */

/* The memory of an attachment that has ended, or new one; with the lock held. */
static struct smal_attached *thread_memory(struct smal_gc *gc)
{
	struct smal_link *link = smal_link_pop(&gc->spare_threads);
	struct smal_attached *thread;
	bool zeroed;
	char *run;

	if (link != NULL)
		return SMAL_CONTAINER(link, struct smal_attached, link);
	run = smal_space_take(gc->books, RUN_BYTES, SMAL_CHUNK, &zeroed);
	if (run == NULL)
		return NULL;
	thread = (void *)(run + PARCEL_BYTES + HOLE_BYTES);
	memset(thread, 0, sizeof *thread);
	thread->parcels = thread->public.parcels = (void *)run;
	thread->holes = (void *)(run + PARCEL_BYTES);
	for (unsigned i = 0; !zeroed && i < gc->kinds_top; i++) {
		thread->parcels[i] = (struct smal_parcel){ 0 };
		thread->holes[i] = (struct smal_hole){ 0 };
	}
	/* Parcel 0 is empty whatever the stride: even one of 0 bytes. */
	thread->parcels[0].cursor = 1;
	thread->gc = gc;
	return thread;
}

static void detach_all(void)
{
	while (attachments != NULL) {
		struct smal_attached *thread = attachments;

		/* Nobody is left to mind its manners. */
		thread->activity = SMAL_IDLE;
		smal_gc_begin(thread);
		smal_atomic_store(&thread->current->thread, 0);
		thread->current = &thread->own;
		smal_atomic_store(&thread->own.thread, (uintptr_t)thread);
		smal_gc_end(thread);
		if (thread->left)
			smal_thread_enter(&thread->public);
		if (smal_thread_detach(&thread->public) != SMAL_OK)
			return;
	}
}

/* A thread that was alone knows from now on that it is not. Of several that attach at
 * once, each makes sure of that. */
static void share(struct smal_gc *gc)
{
	smal_atomic_cas_u32(&gc->sharing, SMAL_ALONE, SMAL_SHARING);
	smal_world_barrier();
	smal_gc_outlast(gc);
	smal_atomic_store_u32(&gc->sharing, SMAL_SHARED);
}

enum smal_error smal_thread_attach(struct smal_gc *gc, struct smal_thread **result)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	uintptr_t base, limit;
	struct smal_attached *thread;

	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(result != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL, "%s", "");
	SMAL_REQUIRE(smal_attached_self(gc) == NULL, SMAL_ERROR_BUSY,
	             "this thread is attached already", gc, "%s", "its collector");
	if (!smal_os_stack_bounds(&base, &limit) || !smal_os_at_thread_end(SMAL_OS_GC, detach_all))
		return SMAL_ERROR_NO_MEMORY;
	smal_gc_lock(gc);
	if (!smal_link_is_alone(&gc->threads) &&
	    smal_atomic_load_u32(&gc->sharing) != SMAL_SHARED) {
		smal_gc_unlock(gc);
		share(gc);
		smal_gc_lock(gc);
	}
	thread = thread_memory(gc);
	if (thread != NULL) {
		smal_atomic_store_relaxed(&thread->os_id, smal_os_thread_id());
		thread->os_thread = smal_os_thread();
		thread->torture_left = gc->torture;
		thread->error = SMAL_OK;
		thread->own = (struct smal_fiber){ .magic = SMAL_MAGIC_FIBER, .gc = gc, .base = base,
			                           .limit = limit, .thread = (uintptr_t)thread };
		thread->current = &thread->own;
		smal_link_init(&thread->active);
		smal_link_insert(&gc->threads, &thread->link);
		smal_atomic_store_u32(&thread->magic, SMAL_MAGIC_THREAD);
		/* Inside like the others, until the lock is given. */
		thread->inside = 1;
		/* For handlers of signals, whole at any moment. */
		thread->next = attachments;
		__asm__ volatile("" ::: "memory");
		attachments = thread;
	}
	smal_gc_unlock(gc);
	if (thread == NULL)
		return SMAL_ERROR_NO_MEMORY;
	*result = &thread->public;
	return SMAL_OK;
}

void smal_thread_end(struct smal_attached *thread)
{
	struct smal_gc *gc = thread->gc;

	smal_holes_close(thread);
	smal_atomic_store(&thread->current->thread, 0);
	smal_link_remove(&thread->link);
	smal_atomic_store_u32(&thread->magic, SMAL_MAGIC_GONE);
	thread->freeing = NULL;
	thread->activity = SMAL_IDLE;
	thread->parked = thread->left = false;
	thread->deferred = false;
	thread->shortage_note = 0;
	thread->follow = NULL;
	smal_atomic_add(&gc->allocated_bytes, thread->allocated_bytes);
	thread->allocated_bytes = 0;
	thread->public.parcels = thread->parcels;
	smal_atomic_store_u32(&thread->public.poll, 0);
	smal_atomic_store_u32(&thread->inside, 0);
	smal_link_push(&gc->spare_threads, &thread->link);
}

enum smal_error smal_thread_detach(struct smal_thread *public)
{
	struct smal_attached **at, *thread;
	enum smal_error error;
	struct smal_gc *gc;

	if (public == NULL)
		return SMAL_OK;
	error = smal_thread_check(public, SMAL_IDLE, __func__);
	if (error != SMAL_OK)
		return error;
	thread = smal_attached(public);
	gc = thread->gc;
	SMAL_REQUIRE(thread->current == &thread->own, SMAL_ERROR_BUSY, "not allowed now", NULL,
	             "%s", "the thread runs on a fiber");
	smal_gc_lock(gc);
	for (at = &attachments; *at != thread; at = &(*at)->next)
		;
	*at = thread->next;
	smal_thread_end(thread);
	/* A collection may be waiting for this thread. */
	smal_atomic_add_u32(&gc->arrivals, 1);
	if (smal_atomic_load_u32(&gc->phase) != SMAL_PHASE_IDLE)
		smal_os_wake(&gc->arrivals);
	smal_gc_unlock(gc);
	return SMAL_OK;
}

void smal_threads_fini(struct smal_gc *gc)
{
	struct smal_link *link;

	while ((link = smal_link_pop(&gc->spare_threads)) != NULL) {
		const struct smal_attached *thread =
			SMAL_CONTAINER(link, struct smal_attached, link);

		smal_space_give(gc->books, thread->parcels, RUN_BYTES);
	}
}

/* ---- Windows ---- */

static struct smal_parcel *hole_parcel(const struct smal_attached *thread,
                                       const struct smal_hole *hole)
{
	return &thread->parcels[hole->kind->index];
}

/* [cursor, window_limit) of a hole whose window is not used up. */
static bool window_ahead(const struct smal_attached *thread, const struct smal_hole *hole,
                         uintptr_t *base, uintptr_t *limit)
{
	*base = hole_parcel(thread, hole)->cursor;
	*limit = hole->window_limit;
	return *base < *limit;
}

/* Adds a hole's counts to its kind's, which other threads may be doing, too. */
static void counts_fold(struct smal_kind *kind, struct smal_hole *hole)
{
	smal_os_lock_take(&kind->stride.lock);
	kind->counts.claimed_slots += hole->counts.claimed_slots;
	kind->counts.freed_slots += hole->counts.freed_slots;
	kind->counts.claimed_large_bytes += hole->counts.claimed_large_bytes;
	kind->counts.freed_large_bytes += hole->counts.freed_large_bytes;
	smal_os_lock_give(&kind->stride.lock);
	hole->counts = (struct smal_counts){ 0 };
}

void smal_hole_close(struct smal_attached *thread, struct smal_hole *hole)
{
	struct smal_kind *kind = hole->kind;
	uintptr_t base, limit;

	if (window_ahead(thread, hole, &base, &limit))
		hole->counts.claimed_slots -=
			smal_buffer_free_slots(hole->window_buffer, base, limit);
	counts_fold(kind, hole);
	hole_parcel(thread, hole)->limit = 0;
	smal_hole_set_window(hole, hole_parcel(thread, hole), 0, 0);
	if (hole->buffer != NULL)
		smal_stride_unclaim(hole->buffer);
	smal_link_remove(&hole->link);
	hole->kind = NULL;
	hole->buffer = hole->window_buffer = NULL;
	hole->next = hole->limit = 0;
	hole->recent_count = 0;
}

void smal_holes_close(struct smal_attached *thread)
{
	SMAL_LIST_EACH_SAFE(link, &thread->active)
		smal_hole_close(thread, SMAL_CONTAINER(link, struct smal_hole, link));
}

void smal_holes_close_used(struct smal_attached *thread)
{
	SMAL_LIST_EACH_SAFE(link, &thread->active) {
		struct smal_hole *hole = SMAL_CONTAINER(link, struct smal_hole, link);
		uintptr_t base, limit;

		if (!window_ahead(thread, hole, &base, &limit))
			smal_hole_close(thread, hole);
	}
}

void smal_thread_retract(struct smal_attached *thread)
{
	SMAL_LIST_EACH_SAFE(link, &thread->active) {
		struct smal_hole *hole = SMAL_CONTAINER(link, struct smal_hole, link);
		uintptr_t base, limit;

		/* One of large slots that has not been used since the last time, and has nothing
		 * at hand: nobody may want its buffer. */
		if (!window_ahead(thread, hole, &base, &limit)) {
			if (hole->counts.claimed_slots == 0 &&
			    hole->kind->stride.buffer_bytes != SMAL_ID_BYTES)
				smal_hole_close(thread, hole);
			else
				counts_fold(hole->kind, hole);
			continue;
		}
		counts_fold(hole->kind, hole);
		smal_buffer_free_slots(hole->window_buffer, base, limit);
		/* An allocation in a callback must call in, and be refused. */
		hole_parcel(thread, hole)->limit = 0;
	}
}

void smal_thread_forget(struct smal_attached *thread)
{
	SMAL_LIST_EACH(link, &thread->active)
		SMAL_CONTAINER(link, struct smal_hole, link)->recent_count = 0;
}

void smal_thread_restore(struct smal_attached *thread)
{
	SMAL_LIST_EACH(link, &thread->active) {
		struct smal_hole *hole = SMAL_CONTAINER(link, struct smal_hole, link);
		uintptr_t base, limit;

		if (!window_ahead(thread, hole, &base, &limit))
			continue;
		smal_buffer_claim_slots(hole->window_buffer, base, limit, true);
		hole_parcel(thread, hole)->limit = limit;
	}
}

uint64_t smal_kind_ahead(const struct smal_kind *kind)
{
	uint64_t slots = 0;

	SMAL_EACH_THREAD(kind->type->gc, thread) {
		const struct smal_hole *hole = &thread->holes[kind->index];
		uintptr_t base, limit;

		if (hole->kind != NULL && window_ahead(thread, hole, &base, &limit))
			slots += (limit - base) / kind->stride.stride_bytes;
	}
	return slots;
}

/* True if a slot lies in a hole's window ahead of the cursor. No object does while
 * the window changes. */
static bool is_ahead(const struct smal_hole *hole, unsigned index, uintptr_t slot)
{
	/* Holes and parcels lie in one run. */
	const char *holes = (const char *)(hole - index);
	const struct smal_parcel *parcels = (const void *)(holes - PARCEL_BYTES);
	uintptr_t changes, cursor, limit;

	do {
		changes = smal_atomic_load(&hole->changes);
		limit = smal_atomic_load(&hole->window_limit);
		cursor = smal_atomic_load((const volatile AO_t *)&parcels[index].cursor);
	} while (smal_atomic_load(&hole->changes) != changes);
	return changes % 2 == 0 && slot >= cursor && slot < limit;
}

bool smal_slot_is_object(const struct smal_kind *kind, const struct smal_buffer *buffer,
                         uintptr_t slot)
{
	const struct smal_hole *hole = smal_atomic_load_pointer(&buffer->claimer);

	if (hole != NULL && is_ahead(hole, kind->index, slot))
		return false;
	return kind->type->desc.free == NULL ||
	       !smal_bit_load(smal_buffer_mask(buffer, 2), smal_buffer_bit(buffer, slot));
}
