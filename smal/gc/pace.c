/* SPDX-License-Identifier: MIT */
/*
 * pace.c: when allocation collects, and how large the heap may be.
 *
 * The measure is whole buffers, and the bytes held outside (smal_external). A
 * collection is asked for only when a kind has no free slot left and a new
 * buffer would take the sum beyond the target. The target after a collection:
 *
 *   growth    max(pace_bytes, live + live * percent / 100)
 *   fixed     pace_bytes; if nine tenths of that is live, a quarter more
 *   balance   live + sqrt(live * pace_bytes * allocation rate / marking rate)
 *   a policy  what it says
 *
 * and, beyond the soft limit, at most live + live / 8 (but never below the soft
 * limit). Live counts what is outside, too.
 *
 * Where a collection costs next to nothing, it is worth running early: the program
 * then goes on in memory that is still in the cache. If a collection has taken so
 * little time that a thirtieth of the program's own is enough to pay for the next
 * one after 16 MiB at most, the target is that much more than what is in use, if the
 * target above is not less. Not where most of what was allocated still lives: a program
 * that begins builds what it keeps.
 *
 * Slots freed for one kind are no use to another. So that a heap of many sizes
 * does not collect for every buffer it lacks, a further collection waits until three
 * quarters of what lay between what was live and the target have been allocated, and a
 * sixteenth of the target; until then the heap grows beyond it.
 *
 * The square root: M. Kirisame, P. Shenoy, P. Panchekha, Optimal heap limits for
 * reducing browser memory use (2022).
 */
#include <smal/gc/world.h>
#include <smal/base/fail.h>

enum {
	GROWTH_BYTES = 8 << 20,
	FIXED_BYTES = 64 << 20,
	BALANCE_BYTES = 1 << 20,
	GROWTH_PERCENT = 100,
	/* The share of the target that is allocated between collections at least; of the live
	 * bytes, what a heap beyond the soft limit may grow by. */
	LEAST_SHARE = 16,
	SOFT_SHARE = 8,
	/* Early collections: how much longer the program runs than they take, and the
	 * bytes that are allocated meanwhile. */
	EARLY_TIMES = 30,
	EARLY_LEAST = 1 << 20,
	EARLY_MOST = 16 << 20,
	/* The first target of all is not larger. */
	FIRST_BYTES = 4 << 20,
	/* A thread tells the collector what it allocated in pieces of this. */
	TOLD_BYTES = 64 << 10
};

static size_t saturate(double bytes)
{
	return bytes < (double)(SIZE_MAX / 2) ? (size_t)bytes : SIZE_MAX / 2;
}

/* Bytes held outside; smal_external may have been told less than nothing. */
static size_t external_bytes(const struct smal_gc *gc)
{
	uintptr_t bytes = smal_atomic_load_relaxed(&gc->external_bytes);

	return bytes <= UINTPTR_MAX / 2 ? bytes : 0;
}

/* The square root of a number, rounded down; no library of mathematics for it. */
static double root(double square)
{
	double x = square > 1 ? square : 1;

	/* Newton's steps halve the exponent's error, then square the rest's. */
	for (unsigned i = 0; i < 64; i++) {
		double next = (x + square / x) / 2;

		if (next >= x)
			break;
		x = next;
	}
	return x;
}

static size_t pace_target(const struct smal_gc *gc, uint64_t live)
{
	const struct smal_gc_options *options = &gc->options;
	double bytes = (double)options->pace_bytes, grown = 0;

	switch (options->pace) {
	case SMAL_PACE_FIXED:
		grown = (double)live > bytes - bytes / 10 ? (double)(live + live / 4) : 0;
		break;
	case SMAL_PACE_BALANCE:
		/* Until there are rates: one and one. */
		grown = (double)live + root((double)live * bytes *
		                            (gc->marking_rate > 0 ? gc->allocation_rate /
		                                                            gc->marking_rate
		                                                  : 1));
		break;
	case SMAL_PACE_GROWTH:
	case SMAL_PACE_OFF:
		grown = (double)live + (double)live / 100 * options->pace_percent;
		break;
	}
	return saturate(grown > bytes ? grown : bytes);
}

static void set_target(struct smal_gc *gc, uint64_t live)
{
	size_t soft = gc->soft_limit_bytes, target = pace_target(gc, live);

	if (target > soft)
		target = smal_max(soft, saturate((double)(live + live / SOFT_SHARE)));
	gc->target_bytes = target;
}

static uint64_t live_bytes(const struct smal_gc *gc)
{
	uint64_t bytes = external_bytes(gc);

	SMAL_EACH_KIND(gc, kind)
		bytes += (kind->counts.claimed_slots - kind->counts.freed_slots) *
		                 kind->stride.stride_bytes +
		         kind->counts.claimed_large_bytes - kind->counts.freed_large_bytes;
	return bytes;
}

static size_t soft_limit(size_t option)
{
	size_t limit;

	if (option != 0)
		return option;
	limit = smal_os_memory_limit();
	return limit == SIZE_MAX ? SIZE_MAX : limit / 4 * 3;
}

/* Puts the defaults in place of zeroes. */
static void set_options(struct smal_gc *gc)
{
	struct smal_gc_options *options = &gc->options;

	if (options->pace_bytes == 0)
		options->pace_bytes = options->pace == SMAL_PACE_FIXED     ? FIXED_BYTES
		                      : options->pace == SMAL_PACE_BALANCE ? BALANCE_BYTES
		                                                           : GROWTH_BYTES;
	if (options->pace_percent == 0)
		options->pace_percent = GROWTH_PERCENT;
}

void smal_pace_init(struct smal_gc *gc)
{
	set_options(gc);
	gc->soft_limit_bytes = soft_limit(gc->options.soft_limit_bytes);
	gc->resumed_ns = smal_os_clock_ns();
	set_target(gc, 0);
	gc->target_bytes = smal_min(gc->target_bytes, FIRST_BYTES);
}

/* Collects early where that is cheap: see above. What takes time by the heap's size, and
 * not by what is live, would take less. True: the target is an early one. */
static bool set_early(struct smal_gc *gc, const struct smal_collection *collection,
                      uint64_t pause_ns)
{
	size_t in_use = gc->heap_bytes - gc->empty_bytes + external_bytes(gc);
	double heap = (double)collection->heap_bytes_before + 1,
	       early = (double)in_use + EARLY_MOST;
	double still = (double)(collection->stop_ns + collection->mark_ns);
	double rest = ((double)pause_ns - still) * (early < heap ? early / heap : 1);
	double bytes = gc->allocation_rate * (still + rest) * EARLY_TIMES;
	size_t target = gc->target_bytes;

	/* Of what was allocated, most lives: little would be used again. */
	if (collection->dead_bytes < gc->allocated_bytes / 2 || bytes > EARLY_MOST)
		return false;
	gc->target_bytes = smal_min(target, in_use + smal_max((size_t)bytes, EARLY_LEAST));
	return gc->target_bytes < target;
}

/* What may be allocated before the next collection, if none of it goes where objects died.
 * An early one counts from what is in use. */
static void set_budget(struct smal_gc *gc, uint64_t live, bool early)
{
	size_t target = gc->target_bytes, from = (size_t)live;
	size_t in_use = gc->heap_bytes - gc->empty_bytes + external_bytes(gc);

	if (early)
		from = smal_max(from, in_use);
	gc->budget_bytes = target > from ? target - from : 0;
}

/* Half of what it was and half of what it is. */
static void smooth(double *rate, double value)
{
	*rate = *rate > 0 ? (*rate + value) / 2 : value;
}

void smal_pace_update(struct smal_gc *gc, const struct smal_collection *collection)
{
	uint64_t live = collection->live_bytes + external_bytes(gc);
	uint64_t now = smal_os_clock_ns();
	bool early;
	struct smal_pace_input input = {
		.live_bytes = collection->live_bytes,
		.heap_bytes = gc->heap_bytes,
		.external_bytes = external_bytes(gc),
		.allocated_bytes = gc->allocated_bytes,
		.run_ns = collection->start_ns - gc->resumed_ns,
		.pause_ns = now - collection->start_ns,
		.soft_limit_bytes = gc->soft_limit_bytes,
		.limit_bytes = gc->options.limit_bytes != 0 ? gc->options.limit_bytes : SIZE_MAX
	};

	smooth(&gc->allocation_rate, (double)input.allocated_bytes / ((double)input.run_ns + 1000));
	smooth(&gc->marking_rate,
	       (double)collection->live_bytes / ((double)collection->mark_ns + 1000));
	set_target(gc, live);
	early = set_early(gc, collection, input.pause_ns);
	input.target_bytes = gc->target_bytes;
	if (gc->policy != NULL)
		gc->target_bytes = smal_min(gc->policy(&input, gc->policy_user), SIZE_MAX / 2);
	set_budget(gc, live, early && gc->target_bytes == input.target_bytes);
	if (gc->heap_bytes + external_bytes(gc) > gc->target_bytes)
		smal_sweep_trim(gc);
	gc->allocated_bytes = 0;
	gc->resumed_ns = now;
}

void smal_pace_refresh(struct smal_gc *gc)
{
	smal_gc_lock(gc);
	if (gc->policy == NULL)
		set_target(gc, live_bytes(gc));
	smal_gc_unlock(gc);
}

void smal_pace_heap(struct smal_gc *gc, size_t delta)
{
	uintptr_t bytes = smal_atomic_add(&gc->heap_bytes, delta) + delta, peak;

	/* What another thread has given back may not have been added yet. */
	if (bytes > SIZE_MAX / 2)
		return;
	do
		peak = smal_atomic_load_relaxed(&gc->heap_peak_bytes);
	while (bytes > peak && !smal_atomic_cas(&gc->heap_peak_bytes, peak, bytes));
}

size_t smal_gc_heap_bytes(const struct smal_gc *gc)
{
	return smal_atomic_load_relaxed(&gc->heap_bytes);
}

size_t smal_gc_fresh_bytes(const struct smal_gc *gc)
{
	return smal_atomic_load_relaxed(&gc->allocated_bytes);
}

void smal_pace_allocated(struct smal_attached *thread, size_t bytes)
{
	thread->allocated_bytes += bytes;
	if (thread->allocated_bytes < TOLD_BYTES)
		return;
	smal_atomic_add(&thread->gc->allocated_bytes, thread->allocated_bytes);
	thread->allocated_bytes = 0;
}

void smal_external(struct smal_gc *gc, ptrdiff_t delta)
{
	if (gc == NULL || gc->magic != SMAL_MAGIC_GC) {
		smal_fail(SMAL_ERROR_INVALID, __func__, "not a collector", gc, "%s", "");
		return;
	}
	smal_atomic_add(&gc->external_bytes, (uintptr_t)delta);
	if (delta > 0)
		smal_atomic_add(&gc->allocated_bytes, (uintptr_t)delta);
}

bool smal_pace_allows(const struct smal_gc *gc, size_t bytes)
{
	size_t heap = smal_atomic_load_relaxed(&gc->heap_bytes);
	size_t limit = smal_atomic_load_relaxed((const volatile AO_t *)&gc->options.limit_bytes);

	return limit == 0 || (heap <= limit && bytes <= limit - heap);
}

bool smal_pace_is_beyond(const struct smal_gc *gc, size_t bytes)
{
	size_t heap = smal_atomic_load_relaxed(&gc->heap_bytes) + external_bytes(gc);

	return bytes + heap >
	               smal_atomic_load_relaxed((const volatile AO_t *)&gc->target_bytes) ||
	       !smal_pace_allows(gc, bytes);
}

bool smal_pace_wants_collection(const struct smal_gc *gc, size_t bytes)
{
	size_t target = smal_atomic_load_relaxed((const volatile AO_t *)&gc->target_bytes);
	size_t allocated = smal_atomic_load_relaxed(&gc->allocated_bytes);

	if (!smal_pace_allows(gc, bytes))
		return true;
	if ((gc->options.pace == SMAL_PACE_OFF && gc->policy == NULL) ||
	    !smal_pace_is_beyond(gc, bytes))
		return false;
	return allocated + bytes >= smal_max(target / LEAST_SHARE,
	                                     smal_atomic_load_relaxed(&gc->budget_bytes) / 4 * 3);
}

static enum smal_error pace_check(enum smal_pace pace, unsigned percent, const char *function)
{
	if ((unsigned)pace > SMAL_PACE_BALANCE)
		return smal_fail(SMAL_ERROR_INVALID, function, "unknown pace", NULL, "%d", (int)pace);
	if (percent > 10000)
		return smal_fail(SMAL_ERROR_INVALID, function, "pace_percent is over 10000", NULL,
		                 "%u", percent);
	return SMAL_OK;
}

/* ---- What can be changed: with the lock, at any time ---- */

enum smal_error smal_gc_set_pace(struct smal_gc *gc, enum smal_pace pace, size_t pace_bytes,
                                 unsigned pace_percent)
{
	enum smal_error error = smal_gc_check(gc, __func__);

	if (error == SMAL_OK)
		error = pace_check(pace, pace_percent, __func__);
	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	gc->options.pace = pace;
	gc->options.pace_bytes = pace_bytes;
	gc->options.pace_percent = pace_percent;
	set_options(gc);
	set_target(gc, live_bytes(gc));
	smal_gc_unlock(gc);
	return SMAL_OK;
}

enum smal_error smal_gc_set_automatic(struct smal_gc *gc, int on)
{
	enum smal_error error = smal_gc_check(gc, __func__);

	if (error == SMAL_OK)
		smal_atomic_store_u32(&gc->manual, !on);
	return error;
}

enum smal_error smal_gc_set_limit(struct smal_gc *gc, size_t limit_bytes)
{
	enum smal_error error = smal_gc_check(gc, __func__);
	size_t heap;

	if (error != SMAL_OK)
		return error;
	heap = smal_atomic_load_relaxed(&gc->heap_bytes);
	SMAL_REQUIRE(limit_bytes == 0 || limit_bytes >= heap, SMAL_ERROR_LIMIT,
	             "limit is below what is in use", NULL, "%zu bytes, and %zu are in use",
	             limit_bytes, heap);
	smal_atomic_store((volatile AO_t *)&gc->options.limit_bytes, limit_bytes);
	return SMAL_OK;
}

enum smal_error smal_gc_set_soft_limit(struct smal_gc *gc, size_t soft_limit_bytes)
{
	enum smal_error error = smal_gc_check(gc, __func__);

	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	gc->soft_limit_bytes = soft_limit(soft_limit_bytes);
	set_target(gc, live_bytes(gc));
	smal_gc_unlock(gc);
	return SMAL_OK;
}

enum smal_error smal_gc_set_policy(struct smal_gc *gc, smal_policy *policy, void *user)
{
	enum smal_error error = smal_gc_check(gc, __func__);

	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	gc->policy = policy;
	gc->policy_user = user;
	smal_gc_unlock(gc);
	return SMAL_OK;
}

enum smal_error smal_gc_set_shortage(struct smal_gc *gc, smal_shortage_function *function,
                                     void *user)
{
	enum smal_error error = smal_gc_check(gc, __func__);

	if (error != SMAL_OK)
		return error;
	smal_gc_lock(gc);
	gc->shortage = function;
	gc->shortage_user = user;
	smal_gc_unlock(gc);
	return SMAL_OK;
}

enum smal_error smal_pace_check_options(const struct smal_gc_options *options,
                                        const char *function)
{
	enum smal_error error = pace_check(options->pace, options->pace_percent, function);

	if (error == SMAL_OK && options->stop_signal != 0 && options->exact_stacks)
		error = smal_fail(SMAL_ERROR_INVALID, function, "stop_signal with exact_stacks", NULL,
		                  "signal %d", options->stop_signal);
	return error;
}
