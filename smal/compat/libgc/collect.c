/* SPDX-License-Identifier: MIT */
/*
 * collect.c: collections on demand, and what programs are told of them.
 *
 * Nothing is done in increments: what asks for a little, gets a whole collection or
 * nothing.
 */
#include <smal/compat/libgc/libgc.h>
#include <smal/os/os.h>

#include <stdio.h>
#include <unistd.h>

bdw_word GC_gc_no;
int GC_dont_gc, GC_dont_precollect;
bdw_resize_proc *GC_on_heap_resize;

uint64_t bdw_pause_sum_ns;

static bdw_plain_proc *start_callback;
static bdw_event_proc *event_proc;
static bdw_thread_event_proc *thread_event_proc;
static bdw_stop_proc *stop_func;
static int automatic_off;
static __thread uint64_t begun_ns __attribute__((tls_model("initial-exec")));

/* ---- Events ---- */

static void tell(enum bdw_event event)
{
	if (event_proc != NULL)
		event_proc(event);
}

static void swept(void)
{
	static size_t heap_before;
	size_t heap = smal_gc_heap_bytes(bdw_gc);

	GC_gc_no++;
	if (GC_on_heap_resize != NULL && heap > heap_before)
		GC_on_heap_resize(heap);
	heap_before = smal_max(heap, heap_before);
}

static void account(void)
{
	uint64_t ns = smal_os_clock_ns() - begun_ns;
	struct smal_space_stats space;

	bdw_pause_sum_ns += ns;
	if (bdw_print_stats != 0)
		GC_log_printf("Collection %lu took %lu ms %lu ns, heap %zu KiB\n",
		              (unsigned long)GC_gc_no, (unsigned long)(ns / 1000000),
		              (unsigned long)(ns % 1000000), smal_gc_heap_bytes(bdw_gc) / 1024);
	if (bdw_print_stats < 2)
		return;
	smal_get_space_stats(&space);
	GC_log_printf("Memory in use %llu KiB, free %llu KiB (of it not given back %llu KiB), "
	              "own structures %llu KiB\n",
	              (unsigned long long)space.used_bytes / 1024,
	              (unsigned long long)space.free_bytes / 1024,
	              (unsigned long long)space.dirty_bytes / 1024,
	              (unsigned long long)space.metadata_bytes / 1024);
}

/* Between BEGIN and STOPPED another collection may come, and then there is no STOPPED. In the
 * callbacks, and as long as the world is stopped, the thread has the lock: nothing that a
 * callback does takes it. */
void bdw_event(enum smal_event event, void *user)
{
	bool is_own;

	(void)user;
	switch (event) {
	case SMAL_EVENT_BEGIN:
		bdw_local.collecting = true;
		if (start_callback != NULL)
			start_callback();
		tell(BDW_EVENT_START);
		tell(BDW_EVENT_PRE_STOP_WORLD);
		begun_ns = smal_os_clock_ns();
		bdw_local.collecting = false;
		break;
	case SMAL_EVENT_STOPPED:
		bdw_local.collecting = true;
		tell(BDW_EVENT_POST_STOP_WORLD);
		tell(BDW_EVENT_MARK_START);
		break;
	case SMAL_EVENT_MARKED:
		tell(BDW_EVENT_MARK_END);
		tell(BDW_EVENT_RECLAIM_START);
		break;
	case SMAL_EVENT_SWEPT:
		swept();
		tell(BDW_EVENT_RECLAIM_END);
		tell(BDW_EVENT_PRE_START_WORLD);
		break;
	case SMAL_EVENT_END:
		is_own = bdw_local.collecting;
		bdw_local.collecting = true;
		tell(BDW_EVENT_POST_START_WORLD);
		tell(BDW_EVENT_END);
		if (is_own)
			account();
		bdw_local.collecting = false;
		break;
	}
}

void GC_set_start_callback(bdw_plain_proc *proc)
{
	start_callback = proc;
}

bdw_plain_proc *GC_get_start_callback(void)
{
	return start_callback;
}

void GC_set_on_collection_event(bdw_event_proc *proc)
{
	event_proc = proc;
}

bdw_event_proc *GC_get_on_collection_event(void)
{
	return event_proc;
}

/* How single threads are stopped, nobody sees. */
void GC_set_on_thread_event(bdw_thread_event_proc *proc)
{
	thread_event_proc = proc;
}

bdw_thread_event_proc *GC_get_on_thread_event(void)
{
	return thread_event_proc;
}

void GC_set_on_heap_resize(bdw_resize_proc *proc)
{
	GC_on_heap_resize = proc;
}

bdw_resize_proc *GC_get_on_heap_resize(void)
{
	return GC_on_heap_resize;
}

/* ---- On demand ---- */

static bool collect(bool trim)
{
	bool was_blocking, done = false;
	struct smal_thread *thread;
	unsigned depth;

	/* In a callback of a collection: that is one. */
	if (bdw_local.collecting)
		return false;
	thread = bdw_wake(&was_blocking);
	depth = bdw_lock_drop();
	if (thread != NULL && GC_dont_gc == 0) {
		done = smal_collect(thread) == SMAL_OK;
		if (trim)
			smal_trim(thread);
	}
	bdw_lock_retake(depth);
	bdw_resume(was_blocking);
	bdw_stand();
	bdw_notify();
	return done;
}

void GC_gcollect(void)
{
	collect(false);
}

void GC_gcollect_and_unmap(void)
{
	collect(true);
}

/* A collection that has begun is not given up. */
int GC_try_to_collect(bdw_stop_proc *stop)
{
	if (stop != NULL && stop() != 0)
		return 0;
	return collect(false);
}

void GC_set_stop_func(bdw_stop_proc *stop)
{
	stop_func = stop;
}

static int never_stop(void)
{
	return 0;
}

bdw_stop_proc *GC_get_stop_func(void)
{
	return stop_func != NULL ? stop_func : never_stop;
}

/* A collection, if one is near; 0: there is nothing left to do. */
int GC_collect_a_little(void)
{
	if (bdw_gc != NULL && smal_gc_fresh_bytes(bdw_gc) >= bdw_budget)
		collect(false);
	return 0;
}

void GC_enable_incremental(void)
{
	bdw_thread();
}

int GC_is_incremental_mode(void)
{
	return 0;
}

int GC_incremental_protection_needs(void)
{
	return 0;
}

void GC_start_incremental_collection(void)
{
}

/* ---- Whether allocation collects ---- */

bool bdw_automatic = true;

void bdw_set_automatic(void)
{
	bdw_automatic = GC_dont_gc == 0;
	if (bdw_thread() != NULL)
		smal_gc_set_automatic(bdw_gc, bdw_automatic && !automatic_off);
}

/* A program may call these before all others, and set what counts only then. */
void GC_disable(void)
{
	__atomic_add_fetch(&GC_dont_gc, 1, __ATOMIC_SEQ_CST);
	if (bdw_gc != NULL)
		bdw_set_automatic();
}

void GC_enable(void)
{
	if (__atomic_fetch_sub(&GC_dont_gc, 1, __ATOMIC_SEQ_CST) <= 0) {
		__atomic_add_fetch(&GC_dont_gc, 1, __ATOMIC_SEQ_CST);
		bdw_warn("GC Warning: GC_enable without GC_disable: %p\n", 0);
	}
	if (bdw_gc != NULL)
		bdw_set_automatic();
}

int GC_is_disabled(void)
{
	return GC_dont_gc != 0;
}

void GC_set_disable_automatic_collection(int flag)
{
	automatic_off = flag;
	if (bdw_gc != NULL)
		bdw_set_automatic();
}

int GC_get_disable_automatic_collection(void)
{
	return automatic_off;
}
