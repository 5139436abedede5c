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
#include <smal/gc/world.h>
#include <smal/base/fail.h>

#include <string.h>

enum { LARGEST_ALIGNMENT = 4096 };

/* The largest layout in words, so that it fits an element with the name. */
enum { LARGEST_LAYOUT = 8192 };

/* The largest object whose words are scanned one by one, as a structure's are. */
enum { SHORT_BYTES = 128 };

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
	if (desc->collections_per_sweep > 65535)
		return smal_fail(SMAL_ERROR_INVALID, function, "collections_per_sweep is over 65535",
		                 NULL, "%u for type %s", desc->collections_per_sweep, desc->name);
	if ((desc->flags & ~(SMAL_TYPE_INTERIOR | SMAL_TYPE_IMMORTAL | SMAL_TYPE_MOSTLY_UNCHANGING |
	                     SMAL_TYPE_UNZEROED | SMAL_TYPE_NO_END)) != 0)
		return smal_fail(SMAL_ERROR_INVALID, function, "unknown flags", NULL,
		                 "%#x for type %s", desc->flags, desc->name);
	if ((desc->flags & SMAL_TYPE_UNZEROED) != 0 && desc->marking == SMAL_MARK_CALLBACK)
		return smal_fail(SMAL_ERROR_INVALID, function,
		                 "mark function of what is not zeroed", NULL, "type %s",
		                 desc->name);
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

	/* A granule in which one object ends and another begins would have the mark bit
	 * of the one, and words that mean the other. */
	if ((desc->flags & SMAL_TYPE_INTERIOR) != 0)
		alignment = smal_max(alignment, SMAL_GRANULE);

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
	if ((desc->flags & SMAL_TYPE_NO_END) != 0)
		scan->flags |= SMAL_SCAN_NO_END;
	if (desc->free != NULL)
		scan->flags |= SMAL_SCAN_FREES;
	if (stride->buffer_bytes != SMAL_ID_BYTES)
		scan->flags |= SMAL_SCAN_WIDE;
	if (desc->bytes != 0 && stride->stride_bytes - 1 < SMAL_COMPACT_BYTES)
		scan->flags |= SMAL_SCAN_COMPACT;
	switch (desc->marking) {
	case SMAL_MARK_NOTHING:
		scan->how = SMAL_HOW_LEAF;
		break;
	case SMAL_MARK_CONSERVATIVE:
		/* Few words that are all alike need nothing that arrays need. */
		scan->how = SMAL_HOW_CONSERVATIVE;
		if (stride->stride_bytes - 1 < SHORT_BYTES) {
			scan->how = SMAL_HOW_RUN;
			scan->words = (uint32_t)(stride->stride_bytes / sizeof(uintptr_t));
		}
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
			if (bits != 0 && (bits & (bits + 1)) == 0) {
				scan->how = SMAL_HOW_RUN;
				scan->words = smal_word_count(bits);
			}
		}
		break;
	}
}

/* Makes a kind; with the lock held, or before anybody knows the type. */
static struct smal_kind *kind_create(struct smal_owned_type *type, unsigned class)
{
	struct smal_gc *gc = type->gc;
	unsigned index = type->first_kind + class;
	struct smal_kind *kind = smal_element_take(gc->books, sizeof *kind);
	size_t stride_bytes, window;

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
	kind->zeroed = (type->desc.flags & SMAL_TYPE_UNZEROED) == 0;
	if (stride_bytes != 0) {
		window = smal_max(SMAL_WINDOW_BYTES,
		                  smal_min(stride_bytes * SMAL_WINDOW_SLOTS, SMAL_WINDOW_MOST));
		kind->window_bytes =
			(uint32_t)smal_max(window / stride_bytes * stride_bytes, stride_bytes);
	}
	kind->index = (uint16_t)index;
	scan_init(&gc->scans[index], kind);
	if (gc->scans[index].how == SMAL_HOW_LEAF)
		kind->stride.class |= SMAL_CLASS_LEAF;
	if (stride_bytes % SMAL_GRANULE != 0 && (gc->scans[index].flags & SMAL_SCAN_WIDE) == 0)
		kind->stride.class |= SMAL_CLASS_ODD;
	/* A large object has one bit, however many granules there are; and where slots
	 * are far apart, the sweep looks at their bits alone, and no claim may set others. */
	if ((gc->scans[index].flags & (SMAL_SCAN_FREES | SMAL_SCAN_INTERIOR)) != 0 ||
	    stride_bytes == 0 || smal_stride_is_sparse(&kind->stride))
		kind->stride.class |= SMAL_CLASS_SPECIAL;
	/* Who finds it without the lock finds it whole. */
	smal_atomic_store((volatile AO_t *)&gc->kinds[index], (uintptr_t)kind);
	return kind;
}

struct smal_kind *smal_kind_get(struct smal_owned_type *type, unsigned class)
{
	struct smal_gc *gc = type->gc;
	struct smal_kind **place = &gc->kinds[type->first_kind + class], *kind;

	kind = smal_atomic_load_pointer((volatile AO_t *)place);
	if (SMAL_LIKELY(kind != NULL))
		return kind;
	/* The caller is inside: nobody stops it while it holds the lock. */
	smal_os_lock_take(&gc->lock);
	kind = *place;
	if (kind == NULL)
		kind = kind_create(type, class);
	smal_os_lock_give(&gc->lock);
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

static void clear_entry(struct smal_attached *thread, unsigned index)
{
	thread->parcels[index] = (struct smal_parcel){ 0 };
	thread->holes[index] = (struct smal_hole){ 0 };
}

/* Entries for the numbers below `top` exist from now on, in the tables and in
 * those of all threads, the spare ones too. */
static void grow_tables(struct smal_gc *gc, unsigned top)
{
	for (; gc->kinds_top < top; gc->kinds_top++) {
		gc->kinds[gc->kinds_top] = NULL;
		SMAL_EACH_THREAD(gc, thread)
			clear_entry(thread, gc->kinds_top);
		SMAL_LIST_EACH(link, &gc->spare_threads)
			clear_entry(SMAL_CONTAINER(link, struct smal_attached, link),
			            gc->kinds_top);
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

/* Fills a type in, and its kind if it has one size; with the lock held. */
static enum smal_error type_init(struct smal_owned_type *type, struct smal_gc *gc,
                                 const struct smal_type_desc *desc)
{
	unsigned count = desc->bytes != 0 ? 1 : SMAL_VARIABLE_KINDS;
	unsigned first = find_numbers(gc, count);
	struct smal_kind *kind;

	if (first == 0)
		return SMAL_ERROR_TOO_MANY;
	*type = (struct smal_owned_type){ .gc = gc, .first_kind = (uint16_t)first,
		                          .kind_count = (uint16_t)count };
	if (!copy_desc(type, desc))
		return SMAL_ERROR_NO_MEMORY;
	grow_tables(gc, first + count);
	if (desc->bytes != 0) {
		kind = kind_create(type, 0);
		if (kind == NULL) {
			smal_element_give(gc->books, type->text);
			return SMAL_ERROR_NO_MEMORY;
		}
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
	return SMAL_OK;
}

/* With the lock held. */
static enum smal_error type_create(struct smal_gc *gc, const struct smal_type_desc *desc,
                                   struct smal_owned_type **result)
{
	struct smal_owned_type *type = smal_element_take(gc->books, sizeof *type);
	enum smal_error error;

	if (type == NULL)
		return SMAL_ERROR_NO_MEMORY;
	error = type_init(type, gc, desc);
	if (error != SMAL_OK) {
		smal_element_give(gc->books, type);
		return error;
	}
	*result = type;
	return SMAL_OK;
}

enum smal_error smal_type_create(struct smal_gc *gc, const struct smal_type_desc *desc,
                                 struct smal_type **result)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	struct smal_owned_type *type;

	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(desc != NULL && result != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL,
	             "%s", "");
	error = desc_check(desc, __func__);
	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	error = type_create(gc, desc, &type);
	smal_gc_unlock(gc);
	if (error == SMAL_OK)
		*result = &type->public;
	return error;
}

struct smal_type *smal_inner_type(struct smal_gc *gc, enum smal_inner_type which,
                                  const struct smal_type_desc *desc)
{
	volatile AO_t *place = (volatile AO_t *)&gc->inner[which];
	struct smal_owned_type *type = smal_atomic_load_pointer(place);

	if (SMAL_LIKELY(type != NULL))
		return &type->public;
	smal_gc_lock(gc);
	type = gc->inner[which];
	if (type == NULL && type_create(gc, desc, &type) == SMAL_OK)
		smal_atomic_store_pointer(place, type);
	smal_gc_unlock(gc);
	return type != NULL ? &type->public : NULL;
}

/* Gives the kinds back, objects and all. */
static void kinds_fini(struct smal_owned_type *type)
{
	struct smal_gc *gc = type->gc;

	for (unsigned i = type->first_kind; i < type->first_kind + type->kind_count; i++) {
		struct smal_kind *kind = gc->kinds[i];

		if (kind == NULL)
			continue;
		SMAL_EACH_THREAD(gc, thread)
			if (thread->holes[i].kind != NULL)
				smal_hole_close(thread, &thread->holes[i]);
		smal_pace_heap(gc, 0 - kind->stride.heap_bytes);
		gc->stats.objects.allocated_objects += kind->counts.claimed_slots;
		gc->stats.objects.allocated_bytes +=
			kind->counts.claimed_slots * kind->stride.stride_bytes +
			kind->counts.claimed_large_bytes;
		smal_stride_fini(&kind->stride);
		gc->kinds[i] = NULL;
		smal_element_give(gc->books, kind);
	}
}

struct ending {
	struct smal_owned_type *type;
	/* Objects that are left. */
	uint64_t live;
};

/* Other threads may have holes of the type, even with nothing allocated: the world
 * is stopped. */
static void type_end(struct smal_gc *gc, uintptr_t low, void *argument)
{
	struct ending *ending = argument;
	struct smal_owned_type *type = ending->type;

	(void)low;
	SMAL_EACH_THREAD(gc, thread)
		smal_thread_retract(thread);
	for (unsigned i = type->first_kind; i < type->first_kind + type->kind_count; i++)
		if (gc->kinds[i] != NULL)
			ending->live += gc->kinds[i]->counts.claimed_slots -
			                smal_kind_ahead(gc->kinds[i]) -
			                gc->kinds[i]->counts.freed_slots;
	SMAL_EACH_THREAD(gc, thread)
		smal_thread_restore(thread);
	if (ending->live != 0)
		return;
	kinds_fini(type);
	type->magic = SMAL_MAGIC_GONE;
	type->public = (struct smal_type){ 0 };
	smal_link_remove(&type->link);
	smal_link_insert(&gc->ended_types, &type->link);
}

enum smal_error smal_type_destroy(struct smal_type *public)
{
	struct smal_owned_type *type = smal_owned(public);
	struct ending ending = { .type = type };
	enum smal_error error;

	SMAL_REQUIRE(public != NULL && type->magic == SMAL_MAGIC_TYPE, SMAL_ERROR_INVALID,
	             "not a type", public, "%s",
	             public != NULL && type->magic == SMAL_MAGIC_GONE ? "a type that has ended" : "");
	error = smal_gc_check(type->gc, __func__);
	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(!smal_type_is_inner(type), SMAL_ERROR_INVALID, "not a type", public, "%s",
	             "one of the library's own");
	smal_world_run(type->gc, type_end, &ending);
	SMAL_REQUIRE(ending.live == 0, SMAL_ERROR_BUSY, "objects are left", public,
	             "type %s with %llu objects", type->desc.name, (unsigned long long)ending.live);
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
