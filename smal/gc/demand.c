/* SPDX-License-Identifier: MIT */
/*
 * demand.c: what a program asks of a collector as a whole: to collect, to call what waits
 * to be freed, to give memory back, to check itself; and who is told of collections.
 */
#include <smal/gc/world.h>
#include <smal/base/fail.h>

/* True for a signal handler on an alternate stack, unless that is a fiber's. */
static bool is_on_signal_stack(struct smal_attached *thread)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), base, limit;
	bool known;

	if (here - thread->current->base < thread->current->limit - thread->current->base ||
	    !smal_os_alternate_stack(&base, &limit))
		return false;
	smal_gc_lock(thread->gc);
	known = smal_fiber_find(thread->gc, thread, here) != NULL;
	smal_gc_unlock(thread->gc);
	return !known;
}

enum smal_error smal_collect(struct smal_thread *thread)
{
	enum smal_error error = smal_thread_check(thread, SMAL_IDLE, __func__);

	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(!is_on_signal_stack(smal_attached(thread)), SMAL_ERROR_BUSY, "not allowed now",
	             NULL, "%s", "called by a signal handler");
	smal_collect_now(smal_attached(thread), true);
	smal_sweep_frees(smal_attached(thread)->gc, smal_attached(thread));
	return SMAL_OK;
}

size_t smal_run_frees(struct smal_thread *thread)
{
	if (smal_thread_check(thread, SMAL_FREEING, __func__) != SMAL_OK)
		return 0;
	return smal_sweep_frees(smal_attached(thread)->gc, smal_attached(thread));
}

static void trim(struct smal_gc *gc, uintptr_t low, void *argument)
{
	size_t *bytes = argument;

	(void)low;
	smal_sweep_empty(gc);
	*bytes = smal_space_purge(gc->space, 0) + smal_space_purge(gc->books, 0);
}

size_t smal_trim(struct smal_thread *thread)
{
	size_t bytes = 0;

	if (smal_thread_check(thread, SMAL_IDLE, __func__) != SMAL_OK)
		return 0;
	smal_world_run(smal_attached(thread)->gc, trim, &bytes);
	return bytes;
}

void smal_gc_set_observer(struct smal_gc *gc, smal_observer *observer, void *user)
{
	if (smal_gc_check(gc, __func__) != SMAL_OK)
		return;
	smal_gc_lock(gc);
	gc->observer = observer;
	gc->observer_user = user;
	smal_gc_unlock(gc);
}

enum smal_error smal_gc_set_events(struct smal_gc *gc, smal_event_function *function, void *user)
{
	enum smal_error error = smal_gc_check(gc, __func__);

	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	gc->events = function;
	gc->events_user = user;
	smal_gc_unlock(gc);
	return SMAL_OK;
}

static void check(struct smal_gc *gc, uintptr_t low, void *argument)
{
	const char **why = argument;

	(void)low;
	*why = smal_verify(gc);
}

enum smal_error smal_check(struct smal_thread *thread)
{
	enum smal_error error = smal_thread_check(thread, SMAL_IDLE, __func__);
	const char *why = NULL;

	if (error != SMAL_OK)
		return error;
	smal_world_run(smal_attached(thread)->gc, check, &why);
	SMAL_REQUIRE(why == NULL, SMAL_ERROR_CORRUPT, why, NULL, "%s", "");
	return SMAL_OK;
}

static void set_torture(struct smal_gc *gc, uintptr_t low, void *argument)
{
	(void)low;
	gc->torture = *(const unsigned *)argument;
	SMAL_EACH_THREAD(gc, thread) {
		thread->torture_left = gc->torture;
		/* Windows that are open would be used up without being asked; others' are. */
		if (thread == smal_attached_self(gc))
			smal_holes_close(thread);
	}
}

void smal_gc_set_torture(struct smal_gc *gc, unsigned every_allocations)
{
	if (smal_gc_check(gc, __func__) == SMAL_OK)
		smal_world_run(gc, set_torture, &every_allocations);
}
