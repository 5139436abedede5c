/* SPDX-License-Identifier: MIT */
/*
 * root.c: declared roots, frames, and handing them to the marker.
 *
 * Roots stand in a list in the order they were added. Slots and frames hold
 * exact pointers: what they refer to is an object's start, or nothing. Ranges
 * and static data are scanned conservatively.
 *
 * The static data of the program is asked for before marking: the dynamic
 * linker's lock might be held by a thread that is stopped.
 */
#include <smal/gc/mark.h>
#include <smal/base/fail.h>

#include <string.h>

static enum smal_error root_add(struct smal_gc *gc, const struct smal_root *model,
                                const char *name)
{
	struct smal_root *root = smal_element_take(gc->books, sizeof *root);

	if (root == NULL)
		return SMAL_ERROR_NO_MEMORY;
	*root = *model;
	strncpy(root->name, name != NULL ? name : "", sizeof root->name - 1);
	smal_link_insert(&gc->roots, &root->link);
	return SMAL_OK;
}

enum smal_error smal_root_add(struct smal_gc *gc, void *slot, const char *name)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	struct smal_root root = { .kind = SMAL_ROOT_SLOT, .what = slot };

	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(slot != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL, "%s", "");
	return root_add(gc, &root, name);
}

enum smal_error smal_root_add_range(struct smal_gc *gc, const void *base, const void *limit,
                                    const char *name)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	struct smal_root root = { .kind = SMAL_ROOT_RANGE, .what = base, .limit = limit };

	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(base != NULL && (uintptr_t)base <= (uintptr_t)limit, SMAL_ERROR_INVALID,
	             "a range ends before it begins", base, "the base, %p the limit", limit);
	return root_add(gc, &root, name);
}

enum smal_error smal_root_add_function(struct smal_gc *gc, smal_root_function *function,
                                       void *user, const char *name)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	struct smal_root root = { .kind = SMAL_ROOT_FUNCTION, .what = user,
		                  .function = function };

	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(function != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL, "%s", "");
	return root_add(gc, &root, name);
}

enum smal_error smal_root_add_static(struct smal_gc *gc)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	struct smal_root root = { .kind = SMAL_ROOT_STATIC };

	if (error != SMAL_OK)
		return error;
	SMAL_LIST_EACH(link, &gc->roots)
		SMAL_REQUIRE(SMAL_CONTAINER(link, struct smal_root, link)->kind != SMAL_ROOT_STATIC,
		             SMAL_ERROR_BUSY, "static data is a root already", NULL, "%s", "");
	return root_add(gc, &root, "static data");
}

enum smal_error smal_root_remove(struct smal_gc *gc, const void *what)
{
	enum smal_error error = smal_gc_check(gc, __func__);

	if (error != SMAL_OK)
		return error;
	for (struct smal_link *link = gc->roots.prev; link != &gc->roots; link = link->prev) {
		struct smal_root *root = SMAL_CONTAINER(link, struct smal_root, link);

		if (root->what == what) {
			smal_link_remove(link);
			smal_element_give(gc->books, root);
			return SMAL_OK;
		}
	}
	return smal_fail(SMAL_ERROR_INVALID, __func__, "no such root", what, "%s",
	                 what != NULL ? "not a root's address" : "");
}

void smal_roots_fini(struct smal_gc *gc)
{
	struct smal_link *link;

	while ((link = smal_link_pop(&gc->roots)) != NULL)
		smal_element_give(gc->books, SMAL_CONTAINER(link, struct smal_root, link));
	if (gc->statics != NULL)
		smal_space_give(gc->books, gc->statics, gc->static_capacity * sizeof(uintptr_t));
	gc->statics = NULL;
}

/* ---- Frames ---- */

/* What a frame that is on a thread's chain has as `pushed`: no copy of it, and
 * nothing that happens to lie on the stack. */
static uintptr_t pushed_mark(const struct smal_attached *thread, const struct smal_frame *frame)
{
	return (uintptr_t)thread ^ ~(uintptr_t)frame;
}

/* True if a frame and all above it are on the chain. The frames below it are not
 * looked at: a longjmp may have passed them, and others stand there now. */
static bool frame_is_pushed(const struct smal_attached *thread, const struct smal_frame *frame)
{
	while (frame != NULL && frame->pushed == pushed_mark(thread, frame))
		frame = frame->up;
	return frame == NULL;
}

void smal_frame_push(struct smal_thread *thread, struct smal_frame *frame, void **slots,
                     size_t count)
{
	struct smal_attached *attached = smal_attached(thread);

	*frame = (struct smal_frame){ attached->frames, slots, count,
		                      pushed_mark(attached, frame) };
	attached->frames = frame;
}

void smal_frame_pop(struct smal_thread *thread, struct smal_frame *frame)
{
	struct smal_attached *attached = smal_attached(thread);

	if (frame == NULL ||
	    (frame != attached->frames && !frame_is_pushed(attached, frame))) {
		smal_fail(SMAL_ERROR_INVALID, __func__, "no such frame", frame, "%s",
		          "not on the thread's chain");
		return;
	}
	attached->frames = frame->up;
	frame->pushed = 0;
}

/* ---- Marking ---- */

static void gather(uintptr_t base, uintptr_t limit, void *argument)
{
	struct smal_gc *gc = argument;

	if (gc->static_count + 2 <= gc->static_capacity) {
		gc->statics[gc->static_count] = base;
		gc->statics[gc->static_count + 1] = limit;
	}
	gc->static_count += 2;
}

void smal_roots_prepare(struct smal_gc *gc)
{
	bool wanted = false, zeroed;

	SMAL_LIST_EACH(link, &gc->roots)
		wanted |= SMAL_CONTAINER(link, struct smal_root, link)->kind == SMAL_ROOT_STATIC;
	gc->static_count = 0;
	if (!wanted)
		return;
	smal_os_each_static(gather, gc);
	if (gc->static_count > gc->static_capacity) {
		size_t words = smal_round_up(gc->static_count * 2, SMAL_CHUNK / sizeof(uintptr_t));
		uintptr_t *statics = smal_space_take(gc->books, words * sizeof(uintptr_t),
		                                     SMAL_CHUNK, &zeroed);

		/* Without memory the ranges that fit are still known from before; the
		 * others are asked for while marking. */
		if (statics == NULL)
			return;
		if (gc->statics != NULL)
			smal_space_give(gc->books, gc->statics,
			                gc->static_capacity * sizeof(uintptr_t));
		gc->statics = statics;
		gc->static_capacity = words;
		gc->static_count = 0;
		smal_os_each_static(gather, gc);
	}
}

static void mark_static_range(uintptr_t base, uintptr_t limit, void *argument)
{
	smal_mark_range(argument, (const void *)base, (const void *)limit);
}

static void mark_statics(struct smal_gc *gc, struct smal_marker *marker)
{
	if (gc->static_count > gc->static_capacity) {
		smal_os_each_static(mark_static_range, marker);
		return;
	}
	for (size_t i = 0; i < gc->static_count; i += 2)
		mark_static_range(gc->statics[i], gc->statics[i + 1], marker);
}

void smal_roots_mark(struct smal_gc *gc, struct smal_marker *marker)
{
	SMAL_LIST_EACH(link, &gc->roots) {
		const struct smal_root *root = SMAL_CONTAINER(link, struct smal_root, link);

		switch (root->kind) {
		case SMAL_ROOT_SLOT:
			smal_mark(marker, *(void *const *)root->what);
			break;
		case SMAL_ROOT_RANGE:
			smal_mark_range(marker, root->what, root->limit);
			break;
		case SMAL_ROOT_FUNCTION:
			root->function(marker, (void *)(uintptr_t)root->what);
			break;
		case SMAL_ROOT_STATIC:
			mark_statics(gc, marker);
			break;
		}
	}
	if (gc->thread == NULL)
		return;
	for (const struct smal_frame *frame = gc->thread->frames; frame != NULL; frame = frame->up)
		smal_mark_array(marker, frame->slots, frame->count);
}
