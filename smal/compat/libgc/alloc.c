/* SPDX-License-Identifier: MIT */
/*
 * alloc.c: GC_malloc and what belongs to it.
 *
 * The inline path (bdw_alloc) takes the next slot of the thread's parcel. All else is
 * here: a thread that is not attached, or in GC_do_blocking; a parcel that is used up,
 * where a collection may run, and finalizers after it; large objects; no memory.
 */
#include <smal/compat/libgc/libgc.h>

#include <errno.h>
#include <string.h>

enum {
	/* Objects of GC_malloc_many: so many bytes of them at most. */
	MANY_BYTES = 4096,
	ALIGN_LARGEST_LOG2 = 12
};

static void *oom_by_default(size_t bytes)
{
	bdw_warn("GC Warning: Out of memory: %lu bytes can't be had; returning NULL\n", bytes);
	return NULL;
}

bdw_oom_proc *GC_oom_fn = oom_by_default;

/* ---- The slow path ---- */

void *bdw_oom(size_t bytes)
{
	bdw_oom_proc *function = GC_oom_fn;

	return function != NULL ? function(bytes) : oom_by_default(bytes);
}

void *bdw_alloc_type(struct smal_type *type, size_t bytes)
{
	bool was_blocking;
	struct smal_thread *thread = bdw_wake(&was_blocking);
	unsigned depth = bdw_lock_drop();
	void *object = NULL;

	/* Programs write the variable, too. */
	if (SMAL_UNLIKELY((GC_dont_gc == 0) != bdw_automatic))
		bdw_set_automatic();
	if (thread != NULL && bytes <= PTRDIFF_MAX)
		object = type->stride_bytes != 0 ? smal_alloc(thread, type)
		                                 : smal_alloc_bytes(thread, type, bytes);
	bdw_lock_retake(depth);
	bdw_resume(was_blocking);
	bdw_stand();
	bdw_notify();
	return object;
}

SMAL_NOINLINE void *bdw_alloc_slow(const struct bdw_kind *kind, size_t bytes)
{
	struct smal_thread *thread = bdw_local.fast;
	void *object = NULL;

	/* Most often a window is used up, and nothing else. */
	if (SMAL_LIKELY(thread != NULL && bdw_local.depth == 0 && bytes < SMAL_LARGE_BYTES &&
	                (GC_dont_gc == 0) == bdw_automatic)) {
		object = smal_alloc_bytes_slow(thread, kind->type, bytes + bdw_spare);
		bdw_stand();
		if (SMAL_UNLIKELY(bdw_ready != 0))
			bdw_notify();
		return SMAL_LIKELY(object != NULL) ? object : bdw_oom(bytes);
	}
	/* The kinds are there when the thread is. */
	if (bdw_thread() != NULL && bytes < PTRDIFF_MAX)
		object = bdw_alloc_type(kind->type, bytes + bdw_spare);
	return SMAL_LIKELY(object != NULL) ? object : bdw_oom(bytes);
}

/* ---- By kind ---- */

void *GC_malloc(size_t bytes)
{
	return bdw_alloc(&bdw_kinds[BDW_NORMAL], bytes);
}

void *GC_malloc_atomic(size_t bytes)
{
	return bdw_alloc(&bdw_kinds[BDW_PTRFREE], bytes);
}

void *GC_malloc_uncollectable(size_t bytes)
{
	return bdw_alloc(&bdw_kinds[BDW_UNCOLLECTABLE], bytes);
}

void *GC_malloc_atomic_uncollectable(size_t bytes)
{
	return bdw_alloc(&bdw_kinds[BDW_ATOMIC_UNCOLLECTABLE], bytes);
}

void *GC_malloc_stubborn(size_t bytes)
{
	return GC_malloc(bytes);
}

/* A pointer into any part keeps it: that is more than was asked for. */
void *GC_malloc_ignore_off_page(size_t bytes)
{
	return GC_malloc(bytes);
}

void *GC_malloc_atomic_ignore_off_page(size_t bytes)
{
	return GC_malloc_atomic(bytes);
}

/* An unknown kind's objects are scanned: nothing is lost. */
static const struct bdw_kind *kind_at(int number)
{
	if (SMAL_UNLIKELY(bdw_local.fast == NULL))
		bdw_thread();
	return &bdw_kinds[(unsigned)number < bdw_kind_count ? (unsigned)number : BDW_NORMAL];
}

void *GC_generic_malloc(size_t bytes, int kind)
{
	return bdw_alloc(kind_at(kind), bytes);
}

void *GC_malloc_kind(size_t bytes, int kind)
{
	return GC_generic_malloc(bytes, kind);
}

void *GC_malloc_kind_global(size_t bytes, int kind)
{
	return GC_generic_malloc(bytes, kind);
}

void *GC_generic_malloc_ignore_off_page(size_t bytes, int kind)
{
	return GC_generic_malloc(bytes, kind);
}

void *GC_generic_or_special_malloc(size_t bytes, int kind)
{
	return GC_generic_malloc(bytes, kind);
}

/* What is scanned like the kind, but stays until it is freed: for kinds of the
 * program's, by the whole object. */
void *GC_generic_malloc_uncollectable(size_t bytes, int kind)
{
	return kind == BDW_PTRFREE || kind == BDW_ATOMIC_UNCOLLECTABLE
	               ? GC_malloc_atomic_uncollectable(bytes)
	               : GC_malloc_uncollectable(bytes);
}

/* ---- Several at once ---- */

/* Links objects of the thread's parcel, as many as fit in what is left of it and in
 * MANY_BYTES; NULL if there is none. They are the window's until the cursor is behind
 * them: a collection that comes between finds no objects there. */
static void *link_parcel(struct smal_parcel *parcel, size_t size)
{
	uintptr_t object = parcel->cursor, limit = parcel->limit, last = object, first = object;

	if (object + size > limit)
		return NULL;
	limit = smal_min(limit, object + MANY_BYTES);
	for (object += size; object + size <= limit; object += size) {
		*(uintptr_t *)last = object;
		last = object;
	}
	*(uintptr_t *)last = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&parcel->cursor, last + size, __ATOMIC_RELAXED);
	return (void *)first;
}

/* What `first` begins, or what the parcel has alone, is the program's when *result is
 * stored: who finds the chain there may be the only one who knows of it, so that no
 * collection comes before. True: there is something. */
static bool give_many(const struct bdw_kind *kind, size_t index, void **first, void **result)
{
	struct smal_thread *thread = bdw_local.fast;
	bool hold = __atomic_load_n(&bdw_shared, __ATOMIC_RELAXED) && bdw_local.depth == 0;
	void *rest;

	if (hold)
		smal_thread_hold(thread);
	rest = link_parcel(&thread->parcels[kind->class_index + index], smal_class_bytes(index));
	if (first != NULL)
		*first = rest;
	*(void *volatile *)result = first != NULL ? (void *)first : rest;
	if (hold)
		smal_thread_release(thread);
	return *result != NULL;
}

void GC_generic_malloc_many(size_t bytes, int number, void **result)
{
	const struct bdw_kind *kind = kind_at(number);
	size_t index = smal_class_index(bytes + bdw_spare);
	void **first;

	if (bdw_local.fast != NULL && bytes < SMAL_LARGE_BYTES &&
	    give_many(kind, index, NULL, result))
		return;
	/* A new window, and its first object. */
	first = bdw_alloc(kind, bytes);
	if (first != NULL && bdw_local.fast != NULL && bytes < SMAL_LARGE_BYTES) {
		give_many(kind, index, first, result);
		return;
	}
	if (first != NULL)
		*first = NULL;
	*result = first;
}

void *GC_malloc_many(size_t bytes)
{
	void *first;

	GC_generic_malloc_many(bytes, BDW_NORMAL, &first);
	return first;
}

/* ---- Alignment ---- */

/* A type for each alignment, made at first use. */
static struct smal_type *aligned_type(unsigned log2)
{
	static struct smal_type *types[ALIGN_LARGEST_LOG2 + 1];
	struct smal_type_desc desc = { .name = "aligned",
		                       .alignment = (size_t)1 << log2,
		                       .marking = SMAL_MARK_CONSERVATIVE,
		                       .flags = SMAL_TYPE_INTERIOR,
		                       .user = &bdw_kinds[BDW_NORMAL] };

	if (bdw_thread() != NULL && types[log2] == NULL)
		smal_type_create(bdw_gc, &desc, &types[log2]);
	return types[log2];
}

/* Alignments above a page's: a place inside a larger object. */
static void *align_inside(size_t alignment, size_t bytes)
{
	struct smal_type *type = aligned_type(ALIGN_LARGEST_LOG2);
	char *object = NULL;

	if (type != NULL && alignment < PTRDIFF_MAX - bytes)
		object = bdw_alloc_type(type, bytes + alignment);
	return object != NULL ? object + (0 - (uintptr_t)object) % alignment : bdw_oom(bytes);
}

void *GC_memalign(size_t alignment, size_t bytes)
{
	struct smal_type *type;
	void *object;
	unsigned log2;

	if (alignment <= 16)
		return GC_malloc(bytes);
	if ((alignment & (alignment - 1)) != 0 || bytes > PTRDIFF_MAX)
		return bdw_oom(bytes);
	log2 = smal_log2_ceil(alignment);
	if (log2 > ALIGN_LARGEST_LOG2)
		return align_inside(alignment, bytes);
	type = aligned_type(log2);
	object = type != NULL ? bdw_alloc_type(type, smal_max(bytes, alignment)) : NULL;
	return object != NULL ? object : bdw_oom(bytes);
}

int GC_posix_memalign(void **result, size_t alignment, size_t bytes)
{
	void *object;

	if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0)
		return EINVAL;
	object = GC_memalign(alignment, bytes);
	if (object == NULL)
		return ENOMEM;
	*result = object;
	return 0;
}

/* ---- Strings ---- */

char *GC_strndup(const char *text, size_t most)
{
	size_t bytes = strnlen(text, most);
	char *copy = GC_malloc_atomic(bytes + 1);

	if (copy == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	memcpy(copy, text, bytes);
	copy[bytes] = 0;
	return copy;
}

char *GC_strdup(const char *text)
{
	return text != NULL ? GC_strndup(text, SIZE_MAX) : NULL;
}

/* ---- Freeing, and other sizes ---- */

void GC_free(void *object)
{
	bool was_blocking;
	unsigned depth;

	if (object == NULL)
		return;
	if (SMAL_LIKELY(bdw_local.fast != NULL && bdw_local.depth == 0)) {
		smal_free(bdw_local.fast, object);
		return;
	}
	/* What a thread that can't be attached frees, stays. */
	if (bdw_wake(&was_blocking) == NULL)
		return;
	depth = bdw_lock_drop();
	smal_free(bdw_local.thread, object);
	bdw_lock_retake(depth);
	bdw_resume(was_blocking);
}

/* True if it has the new size now. Where most of it is too much, it moves. */
static bool resize(void *object, size_t old, size_t bytes)
{
	bool was_blocking, done;
	unsigned depth;

	if (bytes <= old && bytes >= old / 2)
		return true;
	if (old <= SMAL_LARGE_BYTES || bytes <= SMAL_LARGE_BYTES)
		return false;
	bdw_wake(&was_blocking);
	depth = bdw_lock_drop();
	done = smal_resize(bdw_local.thread, object, bytes) == SMAL_OK;
	bdw_lock_retake(depth);
	bdw_resume(was_blocking);
	return done;
}

void *GC_realloc(void *object, size_t bytes)
{
	const struct bdw_kind *kind;
	size_t old;
	void *moved;

	if (object == NULL)
		return GC_malloc(bytes);
	if (bytes == 0) {
		GC_free(object);
		return NULL;
	}
	if (bdw_thread() == NULL)
		return bdw_oom(bytes);
	kind = bdw_kind_of(object);
	if (kind == NULL) {
		bdw_warn("GC Warning: GC_realloc: %p is no object's address\n", (uintptr_t)object);
		return NULL;
	}
	old = smal_size(object);
	if (bytes < PTRDIFF_MAX && resize(object, old, bytes + bdw_spare))
		return object;
	moved = bdw_alloc(kind, bytes);
	if (moved == NULL)
		return NULL;
	memcpy(moved, object, smal_min(old, bytes));
	GC_free(object);
	return moved;
}

/* ---- What there is nothing to do for ---- */

void GC_change_stubborn(const void *object)
{
	(void)object;
}

void GC_end_stubborn_change(const void *object)
{
	(void)object;
}

void GC_ptr_store_and_dirty(void *slot, const void *pointer)
{
	*(const void **)slot = pointer;
}
