/* SPDX-License-Identifier: MIT */
/*
 * alloc.c: refilling parcels, large objects, early free, and what a word is.
 *
 * A parcel whose window is used up is refilled, in this order, by
 *
 *   1  a slot that was freed lately
 *   2  the next window of its hole
 *   3  the next hole of its buffer
 *   4  a buffer with room, claimed for the thread
 *   5  after a collection, if the pace wants one: 1 to 4 again
 *   6  a new buffer, if limits allow
 *   7  after a collection of need: 1 to 4 and 6 again
 *
 * A window is zeroed as it is opened, at most 4 KiB ahead, which also brings it
 * into the cache; memory that was never used is not zeroed again. Where a tool
 * watches or torture counts allocations, a window is one slot.
 */
#include <smal/gc/gc.h>
#include <smal/base/fail.h>

#include <string.h>

static struct smal_parcel *parcel_of(struct smal_attached *thread, const struct smal_kind *kind)
{
	return &thread->public.parcels[kind->index];
}

/* Makes [base, limit) the parcel's window: live bits, zeroes, counts. */
static void open_window(struct smal_attached *thread, struct smal_hole *hole,
                        struct smal_buffer *buffer, uintptr_t base, uintptr_t limit)
{
	struct smal_kind *kind = hole->kind;
	uintptr_t start = smal_buffer_base(buffer);
	uint32_t end = (uint32_t)((limit - start + SMAL_GRANULE - 1) >> SMAL_GRANULE_LOG2);
	uintptr_t dirty = start + ((uintptr_t)buffer->dirty_granules << SMAL_GRANULE_LOG2);

	kind->claimed_slots += smal_buffer_claim_slots(buffer, base, limit);
	if (thread->gc->tool_watches)
		smal_os_tool_allow((void *)base, limit - base);
	if (base < dirty)
		memset((void *)base, 0, smal_min(limit, dirty) - base);
	if (end > buffer->dirty_granules)
		buffer->dirty_granules = end;
	hole->window_limit = limit;
	hole->window_buffer = buffer;
	*parcel_of(thread, kind) = (struct smal_parcel){ base, limit };
}

/* Opens the next window of the hole at hand. */
static void next_window(struct smal_attached *thread, struct smal_hole *hole)
{
	struct smal_gc *gc = thread->gc;
	size_t bytes = hole->kind->window_bytes;
	uintptr_t base = hole->next;

	if (SMAL_UNLIKELY(gc->tool_watches || gc->torture != 0))
		bytes = hole->kind->stride.stride_bytes;
	hole->next += smal_min(bytes, hole->limit - base);
	gc->allocated_bytes += hole->next - base;
	open_window(thread, hole, hole->buffer, base, hole->next);
}

/* Steps 1 to 4; false if every buffer of the kind is full. */
static bool refill(struct smal_attached *thread, struct smal_hole *hole)
{
	struct smal_kind *kind = hole->kind;
	struct smal_buffer *buffer;
	uintptr_t base, limit;

	if (hole->recent_count > 0) {
		base = hole->recent[--hole->recent_count];
		buffer = smal_buffer_find(base);
		open_window(thread, hole, buffer, base, base + kind->stride.stride_bytes);
		/* It may have been the last slot of a buffer that nobody claims. */
		if (buffer->state == SMAL_BUFFER_ROOM && buffer->used_slots == kind->stride.slots)
			smal_stride_settle(buffer, false);
		return true;
	}
	for (;;) {
		if (hole->next < hole->limit) {
			next_window(thread, hole);
			return true;
		}
		if (hole->buffer != NULL) {
			if (smal_buffer_hole(hole->buffer, hole->limit, &base, &limit)) {
				hole->next = base;
				hole->limit = limit;
				continue;
			}
			smal_stride_unclaim(hole->buffer);
		}
		hole->buffer = smal_stride_claim(&kind->stride);
		hole->next = hole->limit =
			hole->buffer != NULL ? smal_buffer_base(hole->buffer) : 0;
		if (hole->buffer == NULL)
			return false;
	}
}

/* Adds a buffer to a kind within the limits; NULL leaves the reason. */
static struct smal_buffer *grow(struct smal_attached *thread, struct smal_kind *kind,
                                size_t bytes)
{
	struct smal_gc *gc = thread->gc;
	struct smal_buffer *buffer;

	if (!smal_pace_allows(gc, bytes)) {
		thread->error = SMAL_ERROR_LIMIT;
		return NULL;
	}
	buffer = smal_stride_grow(&kind->stride, bytes);
	if (buffer == NULL) {
		thread->error = SMAL_ERROR_NO_MEMORY;
		return NULL;
	}
	if (gc->tool_watches)
		smal_os_tool_forbid((void *)smal_buffer_base(buffer), buffer->bytes);
	gc->heap_bytes += buffer->bytes;
	if (gc->heap_bytes > gc->stats.heap_peak_bytes)
		gc->stats.heap_peak_bytes = gc->heap_bytes;
	return buffer;
}

/* A collection that allocation starts; not from a free callback. */
static bool collect(struct smal_attached *thread)
{
	if (thread->gc->activity != SMAL_IDLE)
		return false;
	smal_collect_now(thread, false);
	return true;
}

static void torture(struct smal_attached *thread)
{
	if (thread->gc->torture != 0 && --thread->torture_left == 0) {
		thread->torture_left = thread->gc->torture;
		collect(thread);
	}
}

static struct smal_hole *hole_of(struct smal_attached *thread, struct smal_kind *kind)
{
	struct smal_hole *hole = &thread->holes[kind->index];

	if (hole->kind == NULL) {
		hole->kind = kind;
		smal_link_insert(&thread->active, &hole->link);
	}
	return hole;
}

/* Steps 1 to 7; false leaves the reason. */
static bool provide(struct smal_attached *thread, struct smal_hole *hole)
{
	struct smal_kind *kind = hole->kind;
	size_t bytes = kind->stride.buffer_bytes;
	enum smal_error error = thread->error;
	bool collected = false, done = refill(thread, hole);

	if (!done && smal_pace_wants_collection(thread->gc, bytes)) {
		collected = collect(thread);
		done = collected && refill(thread, hole);
	}
	if (!done && grow(thread, kind, bytes) != NULL)
		done = refill(thread, hole);
	if (!done && !collected && collect(thread))
		done = refill(thread, hole) ||
		       (grow(thread, kind, bytes) != NULL && refill(thread, hole));
	/* What failed on the way is no failure. */
	if (done)
		thread->error = error;
	return done;
}

static void *alloc_slot(struct smal_attached *thread, struct smal_kind *kind)
{
	struct smal_parcel *parcel = parcel_of(thread, kind);
	struct smal_hole *hole = hole_of(thread, kind);
	uintptr_t object;

	if (!provide(thread, hole))
		return NULL;
	object = parcel->cursor;
	parcel->cursor += kind->stride.stride_bytes;
	return (void *)object;
}

static void *alloc_large(struct smal_attached *thread, struct smal_kind *kind, size_t bytes)
{
	struct smal_gc *gc = thread->gc;
	enum smal_error error = thread->error;
	struct smal_buffer *buffer;
	uintptr_t base;
	bool collected;

	if (bytes > SIZE_MAX / 2) {
		thread->error = SMAL_ERROR_TOO_LARGE;
		return NULL;
	}
	bytes = smal_round_up(bytes, SMAL_CHUNK);
	collected = smal_pace_wants_collection(gc, bytes) && collect(thread);
	buffer = grow(thread, kind, bytes);
	if (buffer == NULL && !collected && collect(thread))
		buffer = grow(thread, kind, bytes);
	if (buffer == NULL)
		return NULL;
	thread->error = error;
	base = smal_buffer_base(buffer);
	if (gc->tool_watches)
		smal_os_tool_allow((void *)base, buffer->bytes);
	if (buffer->dirty_granules != 0)
		memset((void *)base, 0, buffer->bytes);
	smal_buffer_claim_slots(buffer, base, base + SMAL_GRANULE);
	smal_stride_settle(buffer, false);
	kind->claimed_slots++;
	kind->claimed_large_bytes += buffer->bytes;
	gc->allocated_bytes += buffer->bytes;
	return (void *)base;
}

/* What both slow paths ask first. */
static enum smal_error alloc_check(struct smal_thread *public, const struct smal_type *public_type,
                                   bool variable, const char *function)
{
	const struct smal_owned_type *type = smal_owned(public_type);
	enum smal_error error = smal_thread_check(public, SMAL_FREEING, function);

	if (error != SMAL_OK)
		return error;
	if (public_type == NULL || type->magic != SMAL_MAGIC_TYPE)
		return smal_fail(SMAL_ERROR_INVALID, function, "not a type", public_type, "%s",
		                 public_type != NULL && type->magic == SMAL_MAGIC_GONE
		                         ? "a type that has ended"
		                         : "");
	if (type->gc != smal_attached(public)->gc)
		return smal_fail(SMAL_ERROR_INVALID, function, "type of another collector",
		                 public_type, "type %s", type->desc.name);
	if ((type->desc.bytes == 0) != variable)
		return smal_fail(SMAL_ERROR_INVALID, function,
		                 variable ? "type has a fixed size" : "type has no fixed size",
		                 public_type, "type %s", type->desc.name);
	return SMAL_OK;
}

/* Leaves the reason and returns NULL. */
static void *refuse(struct smal_thread *thread, enum smal_error error)
{
	if (thread != NULL && smal_attached(thread)->magic == SMAL_MAGIC_THREAD)
		smal_attached(thread)->error = error;
	return NULL;
}

void *smal_alloc_slow(struct smal_thread *public, struct smal_type *public_type)
{
	enum smal_error error = alloc_check(public, public_type, false, "smal_alloc");
	struct smal_attached *thread = smal_attached(public);
	struct smal_kind *kind;

	if (error != SMAL_OK)
		return refuse(public, error);
	torture(thread);
	kind = thread->gc->kinds[smal_owned(public_type)->first_kind];
	if (kind->stride.stride_bytes == 0)
		return alloc_large(thread, kind, smal_owned(public_type)->desc.bytes);
	return alloc_slot(thread, kind);
}

/* The class whose slots are large enough and aligned. */
static unsigned class_for(size_t bytes, size_t alignment)
{
	size_t index = smal_class_index(bytes);

	while (alignment > SMAL_GRANULE && index < SMAL_CLASSES &&
	       smal_class_bytes(index) % alignment != 0)
		index++;
	return (unsigned)index;
}

void *smal_alloc_bytes_slow(struct smal_thread *public, struct smal_type *public_type,
                            size_t bytes)
{
	enum smal_error error = alloc_check(public, public_type, true, "smal_alloc_bytes");
	struct smal_attached *thread = smal_attached(public);
	struct smal_owned_type *type = smal_owned(public_type);
	struct smal_kind *kind;
	unsigned class;

	if (error != SMAL_OK)
		return refuse(public, error);
	torture(thread);
	class = bytes > SMAL_LARGE_BYTES ? SMAL_CLASSES
	                                 : class_for(bytes != 0 ? bytes : 1, type->desc.alignment);
	kind = smal_kind_get(type, class);
	if (kind == NULL)
		return refuse(public, SMAL_ERROR_NO_MEMORY);
	return class == SMAL_CLASSES ? alloc_large(thread, kind, bytes) : alloc_slot(thread, kind);
}

/* ---- What a pointer is ---- */

/* The buffer and kind of the object that begins at an address; NULL if none
 * does. */
static struct smal_buffer *object_buffer(const void *object)
{
	struct smal_buffer *buffer = smal_buffer_find((uintptr_t)object);

	if (buffer == NULL || smal_buffer_find_slot(buffer, (uintptr_t)object) != (uintptr_t)object ||
	    !smal_slot_is_object(smal_buffer_kind(buffer), buffer, (uintptr_t)object))
		return NULL;
	return buffer;
}

/* Tells the sink what a pointer is that should have been an object of gc. */
static enum smal_error fail_object(const struct smal_gc *gc, const void *pointer,
                                   const char *function)
{
	uintptr_t address = (uintptr_t)pointer, slot;
	const struct smal_buffer *buffer = smal_buffer_find(address);
	const char *name;

	if (buffer == NULL)
		return smal_fail(SMAL_ERROR_INVALID, function, "foreign pointer", pointer, "%s",
		                 "no address of libsmal's");
	name = smal_buffer_kind(buffer)->type->desc.name;
	if (gc != NULL && smal_buffer_kind(buffer)->type->gc != gc)
		return smal_fail(SMAL_ERROR_INVALID, function, "object of another collector",
		                 pointer, "of type %s", name);
	slot = smal_buffer_slot(buffer, address);
	if (slot != address)
		return smal_fail(SMAL_ERROR_INVALID, function, "interior pointer", pointer,
		                 "%zu bytes into a slot of type %s", (size_t)(address - slot), name);
	return smal_fail(SMAL_ERROR_INVALID, function, "double free or dead object", pointer,
	                 "a free slot of type %s", name);
}

/* Calls the free callback; meanwhile the object is one no more. */
static void call_free(struct smal_gc *gc, struct smal_kind *kind, struct smal_buffer *buffer,
                      uintptr_t slot)
{
	enum smal_activity activity = gc->activity;
	size_t bit = smal_buffer_bit(buffer, slot);

	gc->activity = SMAL_FREEING;
	smal_bit_set(smal_buffer_mask(buffer, 2), bit);
	kind->type->desc.free((void *)slot, kind->type->desc.user);
	smal_bit_clear(smal_buffer_mask(buffer, 2), bit);
	gc->activity = activity;
}

enum smal_error smal_free(struct smal_thread *public, void *object)
{
	enum smal_error error = smal_thread_check(public, SMAL_FREEING, __func__);
	struct smal_attached *thread = smal_attached(public);
	uintptr_t slot = (uintptr_t)object;
	struct smal_buffer *buffer;
	struct smal_kind *kind;
	struct smal_hole *hole;
	size_t bytes;

	if (error != SMAL_OK || object == NULL)
		return error;
	buffer = object_buffer(object);
	if (buffer == NULL || smal_buffer_kind(buffer)->type->gc != thread->gc)
		return fail_object(thread->gc, object, __func__);
	kind = smal_buffer_kind(buffer);
	bytes = smal_buffer_slot_bytes(buffer);
	if (kind->type->desc.free != NULL)
		call_free(thread->gc, kind, buffer, slot);
	smal_buffer_free_slots(buffer, slot, slot + (kind->stride.stride_bytes != 0 ? bytes : 16));
	kind->freed_slots++;
	if (thread->gc->tool_watches)
		smal_os_tool_forbid(object, bytes);
	if (kind->stride.stride_bytes == 0) {
		kind->freed_large_bytes += bytes;
		thread->gc->heap_bytes -= bytes;
		smal_stride_settle(buffer, true);
		return SMAL_OK;
	}
	hole = hole_of(thread, kind);
	if (hole->recent_count < SMAL_RECENT_SLOTS &&
	    !(hole->buffer == buffer && slot >= hole->next && slot < hole->limit))
		hole->recent[hole->recent_count++] = slot;
	if (buffer->state == SMAL_BUFFER_FULL)
		smal_stride_settle(buffer, false);
	return SMAL_OK;
}

size_t smal_size(const void *object)
{
	const struct smal_buffer *buffer = object_buffer(object);

	if (buffer == NULL) {
		fail_object(NULL, object, __func__);
		return 0;
	}
	return smal_buffer_slot_bytes(buffer);
}

struct smal_type *smal_type_of(const void *object)
{
	const struct smal_buffer *buffer = object_buffer(object);

	return buffer != NULL ? &smal_buffer_kind(buffer)->type->public : NULL;
}

void *smal_base(struct smal_thread *public, uintptr_t word)
{
	const struct smal_buffer *buffer;
	const struct smal_gc *gc;
	uintptr_t slot;

	if (smal_thread_check(public, SMAL_FREEING, __func__) != SMAL_OK)
		return NULL;
	gc = smal_attached(public)->gc;
	word &= ~gc->options.tag_mask;
	buffer = smal_buffer_find(word);
	if (buffer == NULL || smal_buffer_kind(buffer)->type->gc != gc)
		return NULL;
	slot = smal_buffer_find_slot(buffer, word);
	if (slot == 0 || !smal_slot_is_object(smal_buffer_kind(buffer), buffer, slot))
		return NULL;
	return (void *)slot;
}

/* ---- A new size where it stands ---- */

static enum smal_error resize_large(struct smal_gc *gc, struct smal_buffer *buffer, size_t bytes)
{
	struct smal_kind *kind = smal_buffer_kind(buffer);
	char *base = (void *)smal_buffer_base(buffer);
	size_t had = buffer->bytes;
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
		if (gc->tool_watches)
			smal_os_tool_allow(base + had, bytes - had);
		if (!zeroed)
			memset(base + had, 0, bytes - had);
	}
	kind->claimed_large_bytes = kind->claimed_large_bytes + bytes - had;
	gc->heap_bytes += bytes - had;
	gc->allocated_bytes += bytes > had ? bytes - had : 0;
	if (gc->heap_bytes > gc->stats.heap_peak_bytes)
		gc->stats.heap_peak_bytes = gc->heap_bytes;
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
	buffer = object_buffer(object);
	if (buffer == NULL || smal_buffer_kind(buffer)->type->gc != gc)
		return fail_object(gc, object, __func__);
	SMAL_REQUIRE(smal_buffer_kind(buffer)->type->desc.bytes == 0, SMAL_ERROR_INVALID,
	             "type has a fixed size", object, "of type %s",
	             smal_buffer_kind(buffer)->type->desc.name);
	if (smal_buffer_kind(buffer)->stride.stride_bytes == 0)
		return resize_large(gc, buffer, bytes);
	if (bytes > SIZE_MAX / 2)
		return SMAL_ERROR_TOO_LARGE;
	return bytes <= smal_buffer_slot_bytes(buffer) ? SMAL_OK : SMAL_ERROR_NO_MEMORY;
}
