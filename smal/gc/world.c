/* SPDX-License-Identifier: MIT */
/*
 * world.c: stopping a collector's threads, and letting them go on (world.h).
 *
 *   IDLE --- stop ---> STOPPED, COLLECTING --- all AWAY ---> step --- resume ---> IDLE
 *    ^                        |
 *    `------- let go ---------'  somebody was late, with the linker's lock held
 *
 * One thread at a time has the world stopped: who finds the phase to be another
 * thread's waits for it to change, parked. The phase changes with the collector's
 * lock held, and so does the list of threads: none is missed by stop that is
 * attached before, and none attaches until resume (smal_gc_lock).
 *
 * Of the invariants in world.h this file keeps W1 and W2; W4 for signals.
 */
#include <smal/gc/world.h>

enum {
	/* How long a thread that stops the world waits for others to go first. */
	WAY_TURNS = 20,
	WAY_NS = 20000,
	/* How long a thread that outlasts others waits for what they have written, and
	 * between two looks. */
	BARRIER_NS = 1000000,
	POLL_NS = 20000,
	/* How long a thread may take to stop until it is asked whether it is there. */
	GONE_NS = 100000000
};

/* How long the linker's list of objects is held for threads that do not stop: one may be
 * waiting for it. */
#define PATIENCE_NS 20000000u

/* ---- The phase ---- */

/* The count is raised before the word is looked at, and looked at after the word is
 * changed: a wake is left out only where nobody sleeps. */
void smal_phase_wait(struct smal_gc *gc, uint32_t phase)
{
	smal_atomic_add_u32(&gc->phase_waiters, 1);
	smal_os_wait(&gc->phase, phase, 0);
	smal_atomic_add_u32(&gc->phase_waiters, (uint32_t)-1);
}

void smal_phase_wake(struct smal_gc *gc)
{
	if (smal_atomic_add_u32(&gc->phase_waiters, 0) != 0)
		smal_os_wake(&gc->phase);
}

/* ---- The lock ---- */

static void wait_for_phase(uintptr_t low, void *argument)
{
	struct smal_gc *gc = argument;
	uint32_t phase;

	smal_park(low);
	while ((phase = smal_atomic_load_u32(&gc->phase)) != SMAL_PHASE_IDLE)
		smal_phase_wait(gc, phase);
	smal_unpark(low);
}

void smal_gc_lock(struct smal_gc *gc)
{
	for (;;) {
		const struct smal_attached *self = smal_attached_self(gc);

		smal_begin_all();
		smal_os_lock_take(&gc->lock);
		if (smal_atomic_load_u32(&gc->phase) == SMAL_PHASE_IDLE ||
		    (self != NULL &&
		     (smal_atomic_load_u32(&self->public.poll) & SMAL_POLL_AWAY) == 0))
			return;
		smal_os_lock_give(&gc->lock);
		smal_end_all();
		smal_os_with_stack(wait_for_phase, gc);
	}
}

void smal_gc_unlock(struct smal_gc *gc)
{
	smal_os_lock_give(&gc->lock);
	smal_end_all();
}

/* ---- Outlasting ---- */

static bool somebody_is_inside(struct smal_gc *gc)
{
	uintptr_t self = smal_os_thread_id();
	bool inside = false;

	smal_os_lock_take(&gc->lock);
	SMAL_EACH_THREAD(gc, thread)
		inside |= smal_atomic_load_relaxed(&thread->os_id) != self &&
		          smal_atomic_load_u32(&thread->inside) != 0;
	smal_os_lock_give(&gc->lock);
	return inside;
}

void smal_world_barrier(void)
{
	uint64_t start_ns = smal_os_clock_ns();
	uint32_t unused = 0;

	if (smal_os_barrier())
		return;
	/* By then, a processor has long written what it had to write. */
	while (smal_os_clock_ns() - start_ns < BARRIER_NS)
		smal_os_wait(&unused, 0, BARRIER_NS);
}

void smal_gc_outlast(struct smal_gc *gc)
{
	uint32_t unused = 0;

	while (somebody_is_inside(gc))
		smal_os_wait(&unused, 0, POLL_NS);
}

/* ---- Stopping the world ---- */

struct world {
	struct smal_gc *gc;
	/* Collects, unless somebody else does; how it was called then. */
	bool coalesce;
	struct smal_world_call *call;
	enum smal_world_result result;
	/* With the linker's list held, the phase that was found. */
	enum smal_phase found;
	const struct smal_world_steps *steps;
	void *argument;
};

/* Returns the phase that was found: IDLE, and it is the caller's now; or somebody
 * else's, or one that a fork makes. A collection that has ended since the call is one that
 * coalesces. The caller is parked. */
static enum smal_phase claim(struct smal_gc *gc, struct world *world)
{
	enum smal_phase phase;

	smal_os_lock_take(&gc->lock);
	phase = smal_atomic_load_u32(&gc->phase);
	/* Until then others may not have been asked to stop yet. */
	if (phase != SMAL_PHASE_COLLECTING && world->coalesce &&
	    gc->stats.collections != world->call->before)
		world->result = SMAL_WORLD_COALESCED;
	else if (phase == SMAL_PHASE_IDLE)
		smal_atomic_store_u32(&gc->phase,
		                      world->coalesce ? SMAL_PHASE_COLLECTING : SMAL_PHASE_STOPPED);
	smal_os_lock_give(&gc->lock);
	return phase;
}

/* Asks all threads to stop; none attaches any more. */
static void stop(struct smal_gc *gc)
{
	smal_os_lock_take(&gc->lock);
	SMAL_EACH_THREAD(gc, thread) {
		uint32_t poll = smal_atomic_or_u32(&thread->public.poll, SMAL_POLL_STOP);

		if (gc->options.stop_signal != 0 && (poll & SMAL_POLL_AWAY) == 0)
			smal_os_signal_send(&thread->os_thread, gc->options.stop_signal);
	}
	smal_os_lock_give(&gc->lock);
}

static bool all_are_away(struct smal_gc *gc)
{
	bool away = true;

	smal_os_lock_take(&gc->lock);
	SMAL_EACH_THREAD(gc, thread)
		away = away && (smal_atomic_load_u32(&thread->public.poll) & SMAL_POLL_AWAY) != 0;
	smal_os_lock_give(&gc->lock);
	return away;
}

/* A thread that attaches when the last of its destructors run ends without a word. True:
 * there were such. */
static bool bury(struct smal_gc *gc)
{
	struct smal_link *link, *next;
	bool any = false;

	smal_os_lock_take(&gc->lock);
	for (link = gc->threads.next; link != &gc->threads; link = next) {
		struct smal_attached *thread = SMAL_CONTAINER(link, struct smal_attached, link);

		next = link->next;
		if ((smal_atomic_load_u32(&thread->public.poll) & SMAL_POLL_AWAY) != 0 ||
		    smal_os_signal_send(&thread->os_thread, 0))
			continue;
		thread->current->saved.low = 0;
		thread->current->frames = NULL;
		smal_thread_end(thread);
		any = true;
	}
	smal_os_lock_give(&gc->lock);
	return any;
}

/* False: not for so long (0: as long as it takes). */
static bool wait_until_away(struct smal_gc *gc, uint64_t patience_ns)
{
	uint64_t turn_ns = patience_ns != 0 ? patience_ns : GONE_NS;
	uint64_t since_ns = smal_os_clock_ns(), now_ns;

	for (;;) {
		uint32_t arrivals = smal_atomic_load_u32(&gc->arrivals);

		if (all_are_away(gc))
			return true;
		now_ns = smal_os_clock_ns();
		if (now_ns - since_ns < turn_ns) {
			smal_os_wait(&gc->arrivals, arrivals, turn_ns - (now_ns - since_ns));
			continue;
		}
		if (!bury(gc) && patience_ns != 0)
			return false;
		since_ns = now_ns;
	}
}

/* With the lock held. */
static void let_go(struct smal_gc *gc, const struct smal_attached *self)
{
	SMAL_EACH_THREAD(gc, thread) {
		smal_atomic_clear_u32(&thread->public.poll, SMAL_POLL_STOP);
		if (thread != self)
			smal_os_wake(&thread->public.poll);
	}
}

/* The phase is nobody's any more. */
static void set_idle(struct smal_gc *gc)
{
	smal_os_lock_take(&gc->lock);
	smal_atomic_store_u32(&gc->phase, SMAL_PHASE_IDLE);
	smal_os_lock_give(&gc->lock);
	smal_phase_wake(gc);
}

/* No step is taken. */
static void give_up(struct smal_gc *gc)
{
	smal_os_lock_take(&gc->lock);
	let_go(gc, smal_attached_self(gc));
	smal_os_lock_give(&gc->lock);
	set_idle(gc);
}

/* With the linker's list held. */
static bool stop_in_time(void *argument)
{
	struct world *world = argument;
	struct smal_gc *gc = world->gc;

	world->found = claim(gc, world);
	if (world->found != SMAL_PHASE_IDLE || world->result == SMAL_WORLD_COALESCED)
		return false;
	stop(gc);
	if (wait_until_away(gc, (uint64_t)PATIENCE_NS << 2 * world->call->late)) {
		world->result = SMAL_WORLD_DONE;
		return true;
	}
	give_up(gc);
	world->result = SMAL_WORLD_LATE;
	return false;
}

/*
 * Where static data are roots, they are what they were when they were asked for: else what
 * a library that has been loaded since refers to would be lost. The threads stop while
 * nothing can be loaded: once they have, one may be stopped with the linker's lock. That is
 * taken before the phase, which somebody may want who has it. False: the threads run, and
 * the phase is not this thread's.
 */
static bool hold_and_stop(struct world *world)
{
	struct smal_gc *gc = world->gc;

	for (;;) {
		world->result = SMAL_WORLD_CHANGED;
		world->found = SMAL_PHASE_IDLE;
		if (smal_os_statics_hold(*world->call->generation, stop_in_time, world))
			return true;
		if (world->found == SMAL_PHASE_IDLE || world->result == SMAL_WORLD_COALESCED)
			return false;
		smal_phase_wait(gc, world->found);
	}
}

/* Where the phase is claimed. False: static data have become roots. */
static bool stop_claimed(struct world *world)
{
	struct smal_gc *gc = world->gc;

	stop(gc);
	wait_until_away(gc, 0);
	if (world->call == NULL || !world->call->no_statics ||
	    smal_atomic_load_u32(&gc->statics_are_roots) == 0)
		return true;
	give_up(gc);
	world->result = SMAL_WORLD_CHANGED;
	return false;
}

/* Claims the phase and says that this is a collection. False: it need not be. */
static bool claim_and_begin(struct world *world)
{
	struct smal_gc *gc = world->gc;
	enum smal_phase phase;

	while ((phase = claim(gc, world)) != SMAL_PHASE_IDLE &&
	       world->result != SMAL_WORLD_COALESCED)
		smal_phase_wait(gc, phase);
	if (world->result == SMAL_WORLD_COALESCED)
		return false;
	if (world->call != NULL && !world->call->begun) {
		world->call->begun = true;
		world->steps->begin(gc);
	}
	return true;
}

static bool claim_and_stop(struct world *world)
{
	if (world->call == NULL || world->call->generation == NULL)
		return claim_and_begin(world) && stop_claimed(world);
	if (!world->call->begun) {
		if (!claim_and_begin(world))
			return false;
		set_idle(world->gc);
	}
	return hold_and_stop(world);
}

static void resume(struct smal_gc *gc, const struct smal_attached *self,
                   const struct smal_world_steps *steps)
{
	smal_os_lock_take(&gc->lock);
	let_go(gc, self);
	/* Who asks for a collection from now on gets one of its own. */
	smal_atomic_store_u32(&gc->phase, SMAL_PHASE_STOPPED);
	smal_os_lock_give(&gc->lock);
	smal_phase_wake(gc);
	if (steps->end != NULL)
		steps->end(gc);
	set_idle(gc);
}

/* Lets those go first who wait for a world that goes on, to come back or for the
 * phase: where collections follow each other, they would never find it. */
static void give_way(struct smal_gc *gc)
{
	uint32_t nothing = 0;

	for (unsigned i = 0; i < WAY_TURNS; i++) {
		if (smal_atomic_load_u32(&gc->phase) != SMAL_PHASE_IDLE ||
		    (smal_atomic_load_u32(&gc->phase_waiters) == 0 &&
		     smal_atomic_load_u32(&gc->parked_waiters) == 0))
			return;
		smal_os_wait(&nothing, 0, WAY_NS);
	}
}

static void run(uintptr_t low, void *argument)
{
	struct world *world = argument;
	struct smal_gc *gc = world->gc;
	struct smal_attached *self = smal_attached_self(gc);
	int cancel = smal_os_cancel_disable();

	smal_park(low);
	give_way(gc);
	if (!claim_and_stop(world))
		goto out;
	if (self != NULL)
		self->activity = SMAL_COLLECTING;
	world->steps->step(gc, low, world->argument);
	if (self != NULL)
		self->activity = SMAL_IDLE;
	resume(gc, self, world->steps);
out:
	smal_unpark(low);
	smal_os_cancel_restore(cancel);
}

void smal_world_run(struct smal_gc *gc,
                    void (*step)(struct smal_gc *gc, uintptr_t low, void *argument), void *argument)
{
	const struct smal_world_steps steps = { NULL, step, NULL };
	struct world world = { .gc = gc, .steps = &steps, .argument = argument };

	smal_os_with_stack(run, &world);
}

enum smal_world_result smal_world_collect(struct smal_gc *gc, struct smal_world_call *call,
                                          const struct smal_world_steps *steps, void *argument)
{
	struct world world = {
		.gc = gc, .coalesce = true, .call = call, .steps = steps, .argument = argument
	};

	smal_os_with_stack(run, &world);
	return world.result;
}

/* ---- By a signal ---- */

static void on_signal(uintptr_t low)
{
	bool wanted = false, inside = false;

	for (struct smal_attached *thread = smal_attachments(); thread != NULL;
	     thread = thread->next) {
		uint32_t poll = smal_atomic_load_u32(&thread->public.poll);

		wanted |= (poll & (SMAL_POLL_STOP | SMAL_POLL_AWAY)) == SMAL_POLL_STOP;
		inside |= smal_atomic_load_relaxed_u32(&thread->inside) != 0 || thread->parked;
	}
	if (!wanted)
		return;
	if (!inside) {
		smal_park(low);
		smal_unpark(low);
		return;
	}
	for (struct smal_attached *thread = smal_attachments(); thread != NULL;
	     thread = thread->next)
		if (smal_atomic_load_relaxed_u32(&thread->inside) != 0)
			thread->deferred = true;
}

bool smal_world_handle_signal(int number)
{
	return smal_os_signal_handle(number, on_signal);
}
