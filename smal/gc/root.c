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
#include <smal/gc/weak.h>
#include <smal/gc/world.h>
#include <smal/base/fail.h>

#include <string.h>

static enum smal_error root_add(struct smal_gc *gc, const struct smal_root *model,
                                const char *name)
{
	struct smal_root *root;

	smal_gc_lock(gc);
	root = smal_element_take(gc->books, sizeof *root);
	if (root != NULL) {
		*root = *model;
		strncpy(root->name, name != NULL ? name : "", sizeof root->name - 1);
		smal_link_insert(&gc->roots, &root->link);
		if (root->kind == SMAL_ROOT_STATIC)
			smal_atomic_store_u32(&gc->statics_are_roots, 1);
	}
	smal_gc_unlock(gc);
	return root != NULL ? SMAL_OK : SMAL_ERROR_NO_MEMORY;
}

/* The root that was added last at an address, or of a kind; with the lock held. */
static struct smal_root *root_find(struct smal_gc *gc, const void *what, bool is_static)
{
	for (struct smal_link *link = gc->roots.prev; link != &gc->roots; link = link->prev) {
		struct smal_root *root = SMAL_CONTAINER(link, struct smal_root, link);

		if (is_static ? root->kind == SMAL_ROOT_STATIC
		              : root->what == what && root->kind != SMAL_ROOT_EXCLUDED)
			return root;
	}
	return NULL;
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

static enum smal_error add_static(struct smal_gc *gc, smal_static_filter *filter, void *user,
                                  const char *function)
{
	enum smal_error error = smal_gc_check(gc, function);
	struct smal_root root = { .kind = SMAL_ROOT_STATIC };
	bool is_there;

	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	is_there = root_find(gc, NULL, true) != NULL;
	if (!is_there) {
		gc->filter = filter;
		gc->filter_user = user;
	}
	smal_gc_unlock(gc);
	if (is_there)
		return smal_fail(SMAL_ERROR_BUSY, function, "static data is a root already", NULL,
		                 "%s", "");
	return root_add(gc, &root, "static data");
}

enum smal_error smal_root_add_static(struct smal_gc *gc)
{
	return add_static(gc, NULL, NULL, __func__);
}

enum smal_error smal_root_add_static_if(struct smal_gc *gc, smal_static_filter *filter, void *user)
{
	return add_static(gc, filter, user, __func__);
}

/* Forgets all that is excluded; with the lock held. */
static void include_all(struct smal_gc *gc)
{
	SMAL_LIST_EACH_SAFE(link, &gc->roots) {
		struct smal_root *root = SMAL_CONTAINER(link, struct smal_root, link);

		if (root->kind != SMAL_ROOT_EXCLUDED)
			continue;
		smal_link_remove(&root->link);
		smal_element_give(gc->books, root);
	}
}

enum smal_error smal_root_exclude(struct smal_gc *gc, const void *base, const void *limit)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	struct smal_root root = { .kind = SMAL_ROOT_EXCLUDED, .what = base, .limit = limit };

	if (error != SMAL_OK)
		return error;
	if (base == NULL && limit == NULL) {
		smal_gc_lock(gc);
		include_all(gc);
		smal_gc_unlock(gc);
		return SMAL_OK;
	}
	SMAL_REQUIRE(base != NULL && (uintptr_t)base <= (uintptr_t)limit, SMAL_ERROR_INVALID,
	             "a range ends before it begins", base, "the base, %p the limit", limit);
	return root_add(gc, &root, "excluded");
}

enum smal_error smal_root_remove(struct smal_gc *gc, const void *what)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	struct smal_root *root;

	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	root = root_find(gc, what, false);
	if (root != NULL) {
		if (root->kind == SMAL_ROOT_STATIC)
			smal_atomic_store_u32(&gc->statics_are_roots, 0);
		smal_link_remove(&root->link);
		smal_element_give(gc->books, root);
	}
	smal_gc_unlock(gc);
	SMAL_REQUIRE(root != NULL, SMAL_ERROR_INVALID, "no such root", what, "%s",
	             what != NULL ? "not a root's address" : "");
	return SMAL_OK;
}

void smal_roots_fini(struct smal_gc *gc)
{
	struct smal_link *link;

	while ((link = smal_link_pop(&gc->roots)) != NULL)
		smal_element_give(gc->books, SMAL_CONTAINER(link, struct smal_root, link));
}

/* ---- Frames ---- */

/* What a frame that is on a stack's chain has as `pushed`: no copy of it, and
 * nothing that happens to lie on the stack. */
static uintptr_t pushed_mark(const struct smal_fiber *fiber, const struct smal_frame *frame)
{
	return (uintptr_t)fiber ^ ~(uintptr_t)frame;
}

/* True if a frame and all above it are on the chain. The frames below it are not
 * looked at: a longjmp may have passed them, and others stand there now. */
static bool frame_is_pushed(const struct smal_fiber *fiber, const struct smal_frame *frame)
{
	while (frame != NULL && frame->pushed == pushed_mark(fiber, frame))
		frame = frame->up;
	return frame == NULL;
}

void smal_frame_push(struct smal_thread *thread, struct smal_frame *frame, void **slots,
                     size_t count)
{
	struct smal_attached *attached = smal_attached(thread);

	*frame = (struct smal_frame){ attached->current->frames, slots, count,
		                      pushed_mark(attached->current, frame) };
	/* A signal may stop the thread at any instruction. */
	__asm__ volatile("" ::: "memory");
	attached->current->frames = frame;
}

void smal_frame_pop(struct smal_thread *thread, struct smal_frame *frame)
{
	struct smal_fiber *fiber = smal_attached(thread)->current;

	if (frame == NULL || (frame != fiber->frames && !frame_is_pushed(fiber, frame))) {
		smal_fail(SMAL_ERROR_INVALID, __func__, "no such frame", frame, "%s",
		          "not on the thread's chain");
		return;
	}
	fiber->frames = frame->up;
	frame->pushed = 0;
}

/* ---- Marking ---- */

static void gather(const char *name, uintptr_t base, uintptr_t limit, void *argument)
{
	struct smal_statics *statics = argument;

	if (statics->filter != NULL &&
	    !statics->filter(name, (const void *)base, (const void *)limit, statics->user))
		return;
	if (statics->count + 2 <= statics->capacity) {
		statics->words[statics->count] = base;
		statics->words[statics->count + 1] = limit;
	}
	statics->count += 2;
}

/* Room for as many as there were, and some more. */
static bool statics_grow(struct smal_attached *thread, struct smal_statics *statics)
{
	size_t capacity = smal_round_up(statics->count * 2, SMAL_CHUNK / sizeof(uintptr_t));
	bool zeroed;

	smal_statics_release(thread, statics);
	smal_gc_begin(thread);
	statics->words = smal_space_take(thread->gc->books, capacity * sizeof(uintptr_t), SMAL_CHUNK,
	                                 &zeroed);
	smal_gc_end(thread);
	statics->capacity = statics->words != NULL ? capacity : 0;
	return statics->words != NULL;
}

static void gather_all(uintptr_t low, void *argument)
{
	struct smal_statics *statics = argument;

	smal_park(low);
	statics->generation = smal_os_each_static(gather, statics);
	smal_unpark(low);
}

/* Who has the linker's lock may collect: where no signal stops this thread, it is away while
 * it waits for that. */
static void ask_linker(const struct smal_gc *gc, struct smal_statics *statics)
{
	if (gc->options.stop_signal == 0)
		smal_os_with_stack(gather_all, statics);
	else
		statics->generation = smal_os_each_static(gather, statics);
}

bool smal_statics_gather(struct smal_attached *thread, struct smal_statics *statics)
{
	struct smal_gc *gc = thread->gc;

	statics->filter = gc->filter;
	statics->user = gc->filter_user;
	statics->words = statics->few;
	statics->capacity = sizeof statics->few / sizeof *statics->few;
	statics->count = 0;
	if (smal_atomic_load_u32(&gc->statics_are_roots) == 0)
		return false;
	/* Until all fit: more may be loaded meanwhile. No lock is held: the linker's is
	 * above ours. */
	for (;;) {
		statics->count = 0;
		ask_linker(gc, statics);
		if (statics->count <= statics->capacity)
			return true;
		if (!statics_grow(thread, statics))
			return false;
	}
}

void smal_statics_release(struct smal_attached *thread, struct smal_statics *statics)
{
	if (statics->words == NULL || statics->words == statics->few)
		return;
	smal_gc_begin(thread);
	smal_space_give(thread->gc->books, statics->words, statics->capacity * sizeof(uintptr_t));
	smal_gc_end(thread);
}

/* A range but for what is excluded, by roots from `link` on. */
static void mark_included(struct smal_marker *marker, uintptr_t base, uintptr_t limit,
                          const struct smal_link *link)
{
	const struct smal_link *head = &marker->gc->roots;

	for (; link != head && base < limit; link = link->next) {
		const struct smal_root *root = SMAL_CONTAINER(link, struct smal_root, link);
		uintptr_t hole = (uintptr_t)root->what, end = (uintptr_t)root->limit;

		if (root->kind != SMAL_ROOT_EXCLUDED || end <= base || hole >= limit)
			continue;
		if (hole > base)
			mark_included(marker, base, hole, link->next);
		base = end;
	}
	if (base < limit)
		smal_mark_range(marker, (const void *)base, (const void *)limit);
}

static void mark_static_range(const char *name, uintptr_t base, uintptr_t limit, void *argument)
{
	struct smal_marker *marker = argument;
	const struct smal_gc *gc = marker->gc;

	if (name != NULL && gc->filter != NULL &&
	    !gc->filter(name, (const void *)base, (const void *)limit, gc->filter_user))
		return;
	mark_included(marker, base, limit, gc->roots.next);
}

/* Without memory for them the linker is asked once more, now: it is that, or losing
 * what static data refers to. */
static void mark_statics(struct smal_gc *gc, struct smal_marker *marker)
{
	const struct smal_statics *statics = gc->statics;

	if (statics == NULL || statics->count > statics->capacity) {
		smal_os_each_static(mark_static_range, marker);
		return;
	}
	for (size_t i = 0; i < statics->count; i += 2)
		mark_static_range(NULL, statics->words[i], statics->words[i + 1], marker);
}

static void mark_frames(struct smal_marker *marker, const struct smal_fiber *fiber)
{
	marker->root = "frame";
	for (const struct smal_frame *frame = fiber->frames; frame != NULL; frame = frame->up)
		smal_mark_array(marker, frame->slots, frame->count);
}

static void mark_declared(struct smal_gc *gc, struct smal_marker *marker,
                          const struct smal_root *root)
{
	marker->root = root->name[0] != 0 ? root->name : "root";
	marker->place = root->kind == SMAL_ROOT_SLOT ? (uintptr_t)root->what : 0;
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
	case SMAL_ROOT_EXCLUDED:
		break;
	}
}

void smal_roots_mark(struct smal_gc *gc, struct smal_marker *marker)
{
	SMAL_LIST_EACH(link, &gc->roots)
		mark_declared(gc, marker, SMAL_CONTAINER(link, struct smal_root, link));
	marker->place = 0;
	SMAL_EACH_THREAD(gc, thread) {
		mark_frames(marker, &thread->own);
		marker->root = "arguments";
		smal_mark_array(marker, thread->held, SMAL_HELD_WORDS);
	}
	SMAL_LIST_EACH(link, &gc->fibers)
		mark_frames(marker, SMAL_CONTAINER(link, struct smal_fiber, link));
	smal_notices_mark(gc, marker);
	if (!gc->options.exact_stacks)
		smal_mark_stacks(marker);
}
