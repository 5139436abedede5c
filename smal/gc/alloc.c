/* SPDX-License-Identifier: MIT */
/*
 * alloc.c: allocation where the inline path ends: parcels refilled, large objects.
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
 * 1 to 4 are window.c's.
 */
#include <smal/gc/window.h>
#include <smal/base/fail.h>

#include <string.h>

/* What a note's words are, but for its address. */
#define NOTE ((uintptr_t)0x6e6f7465)

/* Gives back what kinds have kept empty. Other threads may be making kinds. */
static void trim(struct smal_gc *gc)
{
	if (smal_atomic_load(&gc->empty_bytes) == 0)
		return;
	smal_os_lock_take(&gc->lock);
	smal_sweep_trim(gc);
	smal_os_lock_give(&gc->lock);
}

/* Adds a buffer to a kind within the limits; NULL leaves the reason. */
static struct smal_buffer *grow(struct smal_attached *thread, struct smal_kind *kind,
                                size_t bytes)
{
	struct smal_gc *gc = thread->gc;
	struct smal_buffer *buffer;

	if (!smal_pace_allows(gc, bytes))
		trim(gc);
	if (!smal_pace_allows(gc, bytes)) {
		thread->error = SMAL_ERROR_LIMIT;
		return NULL;
	}
	buffer = smal_stride_grow(&kind->stride, bytes);
	if (buffer == NULL) {
		trim(gc);
		buffer = smal_stride_grow(&kind->stride, bytes);
	}
	if (buffer == NULL) {
		thread->error = SMAL_ERROR_NO_MEMORY;
		return NULL;
	}
	if (gc->tool_watches)
		smal_os_tool_forbid((void *)smal_buffer_base(buffer), smal_buffer_bytes(buffer));
	/* Others may have given it back by now, and its place may be another one's. */
	smal_pace_heap(gc, bytes);
	return buffer;
}

/* A collection that allocation starts, or finds under way; not from a free
 * callback. The thread goes outside for it. */
static bool collect(struct smal_attached *thread)
{
	if (thread->activity != SMAL_IDLE || smal_atomic_load_relaxed_u32(&thread->gc->manual) != 0)
		return false;
	smal_gc_end(thread);
	smal_collect_now(thread, false);
	smal_gc_begin(thread);
	return true;
}

static void torture(struct smal_attached *thread)
{
	if (thread->gc->torture != 0 && --thread->torture_left == 0) {
		thread->torture_left = thread->gc->torture;
		collect(thread);
	}
}

struct smal_hole *smal_hole_of(struct smal_attached *thread, struct smal_kind *kind)
{
	struct smal_hole *hole = &thread->holes[kind->index];

	if (hole->kind == NULL) {
		hole->kind = kind;
		smal_link_insert(&thread->active, &hole->link);
	}
	return hole;
}

/* True if the note that this thread left is of a callback that is still running, so
 * that this allocation is one of its own: it stands on the same stack above us, and
 * no word of it has changed. After a longjmp others have used that stack. */
static bool is_asking(const struct smal_attached *thread, uintptr_t here)
{
	const struct smal_fiber *fiber = thread->current;
	uintptr_t note = thread->shortage_note;
	bool whole = note > here && thread->shortage_fiber == fiber &&
	             note + SMAL_NOTE_WORDS * sizeof(uintptr_t) <= fiber->limit;
	uintptr_t words[SMAL_NOTE_WORDS];

	if (!whole)
		return false;
	/* Whatever it is by now: no tool shall mind. */
	smal_os_copy_words(words, (const uintptr_t *)note, SMAL_NOTE_WORDS);
	if (thread->gc->tool_watches)
		smal_os_tool_allow(words, sizeof words);
	for (unsigned i = 0; i < SMAL_NOTE_WORDS && whole; i++)
		whole = words[i] == (note ^ NOTE);
	return whole;
}

/* Has the program find memory, or raise, for an allocation that would fail. True:
 * it shall be tried again. It is called outside, and may leave by longjmp. */
static bool ask_program(struct smal_attached *thread, size_t bytes)
{
	smal_shortage_function *shortage = thread->gc->shortage;
	volatile uintptr_t note[SMAL_NOTE_WORDS];
	void *held[SMAL_HELD_WORDS];
	enum smal_shortage answer;

	if (shortage == NULL || thread->activity != SMAL_IDLE ||
	    is_asking(thread, (uintptr_t)__builtin_frame_address(0)))
		return false;
	for (unsigned i = 0; i < SMAL_NOTE_WORDS; i++)
		note[i] = (uintptr_t)note ^ NOTE;
	thread->shortage_note = (uintptr_t)note;
	thread->shortage_fiber = thread->current;
	/* What the callback allocates may need the place. */
	memcpy(held, thread->held, sizeof held);
	smal_gc_end(thread);
	answer = shortage(&thread->public, bytes, thread->error, thread->gc->shortage_user);
	smal_gc_begin(thread);
	memcpy(thread->held, held, sizeof held);
	thread->shortage_note = 0;
	return answer == SMAL_SHORTAGE_RETRY;
}

/* Where a buffer would take the heap beyond its target, what kinds have kept empty goes
 * back first: those that need a buffer have it then. Not where a tool watches: what
 * it is told of a new buffer might then be of another one's. */
static bool wants_collection(struct smal_attached *thread, size_t bytes)
{
	if (smal_pace_is_beyond(thread->gc, bytes) && !thread->gc->tool_watches)
		trim(thread->gc);
	return smal_pace_wants_collection(thread->gc, bytes);
}

/* Steps 1 to 6: another thread may be faster to claim what this one has added. */
static bool refill_or_grow(struct smal_attached *thread, struct smal_hole *hole, size_t bytes)
{
	do {
		if (smal_window_refill(thread, hole))
			return true;
	} while (grow(thread, hole->kind, bytes) != NULL);
	return false;
}

/* Steps 1 to 7; false leaves the reason. */
static bool provide(struct smal_attached *thread, struct smal_hole *hole)
{
	struct smal_kind *kind = hole->kind;
	size_t bytes = kind->stride.buffer_bytes;
	enum smal_error error = thread->error;

	do {
		/* A collection gives holes up: it is looked for anew each time. */
		bool collected = false;
		bool done = smal_window_refill(thread, smal_hole_of(thread, kind));

		if (!done && wants_collection(thread, bytes))
			collected = collect(thread);
		done = done || refill_or_grow(thread, smal_hole_of(thread, kind), bytes);
		if (!done && !collected && collect(thread))
			done = refill_or_grow(thread, smal_hole_of(thread, kind), bytes);
		/* What failed on the way is no failure. */
		if (done)
			thread->error = error;
		if (done)
			return true;
	} while (ask_program(thread, kind->stride.stride_bytes));
	return false;
}

static void *alloc_slot(struct smal_attached *thread, struct smal_kind *kind)
{
	struct smal_parcel *parcel = smal_parcel_of(thread, kind);
	struct smal_hole *hole = &thread->holes[kind->index];
	bool is_simple = hole->buffer != NULL && hole->next >= hole->limit &&
	                 hole->recent_count == 0 && !thread->gc->tool_watches &&
	                 thread->gc->torture == 0;
	uintptr_t object;

	if (!(is_simple && smal_window_near(thread, hole)) &&
	    !provide(thread, smal_hole_of(thread, kind)))
		return NULL;
	object = parcel->cursor;
	smal_atomic_store_relaxed((volatile AO_t *)&parcel->cursor,
	                          object + kind->stride.stride_bytes);
	return (void *)object;
}

/* A buffer for a large object: within the pace, after a collection of need, after
 * the program was asked. */
static struct smal_buffer *provide_large(struct smal_attached *thread, struct smal_kind *kind,
                                         size_t bytes)
{
	enum smal_error error = thread->error;
	struct smal_buffer *buffer;

	do {
		bool collected = wants_collection(thread, bytes) && collect(thread);

		buffer = grow(thread, kind, bytes);
		if (buffer == NULL && !collected && collect(thread))
			buffer = grow(thread, kind, bytes);
	} while (buffer == NULL && ask_program(thread, bytes));
	if (buffer != NULL)
		thread->error = error;
	return buffer;
}

static void *alloc_large(struct smal_attached *thread, struct smal_kind *kind, size_t bytes)
{
	struct smal_buffer *buffer;
	struct smal_hole *hole;
	uintptr_t base;

	if (bytes > SIZE_MAX / 2) {
		thread->error = SMAL_ERROR_TOO_LARGE;
		return NULL;
	}
	bytes = smal_round_up(bytes, SMAL_CHUNK);
	buffer = provide_large(thread, kind, bytes);
	if (buffer == NULL)
		return NULL;
	hole = smal_hole_of(thread, kind);
	base = smal_buffer_base(buffer);
	if (thread->gc->tool_watches)
		smal_window_tell_tool(kind, base, base + bytes);
	if (buffer->dirty_granules != 0 && kind->zeroed)
		memset((void *)base, 0, bytes);
	smal_buffer_claim_slots(buffer, base, base + SMAL_GRANULE, true);
	smal_stride_settle(buffer, false);
	hole->counts.claimed_slots++;
	hole->counts.claimed_large_bytes += bytes;
	smal_pace_allocated(thread, bytes);
	return (void *)base;
}

/* The error of a type that is none of the thread's, or has another size. */
static SMAL_NOINLINE enum smal_error type_refuse(const struct smal_type *public_type, bool variable,
                                                 const char *function)
{
	const struct smal_owned_type *type = smal_owned(public_type);

	if (public_type == NULL || type->magic != SMAL_MAGIC_TYPE)
		return smal_fail(SMAL_ERROR_INVALID, function, "not a type", public_type, "%s",
		                 public_type != NULL && type->magic == SMAL_MAGIC_GONE
		                         ? "a type that has ended"
		                         : "");
	if ((type->desc.bytes == 0) == variable)
		return smal_fail(SMAL_ERROR_INVALID, function, "type of another collector",
		                 public_type, "type %s", type->desc.name);
	return smal_fail(SMAL_ERROR_INVALID, function,
	                 variable ? "type has a fixed size" : "type has no fixed size", public_type,
	                 "type %s", type->desc.name);
}

/* What both slow paths ask first. */
static inline enum smal_error alloc_check(struct smal_thread *public,
                                          const struct smal_type *public_type, bool variable,
                                          const char *function)
{
	const struct smal_owned_type *type = smal_owned(public_type);
	enum smal_error error = smal_thread_check(public, SMAL_FREEING, function);

	if (error == SMAL_OK &&
	    SMAL_UNLIKELY(public_type == NULL || type->magic != SMAL_MAGIC_TYPE ||
	                  type->gc != smal_attached(public)->gc ||
	                  (type->desc.bytes == 0) != variable))
		return type_refuse(public_type, variable, function);
	return error;
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
	void *object;

	if (error != SMAL_OK)
		return refuse(public, error);
	smal_gc_begin(thread);
	torture(thread);
	kind = thread->gc->kinds[smal_owned(public_type)->first_kind];
	if (kind->stride.stride_bytes == 0)
		object = alloc_large(thread, kind, smal_owned(public_type)->desc.bytes);
	else
		object = alloc_slot(thread, kind);
	smal_gc_end(thread);
	return object;
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
	void *object;

	if (error != SMAL_OK)
		return refuse(public, error);
	smal_gc_begin(thread);
	torture(thread);
	class = bytes > SMAL_LARGE_BYTES ? SMAL_CLASSES
	                                 : class_for(bytes != 0 ? bytes : 1, type->desc.alignment);
	kind = smal_kind_get(type, class);
	if (kind == NULL)
		object = refuse(public, SMAL_ERROR_NO_MEMORY);
	else if (class == SMAL_CLASSES)
		object = alloc_large(thread, kind, bytes);
	else
		object = alloc_slot(thread, kind);
	smal_gc_end(thread);
	return object;
}
