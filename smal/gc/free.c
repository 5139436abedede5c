/* SPDX-License-Identifier: MIT */
/*
 * free.c: giving an object back by hand.
 *
 * A slot may lie in a buffer that another thread parcels out, so its bit is
 * cleared by an atomic operation with the stride's lock held (smal_stride_release).
 * The slots that a thread freed last, in buffers that nobody else has, are kept at
 * hand: the next allocations take them, while they are warm.
 */
#include <smal/gc/world.h>
#include <smal/base/fail.h>

/* Calls the free callback, outside. Meanwhile the object stays, whether or not it is
 * reached (collect.c), and the chain tells a second free. */
static bool call_free(struct smal_attached *thread, struct smal_buffer *buffer, uintptr_t slot)
{
	const struct smal_type_desc *desc = &smal_buffer_kind(buffer)->type->desc;
	struct smal_freeing freeing = { thread->freeing, buffer, slot };
	enum smal_activity activity = thread->activity;

	for (const struct smal_freeing *at = thread->freeing; at != NULL; at = at->up)
		if (at->slot == slot)
			return false;
	thread->freeing = &freeing;
	thread->activity = SMAL_FREEING;
	desc->free((void *)slot, desc->user);
	thread->activity = activity;
	thread->freeing = freeing.up;
	return true;
}

static void free_large(struct smal_attached *thread, struct smal_hole *hole,
                       struct smal_buffer *buffer, uintptr_t slot, size_t bytes)
{
	if (smal_stride_release(buffer, slot, NULL, true) == SMAL_RELEASED_NOTHING)
		return;
	hole->counts.freed_slots++;
	hole->counts.freed_large_bytes += bytes;
	smal_pace_heap(thread->gc, 0 - bytes);
}

static void free_slot(struct smal_hole *hole, struct smal_buffer *buffer, uintptr_t slot)
{
	enum smal_released released = smal_stride_release(buffer, slot, hole, false);

	if (released == SMAL_RELEASED_NOTHING)
		return;
	hole->counts.freed_slots++;
	/* Another thread's buffer: it will find the slot itself. */
	if (released == SMAL_RELEASED && hole->recent_count < SMAL_RECENT_SLOTS &&
	    !(hole->buffer == buffer && slot >= hole->next && slot < hole->limit))
		hole->recent[hole->recent_count++] = slot;
}

enum smal_error smal_free(struct smal_thread *public, void *object)
{
	enum smal_error error = smal_thread_check(public, SMAL_FREEING, __func__);
	struct smal_attached *thread = smal_attached(public);
	uintptr_t slot = (uintptr_t)object;
	struct smal_buffer *buffer;
	struct smal_hole *hole;
	struct smal_kind *kind;
	size_t bytes;

	if (error != SMAL_OK || object == NULL)
		return error;
	buffer = smal_object_buffer(object);
	if (buffer == NULL || smal_buffer_kind(buffer)->type->gc != thread->gc)
		return smal_object_fail(thread->gc, object, __func__);
	kind = smal_buffer_kind(buffer);
	SMAL_REQUIRE(!smal_type_is_inner(kind->type), SMAL_ERROR_INVALID, "not for smal_free", object,
	             "a %s", kind->type->desc.name);
	if (kind->type->desc.free != NULL && !call_free(thread, buffer, slot))
		return smal_fail(SMAL_ERROR_INVALID, __func__, "double free or dead object", object,
		                 "an object of type %s whose free callback is running",
		                 kind->type->desc.name);
	smal_gc_begin(thread);
	bytes = smal_buffer_slot_bytes(buffer);
	if (thread->gc->tool_watches)
		smal_os_tool_forbid(object, bytes);
	hole = smal_hole_of(thread, kind);
	if (kind->stride.stride_bytes == 0)
		free_large(thread, hole, buffer, slot, bytes);
	else
		free_slot(hole, buffer, slot);
	smal_gc_end(thread);
	return SMAL_OK;
}
