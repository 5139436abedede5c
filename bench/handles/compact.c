/* SPDX-License-Identifier: MIT */
/*
 * compact.c: one compaction of a heap with holes, in as many calls as its slices
 * allow, beside what it had to do at least and what copying costs here.
 *
 *   blocks  that are allocated (1000000), divided by share (1), which locked is too
 *   min     bytes of a block, any size alike (64)
 *   max     (240)
 *   freed   in percent: of the blocks, at random, those that are freed (50); the
 *           first one stays, so that the heap begins where it began
 *   locked  of those that are left, at equal distances (0)
 *   slice   nanoseconds of a call at most; 0: one call (0)
 *
 * Figures of a block, a byte or a second are of processor time, those of the calls of
 * the clock's. ns_block is for each block that is left. moved_bytes stands beside what
 * an oracle would move (oracle.h); room_percent is the longest piece of free memory,
 * up to where the heap had reached before, in percent of the oracle's. copy_ratio is
 * time a byte in proportion to one memcpy of as many bytes in one piece; move_ratio to
 * memmoves of the oracle's blocks, one by one, over the same distances; both between
 * pages that are there. What the compaction takes to give memory back to the system
 * is in its time, and in theirs is nothing of the kind.
 *
 * Before it, and after it, each block is looked at.
 */
#include "oracle.h"
#include "trace.h"
#include "work.h"

#include <stdio.h>

enum { MOST_CALLS = 1 << 20 };

static shim_name *names;
static uint32_t *sizes;
static struct piece *pieces;
static size_t left;
static struct plan plan;

static uint64_t calls_ns[MOST_CALLS];
static size_t calls;

static void heap_fill(size_t blocks, uint64_t low, uint64_t high, uint64_t *random)
{
	size_t i;

	for (i = 0; i < blocks; i++) {
		sizes[i] = (uint32_t)(low + measure_random_below(random, high - low + 1));
		names[i] = shim_new(sizes[i]);
		if (!names[i])
			measure_fail("no memory");
		block_fill(shim_lock(names[i]), 0, sizes[i], (unsigned char)sizes[i]);
		shim_unlock(names[i]);
	}
}

/* Frees some, and puts the others side by side in the tables. */
static void heap_thin(size_t blocks, uint64_t percent, uint64_t *random)
{
	size_t i;

	for (i = 0, left = 0; i < blocks; i++) {
		if (i > 0 && measure_random_below(random, 100) < percent) {
			shim_free(names[i]);
			continue;
		}
		names[left] = names[i];
		sizes[left++] = sizes[i];
	}
}

/* Locks some for good; looks at all; takes the layout down. */
static void heap_lock(size_t locked)
{
	size_t i, done = 0;

	for (i = 0; i < left; i++) {
		unsigned char *base = shim_lock(names[i]);
		bool stays = locked &&
		             i >= (size_t)((double)left * ((double)done + 0.5) / (double)locked);

		stays = stays && done < locked;
		block_check(base, sizes[i], (unsigned char)sizes[i]);
		pieces[i] = (struct piece){ .address = (uintptr_t)base,
			                    .bytes = (uint32_t)trace_rounded(sizes[i]),
			                    .locked = stays };
		if (stays)
			done++;
		else
			shim_unlock(names[i]);
	}
	oracle_plan(pieces, left, &plan);
}

static uint64_t compact_run(uint64_t slice_ns)
{
	uint64_t sum = 0;
	bool done = false;

	while (!done) {
		uint64_t begin_ns = measure_ns();

		done = shim_compact(slice_ns);
		if (calls == MOST_CALLS)
			measure_fail("no end of the compaction");
		calls_ns[calls] = measure_ns() - begin_ns;
		sum += calls_ns[calls++];
	}
	return sum;
}

/* Each block is there; returns behind the last one. */
static uint64_t heap_check(void)
{
	uint64_t limit = 0;
	size_t i;

	for (i = 0; i < left; i++) {
		unsigned char *base = shim_lock(names[i]);
		uint64_t end = (uintptr_t)base + trace_rounded(sizes[i]);

		block_check(base, sizes[i], (unsigned char)sizes[i]);
		shim_unlock(names[i]);
		if (end > limit)
			limit = end;
	}
	return limit;
}

static void calls_report(void)
{
	measure_sort(calls_ns, calls);
	measure_line("calls", (double)calls, "calls");
	measure_line("call_p50_us", (double)measure_quantile(calls_ns, calls, 0.5) / 1e3, "us");
	measure_line("call_p99_us", (double)measure_quantile(calls_ns, calls, 0.99) / 1e3, "us");
	measure_line("call_p999_us", (double)measure_quantile(calls_ns, calls, 0.999) / 1e3, "us");
	measure_line("call_most_us", (double)calls_ns[calls - 1] / 1e3, "us");
}

/* Nanoseconds of copying so many bytes, of the second time. */
static double copy_once(unsigned char *to, const unsigned char *from, size_t bytes)
{
	uint64_t begin_ns;

	memcpy(to, from, bytes);
	begin_ns = measure_cpu_ns();
	memcpy(to, from, bytes);
	measure_use(to);
	return (double)(measure_cpu_ns() - begin_ns);
}

static double move_pieces(unsigned char *base)
{
	uint64_t begin_ns = measure_cpu_ns();
	size_t i;

	for (i = 0; i < left; i++)
		if (pieces[i].to != pieces[i].address)
			memmove(base + (pieces[i].to - plan.base),
			        base + (pieces[i].address - plan.base), pieces[i].bytes);
	measure_use(base);
	return (double)(measure_cpu_ns() - begin_ns);
}

static void oracle_report(double ns, const struct smal_handle_stats *stats, uint64_t span,
                          uint64_t limit)
{
	uint64_t behind = plan.base + span - limit, room;
	uint64_t oracle_room = plan.base + span - plan.limit;
	unsigned char *buffer = work_pages(span), *other = work_pages(plan.moved_bytes);
	double each = stats->moved_bytes ? ns / (double)stats->moved_bytes : 0;
	double copy_ns, move_ns;

	if (plan.hole_bytes > oracle_room)
		oracle_room = plan.hole_bytes;
	room = stats->largest_hole_bytes > behind ? stats->largest_hole_bytes : behind;
	measure_line("oracle_moved_bytes", (double)plan.moved_bytes, "bytes");
	if (oracle_room)
		measure_line("room_percent", 100 * (double)room / (double)oracle_room, "percent");
	if (!plan.moved_bytes)
		return;
	memset(buffer, 1, span);
	copy_ns = copy_once(other, buffer, plan.moved_bytes) / (double)plan.moved_bytes;
	move_ns = move_pieces(buffer) / (double)plan.moved_bytes;
	measure_line("moved_to_oracle", (double)stats->moved_bytes / (double)plan.moved_bytes,
	             "ratio");
	measure_line("memcpy_gbs", 1 / copy_ns, "GB/s");
	measure_line("copy_ratio", each / copy_ns, "ratio");
	measure_line("move_ratio", each / move_ns, "ratio");
}

static uint64_t layout_span(void)
{
	uint64_t limit = pieces[left - 1].address + pieces[left - 1].bytes;

	return limit - pieces[0].address;
}

static void compact_report(uint64_t ns, uint64_t cpu_ns)
{
	struct smal_handle_stats stats;

	smal_handle_get_stats(shim_heap, &stats);
	measure_line("wall_s", (double)ns / 1e9, "s");
	measure_line("cpu_s", (double)cpu_ns / 1e9, "s");
	measure_line("ns_block", (double)cpu_ns / (double)left, "ns");
	measure_line("moved_bytes", (double)stats.moved_bytes, "bytes");
	measure_line("gbs", (double)stats.moved_bytes / (double)cpu_ns, "GB/s");
	measure_line("span_over_live", (double)stats.span_bytes / (double)stats.block_bytes,
	             "ratio");
	measure_line("metadata_percent",
	             100 * (double)stats.metadata_bytes / (double)stats.block_bytes, "percent");
	calls_report();
	oracle_report((double)cpu_ns, &stats, layout_span(), heap_check());
}

void compact(void)
{
	uint64_t low = measure_number("min", 64), high = measure_number("max", 240), random = 1;
	uint64_t blocks = measure_number("blocks", 1000000), freed = measure_number("freed", 50);
	uint64_t locked = measure_number("locked", 0), slice_ns = measure_number("slice", 0);
	uint64_t share = measure_number("share", 1), ns, cpu_ns;

	blocks /= share;
	locked = (locked + share - 1) / share;
	if (blocks < 2 || high < low || high > UINT32_MAX || freed > 99)
		measure_fail("an argument is out of range");
	names = work_pages(blocks * sizeof *names);
	sizes = work_pages(blocks * sizeof *sizes);
	pieces = work_pages(blocks * sizeof *pieces);
	shim_open(0);
	heap_fill(blocks, low, high, &random);
	heap_thin(blocks, freed, &random);
	heap_lock(locked);
	cpu_ns = measure_cpu_ns();
	ns = compact_run(slice_ns);
	cpu_ns = measure_cpu_ns() - cpu_ns;
	compact_report(ns, cpu_ns);
}
