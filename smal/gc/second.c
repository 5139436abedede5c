/* SPDX-License-Identifier: MIT */
/*
 * second.c: the second marker (second.h), and comparing it with the first.
 */
#include <smal/gc/second.h>

#include <string.h>

const struct smal_buffer *smal_second_buffer(const struct smal_second *second, uintptr_t address)
{
	size_t low = 0, high = second->buffer_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct smal_buffer *buffer = second->buffers[middle];
		uintptr_t base = smal_buffer_base(buffer);

		if (address < base)
			high = middle;
		else if (address >= base + smal_buffer_bytes(buffer))
			low = middle + 1;
		else
			return buffer;
	}
	return NULL;
}

/* The object that an address points to or into, or 0; by division. */
static uintptr_t object_at(const struct smal_second *second, uintptr_t address, bool interior)
{
	const struct smal_buffer *buffer = smal_second_buffer(second, address);
	uintptr_t base, slot, granule = address - address % SMAL_GRANULE;
	size_t bytes, bit;

	if (buffer == NULL)
		return 0;
	interior |= (smal_buffer_kind(buffer)->type->desc.flags & SMAL_TYPE_INTERIOR) != 0;
	/* Else the slot that begins in the address's granule, if one does. */
	if (!interior)
		address = granule + SMAL_GRANULE - 1;
	base = smal_buffer_base(buffer);
	bytes = smal_buffer_slot_bytes(buffer);
	slot = base + (address - base) / bytes * bytes;
	if (slot + bytes > base + smal_buffer_bytes(buffer))
		return 0;
	bit = (slot - base) / SMAL_GRANULE;
	if (!interior && slot < granule)
		return 0;
	if (!smal_bit_get(smal_buffer_mask(buffer, second->gc->live), bit) ||
	    (buffer->stride->masks > 2 && smal_bit_get(smal_buffer_mask(buffer, 2), bit)))
		return 0;
	return slot;
}

/* The place of an object in the set: its own, or where it would be put. */
static size_t set_place(const struct smal_second *second, uintptr_t object)
{
	size_t at = (object >> SMAL_GRANULE_LOG2) * (size_t)0x9e3779b1u % second->set_slots;

	while (second->set[at] != 0 && second->found[second->set[at] - 1].object != object)
		at = (at + 1) % second->set_slots;
	return at;
}

size_t smal_second_number(const struct smal_second *second, uintptr_t object)
{
	size_t at = second->set[set_place(second, object)];

	return at != 0 ? at - 1 : SMAL_FOUND_NONE;
}

static void find_as(struct smal_second *second, uintptr_t address, bool interior, uintptr_t place,
                    bool alone)
{
	uintptr_t object = object_at(second, address, interior);
	size_t at;

	if (object == 0)
		return;
	at = set_place(second, object);
	if (second->set[at] != 0)
		return;
	second->found[second->found_count++] = (struct smal_found){
		object, second->parent,
		second->parent == SMAL_FOUND_NONE ? second->marker.root : NULL, place,
		alone
	};
	second->set[at] = second->found_count;
}

static void find(struct smal_second *second, uintptr_t address, bool interior, uintptr_t place)
{
	find_as(second, address, interior, place, false);
}

static void visit(struct smal_marker *marker, uintptr_t address, enum smal_source source)
{
	struct smal_second *second = marker->visitor;
	const struct smal_buffer *buffer;
	uintptr_t object;

	if (source != SMAL_FROM_ROOT_END) {
		find_as(second, address, source == SMAL_FROM_ROOT, marker->place,
		        source == SMAL_FROM_OWNER);
		return;
	}
	object = object_at(second, address - 1, true);
	if (object == 0)
		return;
	buffer = smal_second_buffer(second, object);
	if (object + smal_buffer_slot_bytes(buffer) == address &&
	    (smal_buffer_kind(buffer)->type->desc.flags & SMAL_TYPE_NO_END) == 0 &&
	    (smal_buffer_kind(buffer)->type->desc.bytes == 0 ||
	     smal_buffer_slot_bytes(buffer) > SMAL_COMPACT_BYTES ||
	     object_at(second, address, true) != address))
		find(second, object, true, marker->place);
}

static void scan(struct smal_second *second, uintptr_t object)
{
	const struct smal_buffer *buffer = smal_second_buffer(second, object);
	const struct smal_type_desc *desc = &smal_buffer_kind(buffer)->type->desc;
	uintptr_t keep = second->marker.view.keep;
	const uintptr_t *words = (const uintptr_t *)object;
	size_t count = smal_buffer_slot_bytes(buffer) / sizeof(uintptr_t);
	struct smal_scan layout = { .words = (uint32_t)desc->layout.words,
		                    .repeat_words = (uint32_t)desc->layout.repeat_words,
		                    .as.layout = desc->layout.bits };

	switch (desc->marking) {
	case SMAL_MARK_NOTHING:
		break;
	case SMAL_MARK_CALLBACK:
		second->marker.place = 0;
		find(second, (uintptr_t)desc->mark(&second->marker, (void *)object) & keep, false, 0);
		break;
	case SMAL_MARK_LAYOUT:
	case SMAL_MARK_CONSERVATIVE:
		for (size_t i = 0; i < count; i++)
			if (desc->marking == SMAL_MARK_CONSERVATIVE || smal_layout_has(&layout, i))
				find(second, words[i] & keep, false, (uintptr_t)&words[i]);
		break;
	}
}

/* ---- Pairs, and what lives by decree ---- */

static void pair(void *holder, uintptr_t key, uintptr_t value, void *user)
{
	struct smal_second *second = user;
	uintptr_t keep = second->marker.view.keep, object = object_at(second, key & keep, false);
	size_t number = smal_second_number(second, (uintptr_t)holder);

	if (number == SMAL_FOUND_NONE ||
	    (object == (key & keep) && object != 0 &&
	     smal_second_number(second, object) == SMAL_FOUND_NONE))
		return;
	second->parent = number;
	find(second, value & keep, false, 0);
}

static void registration(void *object, void *user)
{
	if (((const struct smal_finalizer *)object)->object != 0)
		find(user, (uintptr_t)object, false, 0);
}

static void unswept(struct smal_second *second)
{
	struct smal_gc *gc = second->gc;

	SMAL_EACH_KIND(gc, kind) {
		const struct smal_type_desc *desc = &kind->type->desc;

		if ((desc->flags & SMAL_TYPE_IMMORTAL) == 0 &&
		    (desc->collections_per_sweep <= 1 ||
		     (gc->stats.collections + 1) % desc->collections_per_sweep == 0))
			continue;
		SMAL_EACH_BUFFER(kind, buffer)
			for (uintptr_t slot = 0; slot < buffer->stride->slots; slot++)
				find(second,
				     smal_buffer_base(buffer) + slot * smal_buffer_slot_bytes(buffer),
				     false, 0);
	}
}

/* ---- The whole ---- */

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

bool smal_second_init(struct smal_second *second, struct smal_gc *gc)
{
	size_t objects = 1, buffers = 0;
	bool zeroed;
	char *run;

	*second = (struct smal_second){ .gc = gc, .parent = SMAL_FOUND_NONE };
	SMAL_EACH_KIND(gc, kind) {
		objects += kind->counts.claimed_slots - kind->counts.freed_slots;
		buffers += kind->stride.buffers;
	}
	second->set_slots = objects * 2;
	second->run_bytes = second->set_slots * sizeof(size_t) + objects * sizeof(struct smal_found) +
	                    buffers * sizeof(void *);
	run = smal_space_take(gc->books, second->run_bytes, SMAL_CHUNK, &zeroed);
	if (run == NULL)
		return false;
	second->run = run;
	second->set = (void *)run;
	memset(second->set, 0, second->set_slots * sizeof(size_t));
	second->found = (void *)(second->set + second->set_slots);
	second->buffers = (void *)(second->found + objects);
	SMAL_EACH_KIND(gc, kind)
		SMAL_EACH_BUFFER(kind, buffer)
			second->buffers[second->buffer_count++] = buffer;
	sort_buffers(second->buffers, second->buffer_count);
	second->marker =
		(struct smal_marker){ .view = { .keep = ~gc->options.tag_mask, .span = SIZE_MAX },
		                      .gc = gc,
		                      .live_index = gc->live,
		                      .visit = visit,
		                      .visitor = second };
	return true;
}

void smal_second_run(struct smal_second *second)
{
	struct smal_gc *gc = second->gc;
	size_t next = 0, before;

	smal_roots_mark(gc, &second->marker);
	second->marker.root = "immortal";
	unswept(second);
	second->marker.root = "finalizer";
	smal_inner_each(gc, SMAL_INNER_FINALIZER, gc->live, registration, second);
	do {
		for (; next < second->found_count; next++) {
			second->parent = next;
			if (!second->found[next].alone)
				scan(second, second->found[next].object);
		}
		before = second->found_count;
		smal_pairs_each(gc, gc->live, true, pair, second);
	} while (second->found_count != before);
}

void smal_second_fini(struct smal_second *second)
{
	smal_space_give(second->gc->books, second->run, second->run_bytes);
}

/* Compares with the mark masks. */
static const char *compare(const struct smal_second *second)
{
	unsigned mask = second->gc->live ^ 1;
	size_t marked = 0;

	for (size_t i = 0; i < second->buffer_count; i++) {
		const smal_word *mark = smal_buffer_mask(second->buffers[i], mask);
		const smal_word *live = smal_buffer_mask(second->buffers[i], mask ^ 1);

		for (size_t w = 0; w < second->buffers[i]->stride->words; w++)
			marked += smal_word_count(mark[w] & live[w]);
	}
	for (size_t i = 0; i < second->found_count; i++) {
		uintptr_t object = second->found[i].object;
		const struct smal_buffer *buffer = smal_second_buffer(second, object);

		if (!smal_bit_get(smal_buffer_mask(buffer, mask), smal_buffer_bit(buffer, object)))
			return "second marker: a reachable object was not marked";
	}
	return marked == second->found_count ? NULL
	                                     : "second marker: an unreachable object was marked";
}

const char *smal_verify_marks(struct smal_gc *gc)
{
	struct smal_second second;
	const char *why;

	if (!smal_second_init(&second, gc))
		return NULL; /* no memory for an opinion */
	smal_second_run(&second);
	why = compare(&second);
	smal_second_fini(&second);
	return why;
}
