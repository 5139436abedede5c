/* SPDX-License-Identifier: MIT */
/*
 * world.h: stopping a collector's threads, and letting them go on.
 *
 *   poll   0 ------------- RUNNING ----------------- may touch objects
 *          |  leave, or a wait            ^ enter: only while STOP is clear
 *          v                              |
 *        AWAY ---------------- its stack and registers are saved
 *
 *   collector: phase := STOPPED or COLLECTING; STOP on every thread; waits until all are AWAY;
 *              marks, sweeps; STOP off, phase := IDLE; or it gives up, and begins anew
 *
 * A thread changes AWAY in its own word by an atomic operation on the word that
 * has STOP, too, so neither side can miss the other. A thread that goes AWAY
 * while STOP is set counts arrivals up and wakes the collector. Waiting is for a
 * word to change (smal_os_wait), which a signal handler may do.
 *
 * The threads' side is park.c, the collector's world.c, a fork's fork.c.
 *
 * Invariants:
 *   W1  phase is STOPPED or COLLECTING if and only if one thread is between stop and resume
 *   W2  while it marks and sweeps, AWAY is set for every thread, its own included
 *   W3  an AWAY thread's saved words and low are what a scan needs; they are
 *       written before AWAY is set
 *   W4  a thread that is inside is not parked, and none is stopped by a signal
 *       while it is inside anything
 *
 * A model of this for spin is doc/design/models/world.pml.
 */
#ifndef SMAL_GC_WORLD_H
#define SMAL_GC_WORLD_H

#include <smal/gc/attach.h>

/* ---- Where a thread stands (park.c) ---- */

/* Saves where the caller stands, its registers included, for after it returns. The
 * frame is its own; inline, so that nobody else pushes registers on the way. */
struct smal_save {
	struct smal_saved *saved;
	/* Of the stack, the limit. */
	uintptr_t frame, limit;
};
void smal_saved_words(uintptr_t low, void *save);
static SMAL_ALWAYS_INLINE void smal_saved_store(struct smal_saved *saved, uintptr_t frame,
                                                uintptr_t limit)
{
	struct smal_save save = { saved, frame, limit - frame < SIZE_MAX / 2 ? limit : 0 };

	smal_os_with_stack(smal_saved_words, &save);
}

/* Makes the calling thread AWAY in all that it is attached to, from low on its stack
 * on; brings it back in all of them, and waits until they let it. */
void smal_park(uintptr_t low);
void smal_unpark(uintptr_t low);

/* The thread waits, from the frame on, until smal_threads_back: for a fork. */
void smal_thread_away(struct smal_attached *thread, uintptr_t frame);
void smal_threads_back(void);

/* ---- Inside (park.c) ---- */

void smal_gc_begin_slow(struct smal_attached *thread);
void smal_gc_end_slow(struct smal_attached *thread);

/* Goes inside: from now to smal_gc_end the thread is not stopped, and a fork waits
 * for it. Either the thread sees what is asked of it, or who asks sees that it is
 * inside: the full barrier that this takes is made by who asks (smal_world_barrier), for
 * here it would wait for all that the program has written. */
static inline void smal_gc_begin(struct smal_attached *thread)
{
	smal_atomic_store_u32(&thread->inside, 1);
	__asm__ volatile("" ::: "memory");
	if (SMAL_UNLIKELY(smal_atomic_load_relaxed_u32(&thread->public.poll) != 0))
		smal_gc_begin_slow(thread);
}

static inline void smal_gc_end(struct smal_attached *thread)
{
	smal_atomic_store_u32(&thread->inside, 0);
	if (SMAL_UNLIKELY(thread->deferred))
		smal_gc_end_slow(thread);
}

/* What was written before it, a thread that goes inside after it sees; who went inside
 * before it can be seen there. */
void smal_world_barrier(void);
/* Waits until each thread of the collector, but for the calling one, is outside or has
 * been since the call: after a barrier, all have seen what was written before that.
 * Without locks. */
void smal_gc_outlast(struct smal_gc *gc);

/* Goes inside for all collectors that the calling thread is attached to: for what
 * takes a lock of the process's. */
void smal_begin_all(void);
void smal_end_all(void);

/* ---- Stopping and going on (world.c) ---- */

/* Takes the collector's lock when the world is not stopped, or is not yet because
 * of this very thread; goes inside for all. Any thread that is outside. */
void smal_gc_lock(struct smal_gc *gc);
void smal_gc_unlock(struct smal_gc *gc);

/*
 * Stops the collector's threads, calls step, lets them go on. The calling thread
 * is outside, attached or not.
 * `low`: what lies below it on the calling thread's stack is not its own.
 */
void smal_world_run(struct smal_gc *gc,
                    void (*step)(struct smal_gc *gc, uintptr_t low, void *argument),
                    void *argument);

/*
 * The same for a thread that is attached and a step that collects, with what comes
 * before others are stopped, and after they go on. No other collection begins while
 * either runs; one may come between `begin` and the step, which then is not taken.
 */
struct smal_world_call {
	/* The collections that there were; the caller read them while it ran, so that one that
	 * comes after them has marked after that. */
	uint64_t before;
	/* Of the static data that are roots (smal_os_each_static), or NULL; there were none. */
	const uint64_t *generation;
	bool no_statics;
	/* How often threads came late; whether `begin` has been called, by this call or an
	 * earlier one. Who gets COALESCED then calls `end` itself. */
	unsigned late;
	bool begun;
};
enum smal_world_result {
	SMAL_WORLD_DONE,
	/* Somebody else has collected; it has been waited for. */
	SMAL_WORLD_COALESCED,
	/* Nothing was done: static data are not what they were. */
	SMAL_WORLD_CHANGED,
	/* Nothing was done: it took too long to stop the threads with the linker's lock held,
	 * for which one of them may wait. The next time there is more patience. */
	SMAL_WORLD_LATE
};
struct smal_world_steps {
	void (*begin)(struct smal_gc *gc);
	void (*step)(struct smal_gc *gc, uintptr_t low, void *argument);
	void (*end)(struct smal_gc *gc);
};
enum smal_world_result smal_world_collect(struct smal_gc *gc, struct smal_world_call *call,
                                          const struct smal_world_steps *steps, void *argument);

/* Waits while the phase is this one; wakes who waits. */
void smal_phase_wait(struct smal_gc *gc, uint32_t phase);
void smal_phase_wake(struct smal_gc *gc);

/* Has forks handled; once for the process. False: no memory. (fork.c) */
bool smal_fork_handle(void);

/* Installs the handler of a stop signal; false: no such signal. */
bool smal_world_handle_signal(int number);

#endif
