/* SPDX-License-Identifier: MIT */
/*
 * root.c: roots: ranges, static data, what the program pushes; and what a pointer is.
 *
 * Static data of the program and of loaded objects is a root unless GC_no_dls is set;
 * with it, of the program alone, until GC_clear_roots: who calls neither loses nothing.
 * The program's callback says of each object whether it has roots.
 *
 * Interior pointers from ranges and static data always count, whatever
 * GC_all_interior_pointers is, and so do pointers into the first 16 bytes of an object
 * from anywhere: displacements below 16 need no registration.
 */
#include <smal/compat/libgc/libgc.h>

#include <dlfcn.h>

struct range {
	uintptr_t base, limit;
};

static struct range *ranges;
static size_t range_count, range_room;
static bool cleared;
static bdw_roots_proc *has_roots;

struct smal_marker *bdw_marker;

static void push_nothing(void)
{
}

bdw_plain_proc *GC_push_other_roots = push_nothing;
int GC_no_dls, GC_all_interior_pointers = 1;

/* ---- Static data ---- */

int bdw_static_wanted(const char *name, const void *base, const void *limit, void *user)
{
	uintptr_t own = (uintptr_t)&ranges;

	(void)user;
	/* What this library has is no root. */
	if (own >= (uintptr_t)base && own < (uintptr_t)limit)
		return 0;
	if (GC_no_dls && (*name != 0 || cleared))
		return 0;
	return has_roots == NULL ||
	       has_roots(name, (void *)(uintptr_t)base,
	                 (size_t)((const char *)limit - (const char *)base)) != 0;
}

void GC_register_has_static_roots_callback(bdw_roots_proc *proc)
{
	has_roots = proc;
}

void GC_exclude_static_roots(void *base, void *limit)
{
	if (bdw_thread() != NULL && (uintptr_t)base < (uintptr_t)limit)
		smal_root_exclude(bdw_gc, base, limit);
}

void GC_clear_exclusion_table(void)
{
	if (bdw_thread() != NULL)
		smal_root_exclude(bdw_gc, NULL, NULL);
}

/* A collection that the loading of an object starts is no harm. */
void *GC_dlopen(const char *path, int mode)
{
	return dlopen(path, mode);
}

/* ---- Ranges ---- */

/* With the lock. */
static bool add_range(uintptr_t base, uintptr_t limit)
{
	struct range *larger;

	for (size_t i = 0; i < range_count; i++) {
		if (ranges[i].base == base) {
			ranges[i].limit = smal_max(ranges[i].limit, limit);
			return true;
		}
	}
	if (range_count == range_room) {
		larger = smal_heap_realloc(NULL, ranges, (range_room * 2 + 32) * sizeof *ranges);
		if (larger == NULL)
			return false;
		ranges = larger;
		range_room = range_room * 2 + 32;
	}
	ranges[range_count++] = (struct range){ base, limit };
	return true;
}

/* Whole words alone. */
static bool trim(void *base, void *limit, struct range *range)
{
	range->base = smal_round_up((uintptr_t)base, sizeof(uintptr_t));
	range->limit = (uintptr_t)limit & ~(uintptr_t)(sizeof(uintptr_t) - 1);
	return range->base < range->limit;
}

void GC_add_roots(void *base, void *limit)
{
	struct range range;
	bool done;

	if (!trim(base, limit, &range))
		return;
	done = bdw_lock() && add_range(range.base, range.limit);
	bdw_unlock();
	if (!done)
		bdw_oom(sizeof *ranges);
}

/* Ranges that lie in the region as a whole. */
void GC_remove_roots(void *base, void *limit)
{
	struct range region;

	if (!trim(base, limit, &region))
		return;
	for (size_t i = bdw_lock() ? range_count : 0; i > 0; i--)
		if (ranges[i - 1].base >= region.base && ranges[i - 1].limit <= region.limit)
			ranges[i - 1] = ranges[--range_count];
	bdw_unlock();
}

void GC_clear_roots(void)
{
	bdw_lock();
	range_count = 0;
	cleared = true;
	bdw_unlock();
}

/* Roots of loaded objects are found anew in each collection: none is temporary. */
int GC_is_tmp_root(void *pointer)
{
	(void)pointer;
	return 0;
}

/* ---- Pushing, from the program's callbacks ---- */

void bdw_roots_mark(struct smal_marker *marker, void *user)
{
	(void)user;
	for (size_t i = 0; i < range_count; i++)
		smal_mark_range(marker, (const void *)ranges[i].base,
		                (const void *)ranges[i].limit);
	bdw_finalizers_mark(marker);
	bdw_created_mark(marker);
	bdw_togglerefs_mark(marker);
	bdw_marker = marker;
	if (GC_push_other_roots != NULL)
		GC_push_other_roots();
	bdw_marker = NULL;
}

void GC_push_all(void *base, void *limit)
{
	struct range range;

	if (bdw_marker != NULL && trim(base, limit, &range))
		smal_mark_range(bdw_marker, (const void *)range.base, (const void *)range.limit);
}

void GC_push_all_eager(void *base, void *limit)
{
	GC_push_all(base, limit);
}

/* Which pages are dirty is not known: all of them. */
void GC_push_conditional(void *base, void *limit, int all)
{
	(void)all;
	GC_push_all(base, limit);
}

/* They are pushed as part of the roots. */
void GC_push_finalizer_structures(void)
{
}

void GC_set_mark_bit(const void *object)
{
	if (bdw_marker != NULL)
		smal_mark_only(bdw_marker, object);
}

/* Marks are made anew in each collection; none is taken back. */
void GC_clear_mark_bit(const void *object)
{
	(void)object;
}

/* Outside of a collection: what lives. */
int GC_is_marked(const void *object)
{
	object = bdw_gc != NULL ? bdw_start(object) : object;
	if (bdw_marker != NULL)
		return smal_is_marked(bdw_marker, object);
	return smal_type_of(object) != NULL;
}

void GC_set_push_other_roots(bdw_plain_proc *proc)
{
	GC_push_other_roots = proc;
}

bdw_plain_proc *GC_get_push_other_roots(void)
{
	return GC_push_other_roots;
}

static int visit(void *object, struct smal_type *type, size_t bytes, void *user)
{
	const struct {
		bdw_reachable_proc *proc;
		void *data;
	} *to = user;

	/* The library's own have no kind. */
	if (smal_type_user(type) != NULL)
		to->proc(object, bytes, to->data);
	return 0;
}

/* Every live object: reachable ones, and those that no collection has looked at. */
void GC_enumerate_reachable_objects_inner(bdw_reachable_proc *proc, void *data)
{
	struct {
		bdw_reachable_proc *proc;
		void *data;
	} to = { proc, data };
	unsigned depth = bdw_lock_drop();

	if (bdw_thread() != NULL)
		smal_each_object(bdw_local.thread, visit, &to);
	bdw_lock_retake(depth);
}

/* ---- What a pointer is ---- */

void *GC_base(void *pointer)
{
	return bdw_gc != NULL ? smal_find(bdw_gc, (uintptr_t)pointer) : NULL;
}

size_t GC_size(const void *object)
{
	return bdw_gc != NULL && smal_type_of(object) != NULL ? smal_size(object) : 0;
}

int GC_is_heap_ptr(const void *pointer)
{
	return bdw_gc != NULL && smal_holds(bdw_gc, pointer);
}

int GC_get_kind_and_size(const void *object, size_t *bytes)
{
	const struct bdw_kind *kind = bdw_gc != NULL ? bdw_kind_of(object) : NULL;

	if (bytes != NULL)
		*bytes = GC_size(object);
	return kind != NULL ? (int)kind->number : BDW_NORMAL;
}

/* Displacements below 16 always count, and all of them with interior pointers. For one
 * that is larger, all do from then on, into objects that are allocated from then on. */
void GC_register_displacement(size_t offset)
{
	if (offset < 16 || GC_all_interior_pointers)
		return;
	if (bdw_gc == NULL)
		bdw_interior = true;
	else if (!bdw_kinds_make_interior())
		bdw_oom(sizeof(struct bdw_kind));
}

void GC_set_all_interior_pointers(int flag)
{
	if (bdw_gc == NULL)
		GC_all_interior_pointers = flag != 0;
	else if (flag && !GC_all_interior_pointers)
		bdw_warn("GC Warning: interior pointers are asked for too late: %p\n",
		         (bdw_word)flag);
}

int GC_get_all_interior_pointers(void)
{
	return GC_all_interior_pointers;
}

void GC_set_no_dls(int flag)
{
	GC_no_dls = flag;
}

int GC_get_no_dls(void)
{
	return GC_no_dls;
}

/* ---- Checking pointers, for programs that do it step by step ---- */

static void complain_two(void *pointer, void *other)
{
	(void)other;
	bdw_warn("GC Warning: GC_same_obj: %p and the other are not in the same object\n",
	         (uintptr_t)pointer);
}

static void complain(void *pointer)
{
	bdw_warn("GC Warning: %p is not where a pointer must be\n", (uintptr_t)pointer);
}

bdw_two_pointers_proc *GC_same_obj_print_proc = complain_two;
bdw_pointer_proc *GC_is_valid_displacement_print_proc = complain;
bdw_pointer_proc *GC_is_visible_print_proc = complain;

void *GC_same_obj(void *pointer, void *other)
{
	const char *base = GC_base(other);

	if (base != NULL ? (size_t)((const char *)pointer - base) > GC_size(base)
	                 : GC_base(pointer) != NULL)
		GC_same_obj_print_proc(pointer, other);
	return pointer;
}

void *GC_pre_incr(void **pointer, ptrdiff_t bytes)
{
	void *before = *pointer;

	*pointer = GC_same_obj((char *)before + bytes, before);
	return *pointer;
}

void *GC_post_incr(void **pointer, ptrdiff_t bytes)
{
	void *before = *pointer;

	*pointer = GC_same_obj((char *)before + bytes, before);
	return before;
}

/* Where it can be told; an address of which nothing is known is taken to be right. */
void *GC_is_visible(void *pointer)
{
	if ((uintptr_t)pointer % sizeof(void *) != 0)
		GC_is_visible_print_proc(pointer);
	return pointer;
}

void *GC_is_valid_displacement(void *pointer)
{
	const void *base = GC_base(pointer);

	if (base != NULL && !GC_all_interior_pointers && (uintptr_t)pointer - (uintptr_t)base >= 16)
		GC_is_valid_displacement_print_proc(pointer);
	return pointer;
}
