/* SPDX-License-Identifier: MIT */
/*
 * resize.c: a new size for an object where it stands.
 */
#include <smal/gc/world.h>
#include <smal/base/fail.h>

#include <string.h>

/* The thread is inside. */
static enum smal_error resize_large(struct smal_attached *thread, struct smal_buffer *buffer,
                                    size_t bytes)
{
	struct smal_hole *hole = smal_hole_of(thread, smal_buffer_kind(buffer));
	char *base = (void *)smal_buffer_base(buffer);
	size_t had = smal_buffer_bytes(buffer);
	struct smal_gc *gc = thread->gc;
	bool zeroed;

	if (bytes > SIZE_MAX / 2)
		return SMAL_ERROR_TOO_LARGE;
	bytes = smal_round_up(smal_max(bytes, SMAL_LARGE_BYTES + 1), SMAL_CHUNK);
	if (bytes == had)
		return SMAL_OK;
	if (bytes > had && !smal_pace_allows(gc, bytes - had))
		return SMAL_ERROR_LIMIT;
	if (!smal_buffer_resize(buffer, bytes, &zeroed))
		return bytes > had ? SMAL_ERROR_NO_MEMORY : SMAL_OK;
	if (bytes > had) {
		const struct smal_kind *kind = smal_buffer_kind(buffer);

		if (gc->tool_watches)
			smal_os_tool_allow(base + had, bytes - had);
		if (gc->tool_watches && !kind->zeroed)
			smal_os_tool_undefine(base + had, bytes - had);
		if (!zeroed && kind->zeroed)
			memset(base + had, 0, bytes - had);
	}
	hole->counts.claimed_large_bytes += (uint64_t)bytes - had;
	smal_pace_heap(gc, bytes - had);
	smal_pace_allocated(thread, bytes > had ? bytes - had : 0);
	return SMAL_OK;
}

enum smal_error smal_resize(struct smal_thread *public, void *object, size_t bytes)
{
	enum smal_error error = smal_thread_check(public, SMAL_FREEING, __func__);
	struct smal_gc *gc;
	struct smal_buffer *buffer;

	if (error != SMAL_OK)
		return error;
	gc = smal_attached(public)->gc;
	buffer = smal_object_buffer(object);
	if (buffer == NULL || smal_buffer_kind(buffer)->type->gc != gc)
		return smal_object_fail(gc, object, __func__);
	SMAL_REQUIRE(!smal_type_is_inner(smal_buffer_kind(buffer)->type), SMAL_ERROR_INVALID,
	             "not for smal_resize", object, "a %s",
	             smal_buffer_kind(buffer)->type->desc.name);
	SMAL_REQUIRE(smal_buffer_kind(buffer)->type->desc.bytes == 0, SMAL_ERROR_INVALID,
	             "type has a fixed size", object, "of type %s",
	             smal_buffer_kind(buffer)->type->desc.name);
	if (smal_buffer_kind(buffer)->stride.stride_bytes == 0) {
		smal_gc_begin(smal_attached(public));
		error = resize_large(smal_attached(public), buffer, bytes);
		smal_gc_end(smal_attached(public));
		return error;
	}
	if (bytes > SIZE_MAX / 2)
		return SMAL_ERROR_TOO_LARGE;
	return bytes <= smal_buffer_slot_bytes(buffer) ? SMAL_OK : SMAL_ERROR_NO_MEMORY;
}
