/* SPDX-License-Identifier: MIT */
/*
 * fiber.c: stacks that threads switch between.
 *
 * A switch saves, on the stack that is left, the callee-saved registers and where
 * the caller's frame begins, and changes which stack is current; what the
 * machine does then is the runtime's. So of a stack that does not run, what must
 * be scanned is known, whatever the switch itself looks like.
 *
 *   base                         saved.low               limit
 *    +----- never, or no more -----+------ scanned --------+
 *
 * A thread that is stopped between the two, by a signal, is on the stack that it
 * has just left: a stopped thread's place is looked for among all stacks.
 */
#include <smal/gc/world.h>
#include <smal/base/fail.h>

#include <string.h>

static bool contains(const struct smal_fiber *fiber, uintptr_t address)
{
	return address - fiber->base < fiber->limit - fiber->base;
}

struct smal_fiber *smal_fiber_find(struct smal_gc *gc, struct smal_attached *thread,
                                   uintptr_t address)
{
	if (contains(thread->current, address))
		return thread->current;
	if (contains(&thread->own, address))
		return &thread->own;
	SMAL_LIST_EACH(link, &gc->fibers) {
		struct smal_fiber *fiber = SMAL_CONTAINER(link, struct smal_fiber, link);

		if (contains(fiber, address))
			return fiber;
	}
	return NULL;
}

enum smal_error smal_fiber_create(struct smal_gc *gc, const void *base, size_t bytes,
                                  struct smal_fiber **result)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	uintptr_t address = (uintptr_t)base;
	struct smal_fiber *fiber;

	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(result != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL, "%s", "");
	SMAL_REQUIRE(base != NULL && bytes >= sizeof(uintptr_t) && bytes <= SIZE_MAX / 2 &&
	                     address <= UINTPTR_MAX - bytes,
	             SMAL_ERROR_INVALID, "not a stack", base, "the base of %zu bytes", bytes);
	smal_gc_lock(gc);
	fiber = smal_element_take(gc->books, sizeof *fiber);
	if (fiber != NULL) {
		*fiber = (struct smal_fiber){ .magic = SMAL_MAGIC_FIBER, .gc = gc, .base = address,
			                      .limit = address + bytes };
		smal_link_insert(&gc->fibers, &fiber->link);
	}
	smal_gc_unlock(gc);
	if (fiber == NULL)
		return SMAL_ERROR_NO_MEMORY;
	*result = fiber;
	return SMAL_OK;
}

enum smal_error smal_fiber_destroy(struct smal_fiber *fiber)
{
	enum smal_error error;
	struct smal_gc *gc;
	bool runs;

	if (fiber == NULL)
		return SMAL_OK;
	SMAL_REQUIRE(fiber->magic == SMAL_MAGIC_FIBER, SMAL_ERROR_INVALID, "not a fiber", fiber, "%s",
	             fiber->magic == SMAL_MAGIC_GONE ? "a fiber that has ended" : "");
	gc = fiber->gc;
	error = smal_gc_check(gc, __func__);
	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	runs = smal_atomic_load(&fiber->thread) != 0;
	if (!runs) {
		fiber->magic = SMAL_MAGIC_GONE;
		smal_link_remove(&fiber->link);
		smal_element_give(gc->books, fiber);
	}
	smal_gc_unlock(gc);
	SMAL_REQUIRE(!runs, SMAL_ERROR_BUSY, "a thread runs on it", fiber, "%s", "a fiber in use");
	return SMAL_OK;
}

/* Makes the fiber the thread's; false: it is another one's, or this one's already. */
static bool take(struct smal_attached *thread, struct smal_fiber *fiber)
{
	return smal_atomic_cas(&fiber->thread, 0, (uintptr_t)thread);
}

SMAL_NOINLINE enum smal_error smal_fiber_switch(struct smal_thread *public, struct smal_fiber *fiber)
{
	enum smal_error error = smal_thread_check(public, SMAL_FREEING, __func__);
	struct smal_attached *thread = smal_attached(public);
	struct smal_fiber *from;

	if (error != SMAL_OK)
		return error;
	if (fiber == NULL)
		fiber = &thread->own;
	SMAL_REQUIRE(fiber->magic == SMAL_MAGIC_FIBER && fiber->gc == thread->gc, SMAL_ERROR_INVALID,
	             "not a fiber of this collector", fiber, "%s",
	             fiber->magic == SMAL_MAGIC_FIBER  ? "another collector's"
	             : fiber->magic == SMAL_MAGIC_GONE ? "a fiber that has ended"
	                                               : "");
	smal_gc_begin(thread);
	from = thread->current;
	if (!take(thread, fiber)) {
		smal_gc_end(thread);
		return smal_fail(SMAL_ERROR_BUSY, __func__, "fiber is current already", fiber, "%s",
		                 fiber == from ? "this thread's" : "another thread's");
	}
	smal_saved_store(&from->saved, (uintptr_t)__builtin_frame_address(0), from->limit);
	thread->current = fiber;
	smal_atomic_store(&from->thread, 0);
	smal_gc_end(thread);
	return SMAL_OK;
}

enum smal_error smal_thread_follow(struct smal_thread *public, const void *const volatile *limit)
{
	enum smal_error error = smal_thread_check(public, SMAL_FREEING, __func__);

	if (error != SMAL_OK)
		return error;
	smal_gc_begin(smal_attached(public));
	smal_attached(public)->follow = limit;
	smal_gc_end(smal_attached(public));
	return SMAL_OK;
}

struct smal_fiber *smal_fiber_current(struct smal_thread *public)
{
	struct smal_attached *thread = smal_attached(public);

	if (smal_thread_check(public, SMAL_FREEING, __func__) != SMAL_OK)
		return NULL;
	return thread->current != &thread->own ? thread->current : NULL;
}

void smal_fibers_fini(struct smal_gc *gc)
{
	struct smal_link *link;

	while ((link = smal_link_pop(&gc->fibers)) != NULL) {
		struct smal_fiber *fiber = SMAL_CONTAINER(link, struct smal_fiber, link);

		fiber->magic = SMAL_MAGIC_GONE;
		smal_element_give(gc->books, fiber);
	}
}
