/* SPDX-License-Identifier: MIT */
/*
 * replay.c: does what a trace says, and says what it cost.
 *
 *   trace    the file
 *   uses     blocks that are looked at after each operation of the trace, out of those
 *            that were new, resized or looked at last (1): traces of real programs say
 *            nothing about that. Which ones it is depends on the trace alone.
 *   locks    use, long or score (use); keep: for long, how many operations (64)
 *   budget   in percent of the most bytes that live at once (110), each block rounded
 *            up to a multiple of 16: limit of the heap, and what points.c refers to
 *   every    operations in percent of the trace, between slices of compaction and
 *            points (1); 0: no compaction, and points at each percent
 *   slice    nanoseconds of a slice at most (1000000)
 *   points   a file for the points
 *
 * Time is that of the operations, their loop, and the slices. Not in it: reading the
 * trace, the points, and the end, where everything is settled (handles: compacted as
 * far as it goes; malloc: as the peer can give memory back) and then freed.
 *
 * Memory is what is resident, less what was before the first operation: the trace,
 * the table of blocks, and what the library before us had taken by itself.
 */
#include "replay.h"

#include <stdio.h>

enum { RECENT = 64 };

struct entry *entries;

static struct trace trace;
static uint64_t live_bytes, uses, random_state = 1, recent_count;
/* Memory before the first operation, and the most since, as far as it was looked at. */
static uint64_t baseline, peak;
static uint32_t recent[RECENT];

/* Clocks, of operations and of compaction. */
static uint64_t wall_ns, cpu_ns, compact_ns, compact_most_ns, slice_ns;

static unsigned char value_of(uint32_t id)
{
	return (unsigned char)(id * 37 + 11);
}

static void recent_add(uint32_t id)
{
	recent[recent_count++ % RECENT] = id;
}

static void op_new(uint32_t id, uint32_t bytes)
{
	struct entry *entry = &entries[id];

	entry->name = shim_new(bytes);
	if (__builtin_expect(!entry->name, 0))
		measure_fail("no memory");
	entry->bytes = bytes;
	block_fill(lock_take(id), 0, bytes, value_of(id));
	lock_give(id);
	live_bytes += trace_rounded(bytes);
	recent_add(id);
}

static void op_use(uint32_t id)
{
	if (!entries[id].name)
		return;
	block_use(lock_take(id), entries[id].bytes, value_of(id));
	lock_give(id);
}

static void op_free(uint32_t id)
{
	struct entry *entry = &entries[id];

	if (!entry->name)
		measure_fail("the trace frees a block that is none");
	block_check(shim_lock(entry->name), entry->bytes, value_of(id));
	shim_unlock(entry->name);
	lock_end(id);
	shim_free(entry->name);
	live_bytes -= trace_rounded(entry->bytes);
	entry->name = 0;
}

static void op_resize(uint32_t id, uint32_t bytes)
{
	struct entry *entry = &entries[id];
	uint32_t kept = entry->bytes < bytes ? entry->bytes : bytes;
	unsigned char *base;

	lock_end(id);
	entry->name = shim_resize(entry->name, bytes);
	if (__builtin_expect(!entry->name, 0))
		measure_fail("no memory");
	base = lock_take(id);
	if (kept)
		block_check(base, 1, value_of(id));
	block_fill(base, kept, bytes, value_of(id));
	lock_give(id);
	live_bytes += trace_rounded(bytes) - trace_rounded(entry->bytes);
	entry->bytes = bytes;
	recent_add(id);
}

static void op_run(struct trace_op op)
{
	uint32_t id = trace_id(op);

	lock_step();
	switch (trace_what(op)) {
	case TRACE_NEW:
		op_new(id, op.bytes);
		break;
	case TRACE_FREE:
		op_free(id);
		break;
	case TRACE_RESIZE:
		op_resize(id, op.bytes);
		break;
	case TRACE_USE:
		op_use(id);
		recent_add(id);
		break;
	default:
		break;
	}
}

static void ops_run(size_t from, size_t to)
{
	uint64_t begin_ns = measure_ns(), begin_cpu_ns = measure_cpu_ns(), n;

	for (; from < to; from++) {
		op_run(trace.ops[from]);
		for (n = recent_count ? uses : 0; n; n--) {
			lock_step();
			op_use(recent[measure_random(&random_state) % RECENT]);
		}
	}
	wall_ns += measure_ns() - begin_ns;
	cpu_ns += measure_cpu_ns() - begin_cpu_ns;
}

static void slice_run(void)
{
	uint64_t begin_cpu_ns = measure_cpu_ns(), begin_ns = measure_ns(), ns;

	shim_compact(slice_ns);
	ns = measure_ns() - begin_ns;
	cpu_ns += measure_cpu_ns() - begin_cpu_ns;
	wall_ns += ns;
	compact_ns += ns;
	if (ns > compact_most_ns)
		compact_most_ns = ns;
}

static uint64_t resident(void)
{
	uint64_t bytes = work_resident_bytes();

	if (bytes > peak)
		peak = bytes;
	return bytes > baseline ? bytes - baseline : 0;
}

static void all_run(uint64_t every)
{
	size_t from = 0;
	unsigned percent;

	for (percent = 1; percent <= 100; percent++) {
		size_t to = (size_t)((double)trace.count * percent / 100);

		ops_run(from, to);
		from = to;
		points_before(live_bytes);
		if (every && percent % every == 0)
			slice_run();
		points_after(percent, live_bytes, resident());
	}
}

/* Settles what is live at the end of the trace. */
static void end_report(void)
{
	uint64_t before = resident(), begin_ns = measure_ns();
	uint64_t settle_ns, after;

	shim_settle();
	settle_ns = measure_ns() - begin_ns;
	after = resident();
	measure_line("end_live_bytes", (double)live_bytes, "bytes");
	measure_line("end_bytes", (double)before, "bytes");
	measure_line("settled_bytes", (double)after, "bytes");
	measure_line("settle_ms", (double)settle_ns / 1e6, "ms");
	/* What is left at the end of a program is mostly the table of its heap. */
	if (live_bytes >= 1 << 20) {
		measure_line("end_over_live", (double)before / (double)live_bytes, "ratio");
		measure_line("rss_over_live", (double)after / (double)live_bytes, "ratio");
	}
}

static void report(void)
{
	uint64_t operations = trace.count * (1 + uses);

	measure_line("wall_s", (double)wall_ns / 1e9, "s");
	measure_line("cpu_s", (double)cpu_ns / 1e9, "s");
	measure_line("ns_each", (double)wall_ns / (double)operations, "ns");
	measure_line("peak_bytes", (double)(peak - baseline), "bytes");
	measure_line("operations", (double)operations, "operations");
	measure_line("peak_live_bytes", (double)trace.peak_bytes, "bytes");
	measure_line("compact_ms", (double)compact_ns / 1e6, "ms");
	measure_line("slice_most_us", (double)compact_most_ns / 1e3, "us");
}

/* Frees what the trace has left, and has the heap checked. */
static void end(void)
{
	uint32_t id;

	for (id = 0; id < trace.ids; id++)
		if (entries[id].name)
			op_free(id);
	shim_close();
}

void replay(void)
{
	uint64_t budget, every;

	trace_open(&trace, measure_word("trace", ""));
	uses = measure_number("uses", 1);
	budget = trace.peak_bytes / 100 * measure_number("budget", 110) + 4096;
	every = measure_number("every", 1);
	slice_ns = measure_number("slice", 1000000);
	lock_open();
	points_open(budget);
	entries = work_pages(((size_t)trace.ids + 1) * sizeof *entries);
	work_peak_reset();
	peak = baseline = work_resident_bytes();
	shim_open(budget);
	all_run(every);
	if (work_peak_bytes() > peak)
		peak = work_peak_bytes();
	report();
	points_report();
	shim_report();
	end_report();
	end();
}
