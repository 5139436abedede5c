/* SPDX-License-Identifier: MIT */
/*
 * fork.c: a fork at any moment leaves both sides whole.
 *
 *   before   the forking thread leaves its collectors; every collector's phase
 *            becomes FORKING, so that no world is stopped; FREEZE keeps other
 *            threads from going inside; when nobody is inside any more, or asks
 *            the linker for static data, the locks are taken: collectors, the
 *            heaps' (heap/fork.c), spaces, the process. Who is inside may have
 *            waited for a heap's: that order
 *   parent   all of that undone, from below
 *   child    the same, with new locks; the other threads' attachments end, and
 *            what they had claimed is free again
 *
 * A thread that runs code of its own is not waited for: between two calls its
 * holes and parcels are whole at any instruction.
 */
#include <smal/gc/crew.h>
#include <smal/gc/world.h>
#include <smal/base/fail.h>

#include <smal/base/process.h>

#define EACH_GC(gc)                                                                         \
	for (struct smal_gc *gc =                                                           \
		     SMAL_CONTAINER(smal_process.instances.next, struct smal_gc, link);     \
	     &gc->link != &smal_process.instances;                                          \
	     gc = SMAL_CONTAINER(gc->link.next, struct smal_gc, link))

/* The attachments that left for the fork's sake, of the forking thread. */
static __thread bool has_left;

static bool is_mine(const struct smal_attached *thread)
{
	const struct smal_attached *own = smal_attachments();

	while (own != NULL && own != thread)
		own = own->next;
	return own != NULL;
}

static bool is_in_callback(void)
{
	for (const struct smal_attached *thread = smal_attachments(); thread != NULL;
	     thread = thread->next)
		if (thread->inside != 0)
			return true;
	return smal_thread_is_marking();
}

/* The phase becomes FORKING; threads that are outside stay there. Returns true if the
 * collector has threads but this one. */
static bool freeze(struct smal_gc *gc)
{
	bool others = false;

	for (;;) {
		uint32_t phase;

		smal_os_lock_take(&gc->lock);
		phase = smal_atomic_load_u32(&gc->phase);
		if (phase == SMAL_PHASE_IDLE)
			break;
		smal_os_lock_give(&gc->lock);
		smal_phase_wait(gc, phase);
	}
	smal_atomic_store_u32(&gc->phase, SMAL_PHASE_FORKING);
	SMAL_EACH_THREAD(gc, thread) {
		if (is_mine(thread))
			continue;
		smal_atomic_or_u32(&thread->public.poll, SMAL_POLL_FREEZE);
		others = true;
	}
	smal_os_lock_give(&gc->lock);
	return others;
}

static void thaw(struct smal_gc *gc)
{
	SMAL_EACH_THREAD(gc, thread) {
		smal_atomic_clear_u32(&thread->public.poll, SMAL_POLL_FREEZE);
		smal_os_wake(&thread->public.poll);
	}
	smal_atomic_store_u32(&gc->phase, SMAL_PHASE_IDLE);
	smal_phase_wake(gc);
}

/* The locks below those of the heaps, in their order. */
static void lower_locks(void (*each)(struct smal_os_lock *lock))
{
	struct smal_space *space = smal_atomic_load_pointer(&smal_process.space);
	struct smal_space *books = smal_atomic_load_pointer(&smal_process.books);

	if (space != NULL)
		each(&space->lock);
	if (books != NULL)
		each(&books->lock);
	each(&smal_os_process_lock);
}

static void before_fork(void)
{
	bool others = false;

	if (is_in_callback()) {
		smal_fail(SMAL_ERROR_BUSY, "fork", "not allowed now", NULL, "%s",
		          "a collection is under way");
		return;
	}
	for (struct smal_attached *thread = smal_attachments(); thread != NULL;
	     thread = thread->next)
		smal_thread_away(thread, (uintptr_t)__builtin_frame_address(0));
	has_left = true;
	smal_os_lock_take(&smal_os_instances_lock);
	EACH_GC(gc)
		others |= freeze(gc);
	if (others) {
		smal_world_barrier();
		EACH_GC(gc)
			smal_gc_outlast(gc);
	}
	smal_os_statics_close();
	EACH_GC(gc)
		smal_os_lock_take(&gc->lock);
}

static void come_back(void)
{
	has_left = false;
	smal_threads_back();
}

static void after_in_parent(void)
{
	if (!has_left)
		return;
	EACH_GC(gc) {
		thaw(gc);
		smal_os_lock_give(&gc->lock);
	}
	smal_os_statics_open(false);
	smal_os_lock_give(&smal_os_instances_lock);
	come_back();
}

/* This thread has the lock; who waits for it is not there. */
static void renew(struct smal_os_lock *lock)
{
	smal_os_lock_give(lock);
	smal_os_lock_init(lock);
}

/* Nobody else is there: what others had is free. */
static void after_in_child(void)
{
	if (!has_left)
		return;
	smal_crew_forked();
	smal_os_statics_open(true);
	renew(&smal_os_instances_lock);
	EACH_GC(gc) {
		struct smal_link *link, *next;

		renew(&gc->lock);
		for (link = gc->threads.next; link != &gc->threads; link = next) {
			struct smal_attached *thread =
				SMAL_CONTAINER(link, struct smal_attached, link);

			next = link->next;
			if (is_mine(thread)) {
				thread->os_thread = smal_os_thread();
				continue;
			}
			/* Its stack of a fiber is nobody's now. */
			thread->current->saved.low = 0;
			thread->current->frames = NULL;
			smal_thread_end(thread);
		}
		gc->freeing = 0;
		gc->phase_waiters = 0;
		gc->parked_waiters = 0;
		thaw(gc);
	}
	come_back();
}

/* ---- What lies below the heaps ---- */

static void lower_before(void)
{
	if (has_left)
		lower_locks(smal_os_lock_take);
}

static void lower_in_parent(void)
{
	if (has_left)
		lower_locks(smal_os_lock_give);
}

static void lower_in_child(void)
{
	if (has_left)
		lower_locks(renew);
}

bool smal_fork_handle(void)
{
	return smal_os_at_fork(SMAL_OS_GC, before_fork, after_in_parent, after_in_child) &&
	       smal_os_at_fork(SMAL_OS_SPACE, lower_before, lower_in_parent, lower_in_child);
}
