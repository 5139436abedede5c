/* SPDX-License-Identifier: MIT */
/*
 * stats.c: counts, and a walk over all objects.
 *
 * Nothing is counted while a program allocates: what was allocated is what was
 * claimed less what lies ahead of the cursor.
 */
#include <smal/gc/gc.h>

#include <string.h>

static void add_kind(struct smal_stats *stats, const struct smal_kind *kind)
{
	uint64_t allocated = kind->claimed_slots - smal_kind_ahead(kind);
	uint64_t stride = kind->stride.stride_bytes;

	stats->allocated_objects += allocated;
	stats->freed_objects += kind->freed_slots;
	stats->live_objects += allocated - kind->freed_slots;
	stats->pending_objects += kind->pending_slots;
	stats->allocated_bytes += allocated * stride + kind->claimed_large_bytes;
	stats->freed_bytes += kind->freed_slots * stride + kind->freed_large_bytes;
	stats->live_bytes += (allocated - kind->freed_slots) * stride +
	                     kind->claimed_large_bytes - kind->freed_large_bytes;
	stats->heap_bytes += kind->stride.heap_bytes;
}

void smal_type_get_stats(struct smal_type *public, struct smal_stats *stats)
{
	const struct smal_owned_type *type = smal_owned(public);

	*stats = (struct smal_stats){ 0 };
	if (smal_gc_check(type->gc, __func__) != SMAL_OK)
		return;
	for (unsigned i = type->first_kind; i < type->first_kind + type->kind_count; i++)
		if (type->gc->kinds[i] != NULL)
			add_kind(stats, type->gc->kinds[i]);
}

void smal_gc_get_stats(struct smal_gc *gc, struct smal_gc_stats *stats)
{
	*stats = (struct smal_gc_stats){ 0 };
	if (smal_gc_check(gc, __func__) != SMAL_OK)
		return;
	*stats = gc->stats;
	/* What stands there are the objects of types that have ended. */
	stats->objects.freed_objects = stats->objects.allocated_objects;
	stats->objects.freed_bytes = stats->objects.allocated_bytes;
	SMAL_EACH_KIND(gc, kind)
		add_kind(&stats->objects, kind);
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
	add_space(stats, &smal_process.space);
	add_space(stats, &smal_process.books);
}

static int visit_buffer(const struct smal_kind *kind, const struct smal_buffer *buffer,
                        smal_visitor *visit, void *user)
{
	const smal_word *live = smal_buffer_live(buffer);
	size_t limit = (size_t)kind->stride.words << SMAL_WORD_LOG2;
	int result = 0;

	for (size_t bit = smal_bit_next(live, 0, limit); bit < limit && result == 0;
	     bit = smal_bit_next(live, bit + 1, limit)) {
		uintptr_t at = smal_buffer_base(buffer) + (bit << SMAL_GRANULE_LOG2);
		uintptr_t slot = smal_buffer_slot(buffer, at + SMAL_GRANULE - 1);

		if (smal_slot_is_object(kind, buffer, slot))
			result = visit((void *)slot, &kind->type->public,
			               smal_buffer_slot_bytes(buffer), user);
	}
	return result;
}

int smal_each_object(struct smal_thread *thread, smal_visitor *visit, void *user)
{
	struct smal_gc *gc;
	int result = 0;

	if (smal_thread_check(thread, SMAL_IDLE, __func__) != SMAL_OK)
		return -1;
	gc = smal_attached(thread)->gc;
	gc->activity = SMAL_COLLECTING;
	SMAL_EACH_KIND(gc, kind) {
		struct smal_link *lists[3] = { &kind->stride.claimed, &kind->stride.room,
			                       &kind->stride.filled };

		for (unsigned i = 0; i < 3 && result == 0; i++) {
			SMAL_LIST_EACH(link, lists[i]) {
				result = visit_buffer(kind,
				                      SMAL_CONTAINER(link, struct smal_buffer, link),
				                      visit, user);
				if (result != 0)
					break;
			}
		}
	}
	gc->activity = SMAL_IDLE;
	return result;
}
