/* SPDX-License-Identifier: MIT */
/*
 * typed.c: objects whose pointers are said by a bitmap (gc_typed.h).
 *
 *   bitmap --make--> descriptor, a word:
 *            one word's bits    ...bits, from the top|1
 *            longer             number of a bitmap kept here, as a mark procedure's
 *                               environment
 *
 *   (descriptor, size) --> type with a layout, which the marker follows without a call
 *
 * Types of one size each, as long as there are few sizes of a descriptor; then one of
 * variable size. When the collector has no room for more types, such objects are scanned
 * conservatively, which is right for all of them.
 */
#include <smal/compat/libgc/libgc.h>

#include <string.h>

enum {
	WORD_BITS = sizeof(bdw_word) * 8,
	/* Sizes of a descriptor that have types of their own. */
	OWN_SIZES = 4,
	BITMAPS = 1 << 14,
	TABLE = 1 << 12,
	/* Types of variable size take 89 numbers of the collector's 8,191. */
	VARIABLE_MOST = 40
};

/* A bitmap that is kept. */
struct bitmap {
	size_t bits;
	bdw_word words[];
};

static struct bitmap *bitmaps[BITMAPS];
static unsigned bitmap_count;

/* A layout: of a descriptor, for objects of a size, or of any (0); repeated after so many
 * bytes, or not (0). */
struct layout {
	bdw_word descr;
	size_t bytes, repeat_bytes;
	struct smal_type *type;
};

static struct layout *layouts;
static unsigned layout_count, variable_count;

/* ---- Descriptors ---- */

static int has_bit(const bdw_word *bits, size_t i)
{
	return bits[i / WORD_BITS] >> i % WORD_BITS & 1;
}

/* The number of a bitmap, kept if there is none like it; 0: no room. */
static unsigned keep_bitmap(const bdw_word *bits, size_t count)
{
	size_t words = (count + WORD_BITS - 1) / WORD_BITS;
	struct bitmap *bitmap;

	for (unsigned i = 1; i <= bitmap_count; i++)
		if (bitmaps[i]->bits == count &&
		    memcmp(bitmaps[i]->words, bits, words * sizeof *bits) == 0)
			return i;
	if (bitmap_count + 1 >= BITMAPS)
		return 0;
	bitmap = bdw_take(sizeof *bitmap + words * sizeof *bits);
	if (bitmap == NULL)
		return 0;
	bitmap->bits = count;
	for (size_t i = 0; i < count; i++)
		if (has_bit(bits, i))
			bitmap->words[i / WORD_BITS] |= (bdw_word)1 << i % WORD_BITS;
	bitmaps[++bitmap_count] = bitmap;
	return bitmap_count;
}

bdw_word GC_make_descriptor(const bdw_word *bits, size_t count)
{
	bdw_word descr = 0;
	unsigned number;

	while (count != 0 && !has_bit(bits, count - 1))
		count--;
	if (count == 0)
		return 0;
	if (count <= WORD_BITS - 2) {
		for (size_t i = 0; i < count; i++)
			if (has_bit(bits, i))
				descr |= (bdw_word)1 << (WORD_BITS - 1 - i);
		return descr | 1;
	}
	number = bdw_lock() ? keep_bitmap(bits, count) : 0;
	bdw_unlock();
	/* Without room: all of the object's words, as far as the bitmap went. */
	return number != 0 ? ((bdw_word)number << 6 | BDW_PROC_TYPED) << 2 | 2
	                   : count * sizeof(bdw_word);
}

/* True if word i of an object is a pointer, by a descriptor of ours. */
static bool descr_has(bdw_word descr, size_t i)
{
	const struct bitmap *bitmap;

	switch (descr & 3) {
	case 0:
		return i < descr / sizeof(bdw_word);
	case 1:
		return i < WORD_BITS - 2 && (descr >> (WORD_BITS - 1 - i) & 1) != 0;
	default:
		bitmap = bitmaps[(descr >> 8) % BITMAPS];
		return i < bitmap->bits && has_bit(bitmap->words, i);
	}
}

/* Words that a descriptor speaks of. */
static size_t descr_words(bdw_word descr)
{
	switch (descr & 3) {
	case 0:
		return descr / sizeof(bdw_word);
	case 1:
		return WORD_BITS - 2;
	default:
		return bitmaps[(descr >> 8) % BITMAPS]->bits;
	}
}

static bool is_ours(bdw_word descr)
{
	return (descr & 3) < 2 || ((descr & 3) == 2 && (descr >> 2 & 63) == BDW_PROC_TYPED &&
	                           descr >> 8 != 0 && descr >> 8 <= bitmap_count);
}

/* ---- Types ---- */

static struct smal_type *layout_type(bdw_word descr, size_t bytes, size_t repeat_bytes)
{
	size_t words = repeat_bytes != 0 ? repeat_bytes / sizeof(bdw_word) : descr_words(descr);
	struct smal_type_desc desc = { .name = "typed",
		                       .bytes = bytes,
		                       .marking = SMAL_MARK_LAYOUT,
		                       .flags = SMAL_TYPE_NO_END,
		                       .user = &bdw_kinds[BDW_NORMAL] };
	struct smal_type *type = NULL;
	unsigned depth;
	bdw_word *bits;

	if (bytes != 0)
		words = smal_min(words, bytes / sizeof(bdw_word));
	words = smal_max(words, 1);
	if (bdw_interior)
		desc.flags |= SMAL_TYPE_INTERIOR;
	bits = bdw_take((words + WORD_BITS) / 8);
	if (bits == NULL)
		return NULL;
	for (size_t i = 0; i < words; i++)
		if (descr_has(descr, i))
			bits[i / WORD_BITS] |= (bdw_word)1 << i % WORD_BITS;
	desc.layout = (struct smal_layout){ bits, words, repeat_bytes != 0 ? words : 0 };
	depth = bdw_lock_drop();
	smal_type_create(bdw_gc, &desc, &type);
	bdw_lock_retake(depth);
	bdw_give(bits);
	return type;
}

static struct layout *layout_find(bdw_word descr, size_t bytes, size_t repeat_bytes)
{
	size_t hash = (size_t)((descr ^ bytes * 31 ^ repeat_bytes * 127) *
	                               (bdw_word)0x9e3779b97f4a7c15u >>
	                       (WORD_BITS - 12));
	struct layout *layout = &layouts[hash % TABLE];

	while (layout->type != NULL && (layout->descr != descr || layout->bytes != bytes ||
	                                layout->repeat_bytes != repeat_bytes))
		layout = layout == &layouts[TABLE - 1] ? layouts : layout + 1;
	return layout;
}

/* Sizes of a descriptor that have types. */
static unsigned count_sizes(bdw_word descr)
{
	unsigned count = 0;

	for (unsigned i = 0; i < TABLE; i++)
		count += layouts[i].type != NULL && layouts[i].descr == descr &&
		         layouts[i].bytes != 0;
	return count;
}

/* A layout's type, made if it can be; NULL: it can't. With the lock. */
static struct smal_type *layout_get(bdw_word descr, size_t bytes, size_t repeat_bytes)
{
	struct layout *layout = layout_find(descr, bytes, repeat_bytes);
	struct smal_type *type;

	if (layout->type != NULL || layout_count >= TABLE / 2)
		return layout->type;
	if (bytes == 0 && variable_count >= VARIABLE_MOST)
		return NULL;
	type = layout_type(descr, bytes, repeat_bytes);
	layout = layout_find(descr, bytes, repeat_bytes);
	if (type == NULL || layout->type != NULL)
		return layout->type;
	*layout = (struct layout){ descr, bytes, repeat_bytes, type };
	layout_count++;
	variable_count += bytes == 0;
	return type;
}

static struct smal_type *type_for(bdw_word descr, size_t bytes, size_t repeat_bytes)
{
	struct smal_type *type = NULL;
	struct layout *layout;
	bool locked = bdw_lock();

	if (locked && layouts == NULL)
		layouts = bdw_take(TABLE * sizeof *layouts);
	if (locked && layouts != NULL && is_ours(descr)) {
		layout = layout_find(descr, bytes, repeat_bytes);
		type = layout->type;
		if (type == NULL && repeat_bytes == 0 && bytes <= 2048 &&
		    count_sizes(descr) < OWN_SIZES)
			type = layout_get(descr, bytes, 0);
		if (type == NULL)
			type = layout_get(descr, 0, repeat_bytes);
	}
	bdw_unlock();
	return type;
}

/* The last answer of each thread. */
static __thread struct layout last __attribute__((tls_model("initial-exec")));

void *GC_malloc_explicitly_typed(size_t bytes, bdw_word descr)
{
	size_t rounded = smal_round_up(smal_max(bytes + bdw_spare, 1), 16);
	struct smal_type *type;
	void *object;

	if (SMAL_UNLIKELY(last.type == NULL || last.descr != descr || last.bytes != rounded)) {
		if (bytes > PTRDIFF_MAX || bdw_thread() == NULL)
			return bdw_oom(bytes);
		type = type_for(descr, rounded, 0);
		if (type == NULL)
			return GC_malloc(bytes);
		last = (struct layout){ descr, rounded, 0, type };
	}
	type = last.type;
	if (bdw_local.fast != NULL && type->stride_bytes != 0) {
		struct smal_parcel *parcel = &bdw_local.fast->parcels[type->parcel_index];
		uintptr_t at = parcel->cursor, next = at + type->stride_bytes;

		if (SMAL_LIKELY(next <= parcel->limit)) {
			__atomic_store_n(&parcel->cursor, next, __ATOMIC_RELAXED);
			return (void *)at;
		}
	}
	object = bdw_alloc_type(type, rounded);
	return object != NULL ? object : bdw_oom(bytes);
}

void *GC_malloc_explicitly_typed_ignore_off_page(size_t bytes, bdw_word descr)
{
	return GC_malloc_explicitly_typed(bytes, descr);
}

void *GC_calloc_explicitly_typed(size_t count, size_t bytes, bdw_word descr)
{
	struct smal_type *type = NULL;
	size_t total;
	void *object;

	if (__builtin_mul_overflow(count, bytes, &total) || total > PTRDIFF_MAX)
		return bdw_oom(SIZE_MAX);
	if (count <= 1)
		return GC_malloc_explicitly_typed(total, descr);
	if (bdw_thread() == NULL)
		return bdw_oom(total);
	if (bytes % sizeof(bdw_word) == 0)
		type = type_for(descr, 0, bytes);
	if (type == NULL)
		return GC_malloc(total);
	object = bdw_alloc_type(type, total + bdw_spare);
	return object != NULL ? object : bdw_oom(total);
}
