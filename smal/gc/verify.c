/* SPDX-License-Identifier: MIT */
/*
 * verify.c: the collector looks at itself: its invariants (G1 to G7, gc.h), and
 * a second opinion on what is reachable.
 *
 * The second marker shares no fast path with the first: it finds the object
 * that a word refers to by a binary search over a sorted list of buffers and a
 * division, remembers objects in a hash set, and keeps those it has yet to scan
 * in the order of the set. What both found must be the same.
 */
#include <smal/gc/mark.h>

#include <string.h>

/* ---- Invariants ---- */

static const char *check_buffer(const struct smal_gc *gc, const struct smal_kind *kind,
                                const struct smal_buffer *buffer, uint64_t *live_slots)
{
	const smal_word *live = smal_buffer_mask(buffer, gc->live);
	const smal_word *mark = smal_buffer_mask(buffer, gc->live ^ 1);
	const smal_word *pending = kind->stride.masks > 2 ? smal_buffer_mask(buffer, 2) : NULL;

	for (size_t w = 0; w < kind->stride.words; w++) {
		if (mark[w] != 0)
			return "gc G2: a mark bit is set between collections";
		if (pending != NULL && (pending[w] & ~live[w]) != 0)
			return "gc G3: a pending bit is set where no live bit is";
		*live_slots += smal_word_count(live[w]);
	}
	return NULL;
}

/* True if [base, limit) is slots of a buffer of the kind, all live or all free. */
static bool slots_are(const struct smal_kind *kind, uintptr_t base, uintptr_t limit, bool are_live)
{
	const struct smal_buffer *buffer = smal_buffer_find(base);
	size_t bytes = kind->stride.stride_bytes;

	if (buffer == NULL || buffer->stride != &kind->stride ||
	    limit - smal_buffer_base(buffer) > kind->stride.slots * bytes)
		return false;
	for (uintptr_t slot = base; slot < limit; slot += bytes)
		if (smal_buffer_slot(buffer, slot) != slot || slot + bytes > limit ||
		    smal_bit_get(smal_buffer_live(buffer), smal_buffer_bit(buffer, slot)) != are_live)
			return false;
	return true;
}

static const char *check_hole(const struct smal_attached *thread, const struct smal_hole *hole)
{
	const struct smal_parcel *parcel = &thread->public.parcels[hole->kind->index];

	if (parcel->limit != 0 && parcel->limit != hole->window_limit)
		return "gc G1: a parcel does not end where its window does";
	if (parcel->cursor > hole->window_limit ||
	    (parcel->cursor < hole->window_limit &&
	     !slots_are(hole->kind, parcel->cursor, hole->window_limit, true)))
		return "gc G1: what is ahead of a cursor is not live slots";
	if (hole->next > hole->limit)
		return "gc G5: a hole ends before it begins";
	if (hole->buffer != NULL && (hole->buffer->state != SMAL_BUFFER_CLAIMED ||
	                             hole->buffer->stride != &hole->kind->stride))
		return "gc G5: a hole's buffer is not claimed";
	if (hole->next < hole->limit &&
	    (hole->buffer == NULL || smal_buffer_find(hole->next) != hole->buffer))
		return "gc G5: a hole outside of its buffer";
	if (hole->next < hole->limit && !slots_are(hole->kind, hole->next, hole->limit, false))
		return "gc G5: a slot inside a hole is not free";
	if (hole->recent_count > SMAL_RECENT_SLOTS)
		return "gc G5: more slots were freed last than are kept";
	for (unsigned i = 0; i < hole->recent_count; i++)
		if (!slots_are(hole->kind, hole->recent[i],
		               hole->recent[i] + hole->kind->stride.stride_bytes, false))
			return "gc G5: a slot that was freed last is not free";
	return NULL;
}

/* Active holes, and the parcels of those that are not. */
static const char *check_thread(const struct smal_gc *gc, const struct smal_attached *thread)
{
	const char *why = NULL;
	unsigned active = 0;

	SMAL_LIST_EACH(link, &thread->active) {
		const struct smal_hole *hole = SMAL_CONTAINER(link, struct smal_hole, link);

		active++;
		if (hole->kind == NULL || hole != &thread->holes[hole->kind->index])
			return "gc G5: a hole is not its kind's";
		why = check_hole(thread, hole);
		if (why != NULL)
			return why;
	}
	for (unsigned i = 0; i < gc->kinds_top; i++) {
		const struct smal_parcel *parcel = &thread->public.parcels[i];

		if (thread->holes[i].kind != NULL)
			active--;
		else if (parcel->limit != 0 || parcel->cursor != (i == 0))
			return "gc G1: a parcel without a hole";
	}
	return active == 0 ? NULL : "gc G5: a hole is not among the active ones";
}

static const char *check_kind(const struct smal_gc *gc, const struct smal_kind *kind)
{
	const struct smal_link *lists[3] = { &kind->stride.room, &kind->stride.filled,
		                             &kind->stride.claimed };
	uint64_t live = 0, pending = 0;

	for (unsigned i = 0; i < 3; i++) {
		SMAL_LIST_EACH(link, lists[i]) {
			const struct smal_buffer *buffer =
				SMAL_CONTAINER(link, struct smal_buffer, link);
			const char *why = check_buffer(gc, kind, buffer, &live);

			if (why != NULL)
				return why;
			for (size_t w = 0; w < kind->stride.words && kind->stride.masks > 2; w++)
				pending += smal_word_count(smal_buffer_mask(buffer, 2)[w]);
		}
	}
	if (live != kind->claimed_slots - kind->freed_slots)
		return "gc G4: live bits are not what was allocated and not freed";
	if (pending != kind->pending_slots)
		return "gc G4: pending bits are not what was counted";
	if (kind->stride.stride_bytes == 0 &&
	    kind->stride.heap_bytes != kind->claimed_large_bytes - kind->freed_large_bytes)
		return "gc G4: large objects have other bytes than were counted";
	return NULL;
}

static const char *check_number(const struct smal_gc *gc, const struct smal_kind *kind,
                                unsigned index)
{
	const struct smal_owned_type *type = kind->type;

	if (kind->index != index || kind->stride.class != index || kind->stride.owner != gc->owner ||
	    gc->scans[index].slot_bytes != kind->stride.stride_bytes)
		return "gc G7: a kind has another number";
	if (type->magic != SMAL_MAGIC_TYPE || type->gc != gc ||
	    index - type->first_kind >= type->kind_count)
		return "gc G7: a kind is not its type's";
	if (kind->stride.live != gc->live)
		return "gc G1: a kind takes the other mask for the live one";
	return NULL;
}

static const char *check_sums(const struct smal_gc *gc)
{
	uint64_t heap_bytes = 0, pending = 0;

	SMAL_EACH_KIND(gc, kind) {
		heap_bytes += kind->stride.heap_bytes;
		pending += kind->pending_slots;
	}
	if (heap_bytes != gc->heap_bytes)
		return "gc G6: heap_bytes is not the sum of the kinds'";
	if (gc->stats.heap_peak_bytes < heap_bytes)
		return "gc G6: the peak is below what the heap has";
	if (gc->frees_pending != (pending != 0))
		return "gc G6: whether callbacks are pending is not known";
	return NULL;
}

const char *smal_verify(struct smal_gc *gc)
{
	const char *why = gc->magic == SMAL_MAGIC_GC ? NULL : "gc: bad magic";

	if (why == NULL)
		why = smal_space_check(gc->space);
	if (why == NULL)
		why = smal_space_check(gc->books);
	SMAL_EACH_KIND(gc, kind) {
		if (why == NULL)
			why = check_number(gc, kind, kind_index);
		if (why == NULL)
			why = smal_stride_check(&kind->stride);
	}
	if (why == NULL && gc->thread != NULL)
		why = check_thread(gc, gc->thread);
	SMAL_EACH_KIND(gc, kind)
		if (why == NULL)
			why = check_kind(gc, kind);
	return why != NULL ? why : check_sums(gc);
}

/* ---- The second opinion ---- */

struct second {
	struct smal_gc *gc;
	/* The collector's buffers, by address. */
	const struct smal_buffer **buffers;
	size_t buffer_count;
	/* Objects found, in the order they were found, and a hash set of them. */
	uintptr_t *found, *set;
	size_t found_count, set_slots;
};

static const struct smal_buffer *second_buffer(const struct second *second, uintptr_t address)
{
	size_t low = 0, high = second->buffer_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct smal_buffer *buffer = second->buffers[middle];
		uintptr_t base = smal_buffer_base(buffer);

		if (address < base)
			high = middle;
		else if (address >= base + buffer->bytes)
			low = middle + 1;
		else
			return buffer;
	}
	return NULL;
}

/* The object that an address points to or into, or 0; by division. */
static uintptr_t second_object(const struct second *second, uintptr_t address, bool interior)
{
	const struct smal_buffer *buffer = second_buffer(second, address);
	uintptr_t base, slot;
	size_t bytes, bit;

	if (buffer == NULL)
		return 0;
	base = smal_buffer_base(buffer);
	bytes = smal_buffer_slot_bytes(buffer);
	slot = base + (address - base) / bytes * bytes;
	if (slot + bytes > base + buffer->bytes)
		return 0;
	bit = (slot - base) / SMAL_GRANULE;
	if (slot != address && !interior &&
	    (smal_buffer_kind(buffer)->type->desc.flags & SMAL_TYPE_INTERIOR) == 0)
		return 0;
	if (!smal_bit_get(smal_buffer_mask(buffer, second->gc->live), bit) ||
	    (buffer->stride->masks > 2 && smal_bit_get(smal_buffer_mask(buffer, 2), bit)))
		return 0;
	return slot;
}

static void second_find(struct second *second, uintptr_t address, bool interior)
{
	uintptr_t object = second_object(second, address, interior);
	size_t at;

	if (object == 0)
		return;
	at = (object >> SMAL_GRANULE_LOG2) * (size_t)0x9e3779b1u % second->set_slots;
	while (second->set[at] != 0) {
		if (second->set[at] == object)
			return;
		at = (at + 1) % second->set_slots;
	}
	second->set[at] = object;
	second->found[second->found_count++] = object;
}

static void second_visit(struct smal_marker *marker, uintptr_t address, enum smal_source source)
{
	struct second *second = marker->visitor;
	const struct smal_buffer *buffer;
	uintptr_t object;

	if (source != SMAL_FROM_ROOT_END) {
		second_find(second, address, source == SMAL_FROM_ROOT);
		return;
	}
	object = second_object(second, address - 1, true);
	if (object == 0)
		return;
	buffer = second_buffer(second, object);
	if (object + smal_buffer_slot_bytes(buffer) == address &&
	    (smal_buffer_kind(buffer)->type->desc.bytes == 0 ||
	     smal_buffer_slot_bytes(buffer) > SMAL_COMPACT_BYTES ||
	     second_object(second, address, true) != address))
		second_find(second, object, true);
}

static void second_scan(struct second *second, struct smal_marker *marker, uintptr_t object)
{
	const struct smal_buffer *buffer = second_buffer(second, object);
	const struct smal_kind *kind = smal_buffer_kind(buffer);
	const struct smal_type_desc *desc = &kind->type->desc;
	const uintptr_t *words = (const uintptr_t *)object;
	size_t count = smal_buffer_slot_bytes(buffer) / sizeof(uintptr_t);
	struct smal_scan layout = { .words = (uint32_t)desc->layout.words,
		                    .repeat_words = (uint32_t)desc->layout.repeat_words,
		                    .as.layout = desc->layout.bits };

	switch (desc->marking) {
	case SMAL_MARK_NOTHING:
		break;
	case SMAL_MARK_CALLBACK:
		second_find(second, (uintptr_t)desc->mark(marker, (void *)object) & marker->view.keep,
		            false);
		break;
	case SMAL_MARK_LAYOUT:
	case SMAL_MARK_CONSERVATIVE:
		for (size_t i = 0; i < count; i++)
			if (desc->marking == SMAL_MARK_CONSERVATIVE || smal_layout_has(&layout, i))
				second_find(second, words[i] & marker->view.keep, false);
		break;
	}
}

/* Insertion by address keeps this simple; buffers of a kind come nearly sorted. */
static void collect_buffers(struct second *second, struct smal_link *list)
{
	SMAL_LIST_EACH(link, list) {
		const struct smal_buffer *buffer = SMAL_CONTAINER(link, struct smal_buffer, link);

		second->buffers[second->buffer_count++] = buffer;
	}
}

static void sort_buffers(const struct smal_buffer **buffers, size_t count)
{
	/* Shell's sort: short, and fast enough for a check. */
	for (size_t gap = count / 2; gap > 0; gap /= 2) {
		for (size_t i = gap; i < count; i++) {
			const struct smal_buffer *buffer = buffers[i];
			size_t j = i;

			for (; j >= gap && smal_buffer_base(buffers[j - gap]) > smal_buffer_base(buffer);
			     j -= gap)
				buffers[j] = buffers[j - gap];
			buffers[j] = buffer;
		}
	}
}

/* Compares with the mark masks. */
static const char *compare(const struct second *second)
{
	size_t marked = 0;

	for (size_t i = 0; i < second->buffer_count; i++) {
		const struct smal_buffer *buffer = second->buffers[i];
		const smal_word *mark = smal_buffer_mask(buffer, second->gc->live ^ 1);

		for (size_t w = 0; w < buffer->stride->words; w++)
			marked += smal_word_count(mark[w]);
	}
	for (size_t i = 0; i < second->found_count; i++) {
		uintptr_t object = second->found[i];
		const struct smal_buffer *buffer = second_buffer(second, object);

		if (!smal_bit_get(smal_buffer_mask(buffer, second->gc->live ^ 1),
		                  smal_buffer_bit(buffer, object)))
			return "second marker: a reachable object was not marked";
	}
	return marked == second->found_count ? NULL
	                                     : "second marker: an unreachable object was marked";
}

const char *smal_verify_marks(struct smal_gc *gc, uintptr_t low)
{
	struct second second = { .gc = gc };
	struct smal_marker marker;
	size_t objects = 1, buffers = 0, bytes;
	const char *why = NULL;
	bool zeroed;
	char *run;

	SMAL_EACH_KIND(gc, kind) {
		objects += kind->claimed_slots - kind->freed_slots;
		buffers += kind->stride.buffers;
	}
	second.set_slots = objects * 2;
	bytes = (second.set_slots + objects + buffers) * sizeof(uintptr_t);
	run = smal_space_take(gc->books, bytes, SMAL_CHUNK, &zeroed);
	if (run == NULL)
		return NULL; /* no memory for an opinion */
	memset(run, 0, second.set_slots * sizeof(uintptr_t));
	second.set = (void *)run;
	second.found = second.set + second.set_slots;
	second.buffers = (void *)(second.found + objects);
	SMAL_EACH_KIND(gc, kind) {
		collect_buffers(&second, &kind->stride.room);
		collect_buffers(&second, &kind->stride.filled);
		collect_buffers(&second, &kind->stride.claimed);
	}
	sort_buffers(second.buffers, second.buffer_count);
	marker = (struct smal_marker){ .view = { .keep = ~gc->options.tag_mask, .others = true },
		                       .gc = gc, .visit = second_visit, .visitor = &second };
	smal_roots_mark(gc, &marker);
	if (low != 0)
		smal_mark_stack(&marker, low);
	for (size_t i = 0; i < second.found_count; i++)
		second_scan(&second, &marker, second.found[i]);
	why = compare(&second);
	smal_space_give(gc->books, run, bytes);
	return why;
}
