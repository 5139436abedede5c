/* SPDX-License-Identifier: MIT */
/*
 * type.c: types and their kinds.
 *
 * A type of fixed size has one kind; one of variable size has a number for
 * each size class and one for large objects, and a kind for each that is used.
 * Names and layouts are copied. An ended type's structure stays until its
 * collector ends, marked as gone, with parcel 0: a stale smal_alloc finds an
 * empty parcel, calls in, and is told.
 */
#include <smal/gc/gc.h>
#include <smal/base/fail.h>

#include <string.h>

enum { LARGEST_ALIGNMENT = 4096 };

/* The largest layout in words, so that it fits an element with the name. */
enum { LARGEST_LAYOUT = 8192 };

static size_t layout_bytes(const struct smal_type_desc *desc)
{
	if (desc->marking != SMAL_MARK_LAYOUT)
		return 0;
	return (desc->layout.words + SMAL_WORD_BITS - 1) / SMAL_WORD_BITS * sizeof(uintptr_t);
}

static enum smal_error desc_check(const struct smal_type_desc *desc, const char *function)
{
	const struct smal_layout *layout = &desc->layout;
	size_t words = desc->bytes / sizeof(uintptr_t);

	if (desc->name == NULL)
		return smal_fail(SMAL_ERROR_INVALID, function, "a type needs a name", NULL, "%s", "");
	if (desc->alignment != 0 &&
	    (!smal_is_power_of_two(desc->alignment) || desc->alignment > LARGEST_ALIGNMENT))
		return smal_fail(SMAL_ERROR_INVALID, function,
		                 "alignment is not a power of two up to 4096", NULL,
		                 "%zu for type %s", desc->alignment, desc->name);
	if (desc->bytes > SIZE_MAX / 2)
		return smal_fail(SMAL_ERROR_TOO_LARGE, function, "size too large", NULL,
		                 "%zu bytes for type %s", desc->bytes, desc->name);
	if ((unsigned)desc->marking > SMAL_MARK_CALLBACK)
		return smal_fail(SMAL_ERROR_INVALID, function, "unknown marking", NULL,
		                 "%d for type %s", (int)desc->marking, desc->name);
	if (desc->marking == SMAL_MARK_CALLBACK && desc->mark == NULL)
		return smal_fail(SMAL_ERROR_INVALID, function, "mark function is missing", NULL,
		                 "type %s", desc->name);
	if ((desc->flags & ~SMAL_TYPE_INTERIOR) != 0)
		return smal_fail(SMAL_ERROR_INVALID, function, "unknown flags", NULL,
		                 "%#x for type %s", desc->flags, desc->name);
	if (desc->marking != SMAL_MARK_LAYOUT)
		return SMAL_OK;
	if (layout->bits == NULL || layout->words == 0 || layout->words > LARGEST_LAYOUT)
		return smal_fail(SMAL_ERROR_INVALID, function, "layout has no words or too many",
		                 NULL, "%zu words for type %s", layout->words, desc->name);
	if (desc->bytes != 0 && layout->words > words)
		return smal_fail(SMAL_ERROR_INVALID, function, "layout is larger than its object",
		                 NULL, "%zu words for %zu bytes of type %s", layout->words,
		                 desc->bytes, desc->name);
	if (layout->repeat_words > layout->words)
		return smal_fail(SMAL_ERROR_INVALID, function, "layout repeats more than it has",
		                 NULL, "%zu of %zu words of type %s", layout->repeat_words,
		                 layout->words, desc->name);
	return SMAL_OK;
}

/* The stride of a fixed size. */
static size_t stride_of(const struct smal_type_desc *desc)
{
	size_t alignment = desc->alignment != 0 ? desc->alignment
	                   : desc->bytes % 16 <= 8 && desc->bytes % 16 != 0 ? 8
	                                                                    : 16;

	return smal_max(smal_round_up(desc->bytes, smal_max(alignment, 8)), SMAL_GRANULE);
}

static void scan_init(struct smal_scan *scan, const struct smal_kind *kind)
{
	const struct smal_type_desc *desc = &kind->type->desc;
	const struct smal_stride *stride = &kind->stride;

	*scan = (struct smal_scan){ .slot_bytes = (uint32_t)stride->stride_bytes,
		                    .reciprocal = stride->reciprocal };
	if ((desc->flags & SMAL_TYPE_INTERIOR) != 0)
		scan->flags |= SMAL_SCAN_INTERIOR;
	if (stride->stride_bytes % SMAL_GRANULE != 0)
		scan->flags |= SMAL_SCAN_ODD;
	if (desc->free != NULL)
		scan->flags |= SMAL_SCAN_FREES;
	if (stride->buffer_bytes != SMAL_ID_BYTES)
		scan->flags |= SMAL_SCAN_WIDE;
	if ((scan->flags & SMAL_SCAN_FREES) != 0 ||
	    (scan->flags & (SMAL_SCAN_ODD | SMAL_SCAN_WIDE)) == (SMAL_SCAN_ODD | SMAL_SCAN_WIDE))
		scan->flags |= SMAL_SCAN_SLOW;
	scan->not_plain = scan->flags & (SMAL_SCAN_SLOW | SMAL_SCAN_ODD);
	if (desc->bytes != 0 && stride->stride_bytes - 1 < SMAL_COMPACT_BYTES)
		scan->flags |= SMAL_SCAN_COMPACT;
	switch (desc->marking) {
	case SMAL_MARK_NOTHING:
		scan->how = SMAL_HOW_LEAF;
		break;
	case SMAL_MARK_CONSERVATIVE:
		scan->how = SMAL_HOW_CONSERVATIVE;
		break;
	case SMAL_MARK_CALLBACK:
		scan->how = SMAL_HOW_CALLBACK;
		scan->as.mark = desc->mark;
		break;
	case SMAL_MARK_LAYOUT:
		scan->words = (uint32_t)desc->layout.words;
		scan->repeat_words = (uint32_t)desc->layout.repeat_words;
		scan->how = SMAL_HOW_LAYOUT;
		scan->as.layout = desc->layout.bits;
		if (desc->bytes != 0 && scan->words <= SMAL_WORD_BITS &&
		    (scan->repeat_words == 0 ||
		     scan->words >= stride_of(desc) / sizeof(uintptr_t))) {
			uintptr_t bits = desc->layout.bits[0];

			if (scan->words < SMAL_WORD_BITS)
				bits &= ((uintptr_t)1 << scan->words) - 1;
			scan->how = bits == 0 ? SMAL_HOW_LEAF : SMAL_HOW_BITS;
			scan->as.bits = bits;
			if (bits == 3)
				scan->how = SMAL_HOW_PAIR;
		}
		break;
	}
}

struct smal_kind *smal_kind_get(struct smal_owned_type *type, unsigned class)
{
	struct smal_gc *gc = type->gc;
	unsigned index = type->first_kind + class;
	struct smal_kind *kind = gc->kinds[index];
	size_t stride_bytes;

	if (SMAL_LIKELY(kind != NULL))
		return kind;
	kind = smal_element_take(gc->books, sizeof *kind);
	if (kind == NULL)
		return NULL;
	if (type->desc.bytes != 0)
		stride_bytes = stride_of(&type->desc);
	else
		stride_bytes = class < SMAL_CLASSES ? smal_class_bytes(class) : 0;
	if (stride_bytes > SMAL_MEDIUM_LARGEST)
		stride_bytes = 0;
	memset(kind, 0, sizeof *kind);
	if (!smal_stride_init(&kind->stride, gc->space, gc->owner, (uint16_t)index, stride_bytes)) {
		smal_element_give(gc->books, kind);
		return NULL;
	}
	kind->stride.live = gc->live;
	kind->stride.masks = type->desc.free != NULL ? 3 : 2;
	kind->type = type;
	if (stride_bytes != 0)
		kind->window_bytes = (uint32_t)smal_max(SMAL_WINDOW_BYTES / stride_bytes * stride_bytes,
		                                        stride_bytes);
	kind->index = (uint16_t)index;
	scan_init(&gc->scans[index], kind);
	gc->kinds[index] = kind;
	return kind;
}

/* `count` numbers in a row that no type has; 0 if there are none. Numbers that
 * were never given are taken first: a search takes time by the types squared. */
static unsigned find_numbers(struct smal_gc *gc, unsigned count)
{
	unsigned first = 1;

	if (gc->kinds_top + count <= SMAL_KINDS)
		return gc->kinds_top;
	while (first + count <= SMAL_KINDS) {
		unsigned clash = 0;

		SMAL_LIST_EACH(link, &gc->types) {
			const struct smal_owned_type *type =
				SMAL_CONTAINER(link, struct smal_owned_type, link);

			if (type->first_kind < first + count &&
			    first < type->first_kind + type->kind_count)
				clash = type->first_kind + type->kind_count;
		}
		if (clash == 0)
			return first;
		first = clash;
	}
	return 0;
}

/* Entries for the numbers below `top` exist from now on, in the tables and in
 * the attached thread's. */
static void grow_tables(struct smal_gc *gc, unsigned top)
{
	for (; gc->kinds_top < top; gc->kinds_top++) {
		gc->kinds[gc->kinds_top] = NULL;
		if (gc->thread != NULL) {
			gc->thread->public.parcels[gc->kinds_top] = (struct smal_parcel){ 0 };
			gc->thread->holes[gc->kinds_top] = (struct smal_hole){ 0 };
		}
	}
}

/* Copies the name and the layout. */
static bool copy_desc(struct smal_owned_type *type, const struct smal_type_desc *desc)
{
	size_t layout = layout_bytes(desc), name = strlen(desc->name) + 1;

	if (name > 256)
		name = 256;
	type->text_bytes = layout + name;
	type->text = smal_element_take(type->gc->books, type->text_bytes);
	if (type->text == NULL)
		return false;
	type->desc = *desc;
	if (layout != 0) {
		memcpy(type->text, desc->layout.bits, layout);
		type->desc.layout.bits = (const uintptr_t *)(void *)type->text;
	}
	memcpy(type->text + layout, desc->name, name);
	type->text[layout + name - 1] = 0;
	type->desc.name = type->text + layout;
	return true;
}

enum smal_error smal_type_create(struct smal_gc *gc, const struct smal_type_desc *desc,
                                 struct smal_type **result)
{
	struct smal_owned_type *type;
	enum smal_error error = smal_gc_check(gc, __func__);
	unsigned first, count;

	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(desc != NULL && result != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL,
	             "%s", "");
	error = desc_check(desc, __func__);
	if (error != SMAL_OK)
		return error;
	count = desc->bytes != 0 ? 1 : SMAL_VARIABLE_KINDS;
	first = find_numbers(gc, count);
	if (first == 0)
		return SMAL_ERROR_TOO_MANY;
	type = smal_element_take(gc->books, sizeof *type);
	if (type == NULL)
		return SMAL_ERROR_NO_MEMORY;
	memset(type, 0, sizeof *type);
	type->gc = gc;
	if (!copy_desc(type, desc))
		goto fail;
	type->first_kind = (uint16_t)first;
	type->kind_count = (uint16_t)count;
	grow_tables(gc, first + count);
	if (desc->bytes != 0) {
		struct smal_kind *kind = smal_kind_get(type, 0);

		if (kind == NULL)
			goto fail_text;
		type->public.parcel_index = first;
		type->public.stride_bytes = kind->stride.stride_bytes;
		if (kind->stride.stride_bytes == 0) {
			type->public.parcel_index = 0;
			type->public.stride_bytes = smal_round_up(desc->bytes, SMAL_CHUNK);
		}
	} else if (desc->alignment <= SMAL_GRANULE) {
		type->public.class_index = first;
	}
	type->magic = SMAL_MAGIC_TYPE;
	smal_link_insert(&gc->types, &type->link);
	*result = &type->public;
	return SMAL_OK;

fail_text:
	smal_element_give(gc->books, type->text);
fail:
	smal_element_give(gc->books, type);
	return SMAL_ERROR_NO_MEMORY;
}

/* Gives the kinds back, objects and all. */
static void kinds_fini(struct smal_owned_type *type)
{
	struct smal_gc *gc = type->gc;

	for (unsigned i = type->first_kind; i < type->first_kind + type->kind_count; i++) {
		struct smal_kind *kind = gc->kinds[i];

		if (kind == NULL)
			continue;
		if (gc->thread != NULL && gc->thread->holes[i].kind != NULL)
			smal_hole_close(gc->thread, &gc->thread->holes[i]);
		gc->heap_bytes -= kind->stride.heap_bytes;
		gc->stats.objects.allocated_objects += kind->claimed_slots;
		gc->stats.objects.allocated_bytes +=
			kind->claimed_slots * kind->stride.stride_bytes + kind->claimed_large_bytes;
		smal_stride_fini(&kind->stride);
		gc->kinds[i] = NULL;
		smal_element_give(gc->books, kind);
	}
}

enum smal_error smal_type_destroy(struct smal_type *public)
{
	struct smal_owned_type *type = smal_owned(public);
	struct smal_gc *gc;
	enum smal_error error;
	uint64_t live = 0;

	SMAL_REQUIRE(public != NULL && type->magic == SMAL_MAGIC_TYPE, SMAL_ERROR_INVALID,
	             "not a type", public, "%s",
	             public != NULL && type->magic == SMAL_MAGIC_GONE ? "a type that has ended" : "");
	gc = type->gc;
	error = smal_gc_check(gc, __func__);
	if (error != SMAL_OK)
		return error;
	for (unsigned i = type->first_kind; i < type->first_kind + type->kind_count; i++) {
		const struct smal_kind *kind = gc->kinds[i];

		if (kind != NULL)
			live += kind->claimed_slots - smal_kind_ahead(kind) - kind->freed_slots;
	}
	SMAL_REQUIRE(live == 0, SMAL_ERROR_BUSY, "objects are left", public,
	             "type %s with %llu objects", type->desc.name, (unsigned long long)live);
	kinds_fini(type);
	type->magic = SMAL_MAGIC_GONE;
	type->public = (struct smal_type){ 0 };
	smal_link_remove(&type->link);
	smal_link_insert(&gc->ended_types, &type->link);
	return SMAL_OK;
}

void smal_types_fini(struct smal_gc *gc)
{
	struct smal_link *lists[2] = { &gc->types, &gc->ended_types };

	for (unsigned i = 0; i < 2; i++) {
		struct smal_link *link;

		while ((link = smal_link_pop(lists[i])) != NULL) {
			struct smal_owned_type *type =
				SMAL_CONTAINER(link, struct smal_owned_type, link);

			if (i == 0)
				kinds_fini(type);
			type->magic = SMAL_MAGIC_GONE;
			smal_element_give(gc->books, type->text);
			smal_element_give(gc->books, type);
		}
	}
}

const char *smal_type_name(const struct smal_type *type)
{
	return smal_owned(type)->desc.name;
}

void *smal_type_user(const struct smal_type *type)
{
	return smal_owned(type)->desc.user;
}
