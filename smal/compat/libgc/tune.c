/* SPDX-License-Identifier: MIT */
/*
 * tune.c: how large the heap may grow, and settings.
 *
 * libgc collects when a share of the heap, 1 / divisor, has been allocated since the
 * last collection; here the heap grows by a share of what lives (pace.c), which is
 * derived from the divisor so that the two use about as much memory. Bytes that a
 * program asks for beforehand (GC_expand_hp, GC_INITIAL_HEAP_SIZE) are a heap that it
 * may have before it collects.
 *
 * Settings that mean nothing here are kept, so that they can be asked for.
 */
#include <smal/compat/libgc/libgc.h>

enum {
	PERCENT_OF_ONE = 200,
	LEAST_PERCENT = 20,
	/* Collections shall take a ninth of the time: the program runs so much longer. */
	TIMES = 8,
	MORE_BYTES = 1 << 20,
	/* The first collection; those of tiny heaps. */
	LEAST_BYTES = 2 << 20,
	CHEAP_TIMES = 20,
	CHEAP_LEAST = 512 << 10,
	CHEAP_MOST = 1 << 20
};

/* More than there are addresses; than can be allocated in a pause. */
#define EXPAND_MOST ((size_t)PTRDIFF_MAX >> 16)
#define BYTES_MOST 0x1p50

bdw_word GC_non_gc_bytes, GC_free_space_divisor = 3, GC_max_retries;
int GC_find_leak, GC_dont_expand, GC_use_entire_heap, GC_full_freq = 19;
unsigned long GC_time_limit = 50;
size_t bdw_expanded, bdw_budget = LEAST_BYTES;

void **GC_objfreelist_ptr, **GC_aobjfreelist_ptr, **GC_uobjfreelist_ptr, **GC_auobjfreelist_ptr;
bdw_word GC_arrays[16];

static struct bdw_timeval time_limit = { 50, 0 };
static bdw_word bytes_per_finalizer = 10000;
static int pages_executable, manual_vdb = 1, rate = 10, prior_attempts = 1, force_unmap;
static size_t min_bytes = 1;

/* ---- The heap's size ---- */

static unsigned percent(void)
{
	bdw_word divisor = GC_free_space_divisor != 0 ? GC_free_space_divisor : 3;

	return smal_max((unsigned)(PERCENT_OF_ONE / divisor), LEAST_PERCENT);
}

/*
 * What a heap grows by: what the divisor says, if collections take a ninth of the time
 * then; down to half of it where they take less, and up to two fifths more, but not by
 * more than 1 MiB, where they take more.
 */
static uint64_t growth(const struct smal_pace_input *input, uint64_t bytes_per_pause)
{
	static uint64_t average;
	uint64_t share = input->live_bytes / 100 * percent();
	uint64_t most = share + smal_min(share / 5 * 2, (uint64_t)MORE_BYTES);

	average = average != 0 ? (average + bytes_per_pause) / 2 : bytes_per_pause;
	return smal_max(smal_min(average * TIMES, most), share / 2);
}

/*
 * The target after a collection. By the divisor, a share of what lives; more where
 * collections would else take a twentieth of the program's time, up to 1 MiB; and a heap
 * that was once needed is used again, as far as what lives is not a small part of it.
 */
static size_t policy(const struct smal_pace_input *input, void *user)
{
	static uint64_t peak;
	/* What is outside counts for the target, and not for what it grows by. */
	uint64_t live = input->live_bytes + input->external_bytes, target, cheap, again;
	double per_ns = (double)input->allocated_bytes / ((double)input->run_ns + 1);
	double per_pause = per_ns * (double)input->pause_ns;
	uint64_t bytes_per_pause = (uint64_t)smal_min(per_pause, BYTES_MOST);

	(void)user;
	target = live + growth(input, bytes_per_pause);
	cheap = smal_min(bytes_per_pause * CHEAP_TIMES, (uint64_t)CHEAP_MOST);
	target = smal_max(target, live + smal_max(cheap, (uint64_t)CHEAP_LEAST));
	peak = smal_max(peak, input->heap_bytes);
	again = smal_min(peak / 4 * 3, input->live_bytes * 3);
	target = smal_max(smal_max(target, again), bdw_expanded);
	bdw_budget = (size_t)(target - live);
	/* Beyond a limit the collector's own rule holds. */
	return target <= input->soft_limit_bytes ? (size_t)target : (size_t)input->target_bytes;
}

void bdw_pace(void)
{
	if (bdw_gc == NULL)
		return;
	smal_gc_set_policy(bdw_gc, policy, NULL);
	smal_gc_set_pace(bdw_gc, SMAL_PACE_GROWTH, smal_max(LEAST_BYTES, bdw_expanded), percent());
}

int GC_expand_hp(size_t bytes)
{
	bool was_blocking;

	if (bytes > EXPAND_MOST || bdw_wake(&was_blocking) == NULL)
		return 0;
	bdw_expanded = smal_max(bdw_expanded, smal_gc_heap_bytes(bdw_gc)) + bytes;
	bdw_pace();
	bdw_resume(was_blocking);
	return 1;
}

void GC_set_free_space_divisor(bdw_word divisor)
{
	GC_free_space_divisor = divisor;
	if (bdw_gc != NULL && bdw_thread() != NULL)
		bdw_pace();
}

bdw_word GC_get_free_space_divisor(void)
{
	return GC_free_space_divisor;
}

/* ---- Settings that count elsewhere ---- */

void GC_set_finalize_on_demand(int value)
{
	GC_finalize_on_demand = value;
}

int GC_get_finalize_on_demand(void)
{
	return GC_finalize_on_demand;
}

void GC_set_java_finalization(int value)
{
	GC_java_finalization = value;
}

int GC_get_java_finalization(void)
{
	return GC_java_finalization;
}

/* ---- Settings that are kept ---- */

void GC_set_find_leak(int value)
{
	GC_find_leak = value;
}

int GC_get_find_leak(void)
{
	return GC_find_leak;
}

void GC_set_dont_expand(int value)
{
	GC_dont_expand = value;
}

int GC_get_dont_expand(void)
{
	return GC_dont_expand;
}

void GC_set_full_freq(int value)
{
	GC_full_freq = value;
}

int GC_get_full_freq(void)
{
	return GC_full_freq;
}

void GC_set_non_gc_bytes(bdw_word value)
{
	GC_non_gc_bytes = value;
}

bdw_word GC_get_non_gc_bytes(void)
{
	return GC_non_gc_bytes;
}

void GC_set_max_retries(bdw_word value)
{
	GC_max_retries = value;
}

bdw_word GC_get_max_retries(void)
{
	return GC_max_retries;
}

void GC_set_dont_precollect(int value)
{
	GC_dont_precollect = value;
}

int GC_get_dont_precollect(void)
{
	return GC_dont_precollect;
}

void GC_set_time_limit(unsigned long value)
{
	GC_time_limit = time_limit.ms = value;
	time_limit.ns = 0;
}

unsigned long GC_get_time_limit(void)
{
	return GC_time_limit;
}

void GC_set_time_limit_tv(struct bdw_timeval value)
{
	time_limit = value;
	GC_time_limit = value.ms;
}

struct bdw_timeval GC_get_time_limit_tv(void)
{
	return time_limit;
}

void GC_set_allocd_bytes_per_finalizer(bdw_word value)
{
	bytes_per_finalizer = value;
}

bdw_word GC_get_allocd_bytes_per_finalizer(void)
{
	return bytes_per_finalizer;
}

void GC_set_pages_executable(int value)
{
	pages_executable = value;
}

int GC_get_pages_executable(void)
{
	return pages_executable;
}

void GC_set_min_bytes_allocd(size_t value)
{
	min_bytes = value;
}

size_t GC_get_min_bytes_allocd(void)
{
	return min_bytes;
}

void GC_set_rate(int value)
{
	rate = value;
}

int GC_get_rate(void)
{
	return rate;
}

void GC_set_max_prior_attempts(int value)
{
	prior_attempts = value;
}

int GC_get_max_prior_attempts(void)
{
	return prior_attempts;
}

void GC_set_manual_vdb_allowed(int value)
{
	manual_vdb = value;
}

int GC_get_manual_vdb_allowed(void)
{
	return manual_vdb;
}

void GC_set_force_unmap_on_gcollect(int value)
{
	force_unmap = value;
}

int GC_get_force_unmap_on_gcollect(void)
{
	return force_unmap;
}
