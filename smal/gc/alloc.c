/* SPDX-License-Identifier: MIT */
/*
 * alloc.c: refilling parcels, and large objects.
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
 * A window is zeroed as it is opened, 16 KiB ahead at most, which also brings it
 * into the cache; memory that was never used is not zeroed again, and that of types
 * that don't want it is not at all. Where a tool watches or torture counts
 * allocations, a window is one slot.
 */
#include <smal/gc/world.h>
#include <smal/base/fail.h>

#include <string.h>

/* What is zeroed without a call. */
enum { SMALL_BYTES = 64 };

/* What a note's words are, but for its address. */
#define NOTE ((uintptr_t)0x6e6f7465)

static struct smal_parcel *parcel_of(struct smal_attached *thread, const struct smal_kind *kind)
{
	return &thread->parcels[kind->index];
}

/* No other thread gives slots of this one's buffers back. */
static inline bool is_alone(const struct smal_attached *thread)
{
	return smal_atomic_load_relaxed_u32(&thread->gc->sharing) == SMAL_ALONE;
}

/* New objects may be touched. */
static void tell_tool(const struct smal_kind *kind, uintptr_t base, uintptr_t limit)
{
	smal_os_tool_allow((void *)base, limit - base);
	if (!kind->zeroed)
		smal_os_tool_undefine((void *)base, limit - base);
}

/* In a heap full of holes, most have one small slot. */
static inline void zero(uintptr_t base, uintptr_t limit)
{
	if (limit - base > SMALL_BYTES)
		memset((void *)base, 0, limit - base);
	else
		for (; base < limit; base += sizeof(uint64_t))
			*(uint64_t *)base = 0;
}

/* Makes [base, limit), whose live bits have been set, the parcel's window. */
static inline void open_window(struct smal_attached *thread, struct smal_hole *hole,
                        struct smal_buffer *buffer, uintptr_t base, uintptr_t limit,
                        uint32_t slots)
{
	struct smal_parcel *parcel = parcel_of(thread, hole->kind);
	uintptr_t start = smal_buffer_base(buffer);
	uint32_t end = (uint32_t)((limit - start + SMAL_GRANULE - 1) >> SMAL_GRANULE_LOG2);
	uintptr_t dirty = start + ((uintptr_t)buffer->dirty_granules << SMAL_GRANULE_LOG2);

	if (thread->gc->tool_watches)
		tell_tool(hole->kind, base, limit);
	if (base < dirty && hole->kind->zeroed)
		zero(base, smal_min(limit, dirty));
	if (end > buffer->dirty_granules)
		buffer->dirty_granules = end;
	hole->counts.claimed_slots += slots;
	hole->window_buffer = buffer;
	smal_hole_set_window(hole, parcel, base, limit);
	parcel->limit = limit;
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
	smal_pace_allocated(thread, hole->next - base);
	open_window(thread, hole, hole->buffer, base, hole->next,
	            smal_buffer_claim_slots(hole->buffer, base, hole->next, is_alone(thread)));
}

/* The next hole of a claimed buffer, if it is one slot with another behind it, whose bits
 * are in one word: most are, in a heap full of holes. Anything else is left as it is. */
static SMAL_ALWAYS_INLINE bool next_single(struct smal_attached *thread, struct smal_hole *hole)
{
	const struct smal_stride *stride = &hole->kind->stride;
	struct smal_buffer *buffer = hole->buffer;
	uintptr_t start = smal_buffer_base(buffer), slot;
	size_t bit = (hole->limit - start) >> SMAL_GRANULE_LOG2, w = bit >> SMAL_WORD_LOG2;
	size_t granules = stride->stride_bytes >> SMAL_GRANULE_LOG2;
	smal_word *live = smal_buffer_live(buffer), word, free;

	if (w >= stride->words || stride->stride_bytes % SMAL_GRANULE != 0)
		return false;
	word = smal_word_load(&live[w]);
	free = stride->full[w] & ~word & ~(smal_word)0 << bit % SMAL_WORD_BITS;
	if (free == 0)
		return false;
	bit = smal_word_lowest(free);
	if (bit + granules >= SMAL_WORD_BITS || (word >> (bit + granules) & 1) == 0)
		return false;
	slot = start + (((w << SMAL_WORD_LOG2) + bit) << SMAL_GRANULE_LOG2);
	if (SMAL_LIKELY(is_alone(thread)))
		smal_word_store(&live[w], word | (smal_word)1 << bit);
	else
		smal_word_or(&live[w], (smal_word)1 << bit);
	hole->next = hole->limit = slot + stride->stride_bytes;
	smal_pace_allocated(thread, stride->stride_bytes);
	open_window(thread, hole, buffer, slot, hole->limit, 1);
	return true;
}

/* Steps 1 to 4; false if every buffer of the kind is full. */
static bool refill(struct smal_attached *thread, struct smal_hole *hole)
{
	struct smal_kind *kind = hole->kind;
	struct smal_buffer *buffer;
	uintptr_t base, limit;

	while (hole->recent_count > 0) {
		base = hole->recent[--hole->recent_count];
		buffer = smal_stride_retake(&kind->stride, base, hole);
		if (buffer == NULL)
			continue;
		open_window(thread, hole, buffer, base, base + kind->stride.stride_bytes, 1);
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
		hole->buffer = smal_stride_claim(&kind->stride, hole);
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

	if (!smal_pace_allows(gc, bytes))
		smal_sweep_trim(gc);
	if (!smal_pace_allows(gc, bytes)) {
		thread->error = SMAL_ERROR_LIMIT;
		return NULL;
	}
	buffer = smal_stride_grow(&kind->stride, bytes);
	if (buffer == NULL) {
		smal_sweep_trim(gc);
		buffer = smal_stride_grow(&kind->stride, bytes);
	}
	if (buffer == NULL) {
		thread->error = SMAL_ERROR_NO_MEMORY;
		return NULL;
	}
	if (gc->tool_watches)
		smal_os_tool_forbid((void *)smal_buffer_base(buffer), smal_buffer_bytes(buffer));
	smal_pace_heap(gc, smal_buffer_bytes(buffer));
	return buffer;
}

/* A collection that allocation starts, or finds under way; not from a free
 * callback. The thread goes outside for it. */
static bool collect(struct smal_attached *thread)
{
	if (thread->activity != SMAL_IDLE)
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

/* Steps 1 to 6: another thread may be faster to claim what this one has added. */
static bool refill_or_grow(struct smal_attached *thread, struct smal_hole *hole, size_t bytes)
{
	do {
		if (refill(thread, hole))
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
		bool collected = false, done = refill(thread, hole);

		if (!done && smal_pace_wants_collection(thread->gc, bytes))
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
	struct smal_parcel *parcel = parcel_of(thread, kind);
	struct smal_hole *hole = &thread->holes[kind->index];
	bool is_simple = hole->buffer != NULL && hole->next >= hole->limit && hole->recent_count == 0;
	uintptr_t object;

	if (!(is_simple && next_single(thread, hole)) && !provide(thread, smal_hole_of(thread, kind)))
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
		bool collected = smal_pace_wants_collection(thread->gc, bytes) && collect(thread);

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
		tell_tool(kind, base, base + bytes);
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
static SMAL_NOINLINE enum smal_error type_refuse(const struct smal_type *public_type,
                                                 bool variable, const char *function)
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
