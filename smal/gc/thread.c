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
 * put back, for a thread keeps its hole.
 * The cursor is never written but by its owner.
 */
#include <smal/gc/gc.h>
#include <smal/base/fail.h>

#include <string.h>

/* The attachments of the calling thread. */
static __thread struct smal_attached *attachments;

enum {
	PARCEL_BYTES = SMAL_KINDS * sizeof(struct smal_parcel),
	HOLE_BYTES = SMAL_KINDS * sizeof(struct smal_hole)
};

struct smal_thread *smal_thread_self(struct smal_gc *gc)
{
	for (struct smal_attached *thread = attachments; thread != NULL; thread = thread->next)
		if (thread->gc == gc)
			return &thread->public;
	return NULL;
}

enum smal_error smal_thread_error(const struct smal_thread *thread)
{
	return thread != NULL ? smal_attached(thread)->error : SMAL_ERROR_NOT_ATTACHED;
}

static const char *activity_text(enum smal_activity activity)
{
	return activity == SMAL_COLLECTING ? "a collection is under way"
	                                   : "a free callback is running";
}

enum smal_error smal_gc_check(const struct smal_gc *gc, const char *function)
{
	if (gc == NULL || gc->magic != SMAL_MAGIC_GC)
		return smal_fail(SMAL_ERROR_INVALID, function, "not a collector", gc, "%s", "");
	if (gc->thread != NULL && gc->thread->os_id != smal_os_thread_id())
		return smal_fail(SMAL_ERROR_NOT_ATTACHED, function, "thread is not attached", NULL,
		                 "%s", "another thread is");
	if (gc->activity != SMAL_IDLE)
		return smal_fail(SMAL_ERROR_BUSY, function, "not allowed now", NULL, "%s",
		                 activity_text(gc->activity));
	return SMAL_OK;
}

enum smal_error smal_thread_check(const struct smal_thread *public, enum smal_activity most,
                                  const char *function)
{
	const struct smal_attached *thread;

	if (public == NULL)
		return smal_fail(SMAL_ERROR_NOT_ATTACHED, function, "thread is not attached", NULL,
		                 "%s", "");
	thread = smal_attached(public);
	if (thread->magic != SMAL_MAGIC_THREAD)
		return smal_fail(SMAL_ERROR_NOT_ATTACHED, function, "thread is not attached", public,
		                 "%s", thread->magic == SMAL_MAGIC_GONE ? "detached" : "no thread");
	if (thread->os_id != smal_os_thread_id())
		return smal_fail(SMAL_ERROR_NOT_ATTACHED, function, "thread is not attached", public,
		                 "%s", "another thread's attachment");
	if (thread->gc->activity != SMAL_IDLE && thread->gc->activity != most)
		return smal_fail(SMAL_ERROR_BUSY, function, "not allowed now", NULL, "%s",
		                 activity_text(thread->gc->activity));
	return SMAL_OK;
}

enum smal_error smal_thread_attach(struct smal_gc *gc, struct smal_thread **result)
{
	struct smal_attached *thread;
	bool zeroed;
	char *run;

	SMAL_REQUIRE(gc != NULL && gc->magic == SMAL_MAGIC_GC, SMAL_ERROR_INVALID,
	             "not a collector", gc, "%s", "");
	SMAL_REQUIRE(result != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL, "%s", "");
	SMAL_REQUIRE(gc->thread == NULL, SMAL_ERROR_BUSY, "a thread is attached already", gc, "%s",
	             gc->thread->os_id == smal_os_thread_id() ? "this thread's" : "another thread's");
	thread = smal_element_take(gc->books, sizeof *thread);
	if (thread == NULL)
		return SMAL_ERROR_NO_MEMORY;
	memset(thread, 0, sizeof *thread);
	if (!smal_os_stack_bounds(&thread->stack_base, &thread->stack_limit))
		goto fail;
	run = smal_space_take(gc->books, PARCEL_BYTES + HOLE_BYTES, SMAL_CHUNK, &zeroed);
	if (run == NULL)
		goto fail;
	thread->public.parcels = (void *)run;
	thread->holes = (void *)(run + PARCEL_BYTES);
	for (unsigned i = 0; i < gc->kinds_top; i++) {
		thread->public.parcels[i] = (struct smal_parcel){ 0 };
		thread->holes[i] = (struct smal_hole){ 0 };
	}
	/* Parcel 0 is empty whatever the stride: even one of 0 bytes. */
	thread->public.parcels[0].cursor = 1;
	thread->gc = gc;
	thread->os_id = smal_os_thread_id();
	thread->torture_left = gc->torture;
	smal_link_init(&thread->active);
	thread->next = attachments;
	attachments = thread;
	gc->thread = thread;
	thread->magic = SMAL_MAGIC_THREAD;
	*result = &thread->public;
	return SMAL_OK;

fail:
	smal_element_give(gc->books, thread);
	return SMAL_ERROR_NO_MEMORY;
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
	while (!smal_link_is_alone(&thread->active))
		smal_hole_close(thread, SMAL_CONTAINER(thread->active.next, struct smal_hole, link));
	for (at = &attachments; *at != thread; at = &(*at)->next)
		;
	*at = thread->next;
	smal_space_give(gc->books, thread->public.parcels, PARCEL_BYTES + HOLE_BYTES);
	thread->magic = SMAL_MAGIC_GONE;
	gc->thread = NULL;
	smal_element_give(gc->books, thread);
	return SMAL_OK;
}

/* ---- Windows ---- */

static struct smal_parcel *hole_parcel(const struct smal_attached *thread,
                                       const struct smal_hole *hole)
{
	return &thread->public.parcels[hole->kind->index];
}

/* [cursor, window_limit) of a hole whose window is not used up. */
static bool window_ahead(const struct smal_attached *thread, const struct smal_hole *hole,
                         uintptr_t *base, uintptr_t *limit)
{
	*base = hole_parcel(thread, hole)->cursor;
	*limit = hole->window_limit;
	return *base < *limit;
}

void smal_hole_close(struct smal_attached *thread, struct smal_hole *hole)
{
	struct smal_kind *kind = hole->kind;
	uintptr_t base, limit;

	if (window_ahead(thread, hole, &base, &limit)) {
		kind->claimed_slots -= smal_buffer_free_slots(hole->window_buffer, base, limit);
	}
	*hole_parcel(thread, hole) = (struct smal_parcel){ 0 };
	if (hole->buffer != NULL)
		smal_stride_unclaim(hole->buffer);
	smal_link_remove(&hole->link);
	*hole = (struct smal_hole){ 0 };
}

void smal_thread_retract(struct smal_attached *thread)
{
	SMAL_LIST_EACH(link, &thread->active) {
		struct smal_hole *hole = SMAL_CONTAINER(link, struct smal_hole, link);
		uintptr_t base, limit;

		hole->recent_count = 0;
		if (!window_ahead(thread, hole, &base, &limit))
			continue;
		smal_buffer_free_slots(smal_buffer_find(base), base, limit);
		/* An allocation in a callback must call in, and be refused. */
		hole_parcel(thread, hole)->limit = 0;
	}
}

void smal_thread_restore(struct smal_attached *thread)
{
	SMAL_LIST_EACH(link, &thread->active) {
		struct smal_hole *hole = SMAL_CONTAINER(link, struct smal_hole, link);
		uintptr_t base, limit;

		if (!window_ahead(thread, hole, &base, &limit))
			continue;
		smal_buffer_claim_slots(smal_buffer_find(base), base, limit);
		hole_parcel(thread, hole)->limit = limit;
	}
}

uint64_t smal_kind_ahead(const struct smal_kind *kind)
{
	const struct smal_attached *thread = kind->type->gc->thread;
	const struct smal_hole *hole;
	uintptr_t base, limit;

	if (thread == NULL)
		return 0;
	hole = &thread->holes[kind->index];
	if (hole->kind == NULL || !window_ahead(thread, hole, &base, &limit))
		return 0;
	return (limit - base) / kind->stride.stride_bytes;
}

bool smal_slot_is_object(const struct smal_kind *kind, const struct smal_buffer *buffer,
                         uintptr_t slot)
{
	const struct smal_attached *thread = kind->type->gc->thread;

	if (thread != NULL && thread->holes[kind->index].kind != NULL &&
	    slot < thread->holes[kind->index].window_limit &&
	    slot >= thread->public.parcels[kind->index].cursor)
		return false;
	return kind->type->desc.free == NULL ||
	       !smal_bit_get(smal_buffer_mask(buffer, 2), smal_buffer_bit(buffer, slot));
}
