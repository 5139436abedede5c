/* SPDX-License-Identifier: MIT */
/*
 * stats.c: counts, and a walk over all objects.
 *
 * Nothing is counted while a program allocates: what was allocated is what was
 * claimed less what lies ahead of the cursor.
 */
#include <smal/gc/world.h>

#include <string.h>

/* The world is stopped, and the holes' counts have been added to their kinds'. */
static void add_kind(struct smal_stats *stats, const struct smal_kind *kind)
{
	const struct smal_counts *counts = &kind->counts;
	uint64_t allocated = counts->claimed_slots - smal_kind_ahead(kind);
	uint64_t stride = kind->stride.stride_bytes;

	stats->allocated_objects += allocated;
	stats->freed_objects += counts->freed_slots;
	stats->live_objects += allocated - counts->freed_slots;
	stats->pending_objects += kind->pending_slots;
	stats->allocated_bytes += allocated * stride + counts->claimed_large_bytes;
	stats->freed_bytes += counts->freed_slots * stride + counts->freed_large_bytes;
	stats->live_bytes += (allocated - counts->freed_slots) * stride +
	                     counts->claimed_large_bytes - counts->freed_large_bytes;
	stats->heap_bytes += kind->stride.heap_bytes;
}

struct count {
	const struct smal_owned_type *type;
	struct smal_stats *stats;
	struct smal_gc_stats *gc_stats;
};

static void count(struct smal_gc *gc, uintptr_t low, void *argument)
{
	const struct count *count = argument;

	(void)low;
	SMAL_EACH_THREAD(gc, thread)
		smal_thread_retract(thread);
	if (count->gc_stats != NULL) {
		*count->gc_stats = gc->stats;
		count->gc_stats->heap_peak_bytes = gc->heap_peak_bytes;
		/* What stands there are the objects of types that have ended. */
		count->stats->freed_objects = count->stats->allocated_objects;
		count->stats->freed_bytes = count->stats->allocated_bytes;
	}
	SMAL_EACH_KIND(gc, kind)
		if (count->type == NULL || kind->type == count->type)
			add_kind(count->stats, kind);
	SMAL_EACH_THREAD(gc, thread)
		smal_thread_restore(thread);
}

void smal_type_get_stats(struct smal_type *public, struct smal_stats *stats)
{
	struct count what = { .type = smal_owned(public), .stats = stats };

	*stats = (struct smal_stats){ 0 };
	if (smal_gc_check(what.type->gc, __func__) == SMAL_OK)
		smal_world_run(what.type->gc, count, &what);
}

void smal_gc_get_stats(struct smal_gc *gc, struct smal_gc_stats *stats)
{
	struct count what = { .stats = &stats->objects, .gc_stats = stats };

	*stats = (struct smal_gc_stats){ 0 };
	if (smal_gc_check(gc, __func__) == SMAL_OK)
		smal_world_run(gc, count, &what);
}

static void add_space(struct smal_space_stats *stats, volatile AO_t *place)
{
	struct smal_space *space = smal_atomic_load_pointer(place);
	struct smal_space_counts counts;

	if (space == NULL)
		return;
	smal_space_get_counts(space, &counts);
	stats->reserved_bytes += counts.reserved_bytes;
	stats->mappings += counts.mappings;
	stats->committed_bytes += counts.committed_bytes;
	stats->used_bytes += counts.used_bytes;
	stats->free_bytes += counts.free_bytes;
	stats->dirty_bytes += counts.dirty_bytes;
	stats->metadata_bytes += counts.metadata_bytes;
}

void smal_get_space_stats(struct smal_space_stats *stats)
{
	*stats = (struct smal_space_stats){ .os_failures = smal_os_failures() };
	smal_begin_all();
	add_space(stats, &smal_process.space);
	add_space(stats, &smal_process.books);
	smal_end_all();
}

/* ---- All objects ---- */

/* The next object at or after an address, by mask words; 0: there is none in the
 * buffer. */
static uintptr_t next_object(const struct smal_kind *kind, const struct smal_buffer *buffer,
                             uintptr_t from)
{
	const smal_word *live = smal_buffer_live(buffer);
	size_t limit = (size_t)kind->stride.words << SMAL_WORD_LOG2;

	if (from - smal_buffer_base(buffer) >= smal_buffer_bytes(buffer))
		return 0;
	for (size_t bit = smal_bit_next(live, smal_buffer_bit(buffer, from), limit); bit < limit;
	     bit = smal_bit_next(live, bit + 1, limit)) {
		uintptr_t at = smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);
		uintptr_t slot = smal_buffer_slot(buffer, at + SMAL_GRANULE - 1);

		if (slot >= from && smal_slot_is_object(kind, buffer, slot))
			return slot;
	}
	return 0;
}

/* Where a walk over all objects is: nothing but an address, so that whatever
 * happens between two objects, it goes on. */
struct walk {
	struct smal_attached *thread;
	/* The last buffer, and the first address that has not been looked at. */
	uintptr_t buffer, from;
	/* The object. */
	void *object;
	struct smal_type *type;
	size_t bytes;
};

static bool walk_next(struct walk *walk)
{
	struct smal_gc *gc = walk->thread->gc;
	struct smal_buffer *buffer;
	uintptr_t slot = 0;

	smal_gc_begin(walk->thread);
	buffer = walk->buffer != 0 ? smal_buffer_find(walk->buffer) : NULL;
	for (;;) {
		struct smal_stride *stride =
			buffer != NULL ? smal_atomic_load_pointer((volatile AO_t *)&buffer->stride)
			               : NULL;

		if (stride != NULL && stride->owner == gc->owner)
			slot = next_object(SMAL_CONTAINER(stride, struct smal_kind, stride), buffer,
			                   walk->from);
		if (slot != 0)
			break;
		buffer = smal_stride_next_buffer(gc->space, gc->owner, walk->buffer);
		if (buffer == NULL)
			break;
		walk->buffer = walk->from = smal_buffer_base(buffer);
	}
	if (slot != 0) {
		walk->object = (void *)slot;
		walk->type = &smal_buffer_kind(buffer)->type->public;
		walk->bytes = smal_buffer_slot_bytes(buffer);
		walk->from = slot + walk->bytes;
	}
	smal_gc_end(walk->thread);
	return slot != 0;
}

int smal_each_object(struct smal_thread *thread, smal_visitor *visit, void *user)
{
	struct walk walk = { .thread = smal_attached(thread) };
	int result = 0;

	if (smal_thread_check(thread, SMAL_IDLE, __func__) != SMAL_OK)
		return -1;
	while (result == 0 && walk_next(&walk))
		result = visit(walk.object, walk.type, walk.bytes, user);
	return result;
}
