/* SPDX-License-Identifier: MIT */
/*
 * measure.c: what the heap does, measured: statistics and the timeline.
 *
 * The observer is told of each collection while it is still under way, when
 * libsmal must not be called and the heap not be touched: it notes two numbers
 * in a static array. When that is full, every second note is dropped, and from
 * then on every second, fourth ... collection is noted. An interpreter that a
 * program makes (isolate.c) is not measured.
 *
 * It runs on the thread that collects, and asks for a poll of that thread
 * (error.c), where what the dead have left is disposed of.
 */
#include "vm.h"

#include <sys/resource.h>
#include <time.h>

enum { NOTES = 1 << 16 };

static struct {
	/** The interpreter that is measured, the first. */
	const struct heap *heap;
	uint64_t start_ns;
	/** Collections between two notes, less one; until the next. */
	size_t skip, wait, count;
	struct {
		uint64_t ns, bytes;
	} notes[NOTES];
} timeline;

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void measure_start(void)
{
	timeline.start_ns = now_ns();
}

void measure_heap(const struct heap *heap)
{
	if (timeline.heap == NULL)
		timeline.heap = heap;
}

void measure_collection(const struct smal_collection *collection, void *user)
{
	size_t i;

	vm.collected = 1;
	vm.stack_limit = UINTPTR_MAX;
	if (user != timeline.heap)
		return;
	if (timeline.wait > 0) {
		timeline.wait--;
		return;
	}
	if (timeline.count == NOTES) {
		for (timeline.count = 0, i = 1; i < NOTES; i += 2)
			timeline.notes[timeline.count++] = timeline.notes[i];
		timeline.skip = 2 * timeline.skip + 1;
	}
	timeline.wait = timeline.skip;
	timeline.notes[timeline.count].ns = collection->start_ns - timeline.start_ns;
	timeline.notes[timeline.count++].bytes = collection->heap_bytes;
}

int measure_write(const char *path)
{
	FILE *file = fopen(path, "w");
	size_t i;

	if (file == NULL)
		return 0;
	for (i = 0; i < timeline.count; i++)
		fprintf(file, "%ju %ju\n", (uintmax_t)timeline.notes[i].ns,
		        (uintmax_t)timeline.notes[i].bytes);
	return fclose(file) == 0;
}

void measure_print(FILE *file)
{
	struct smal_gc_stats stats;
	struct rusage usage;

	smal_gc_get_stats(vm.heap->gc, &stats);
	getrusage(RUSAGE_SELF, &usage);
	fprintf(file, "time            %.3f s\n", (double)(now_ns() - timeline.start_ns) / 1e9);
	fprintf(file, "allocated       %ju bytes, %ju objects\n",
	        (uintmax_t)stats.objects.allocated_bytes,
	        (uintmax_t)stats.objects.allocated_objects);
	fprintf(file, "collections     %ju\n", (uintmax_t)stats.collections);
	fprintf(file, "all pauses      %.3f ms\n", (double)stats.pause_sum_ns / 1e6);
	fprintf(file, "longest pause   %.3f ms\n", (double)stats.pause_max_ns / 1e6);
	fprintf(file, "peak heap       %ju bytes\n", (uintmax_t)stats.heap_peak_bytes);
	fprintf(file, "peak memory     %ju bytes\n", (uintmax_t)usage.ru_maxrss * 1024);
}

static value runtime(const value *a)
{
	(void)a;
	return make_flonum((double)(now_ns() - timeline.start_ns) / 1e9);
}

static value collect(const value *a)
{
	(void)a;
	smal_collect(vm.thread);
	return UNSPECIFIED;
}

/** (heap-counts): what (heap-stats) gives names to in the prelude. */
static value heap_counts(const value *a)
{
	struct smal_gc_stats stats;
	value list = NIL;
	size_t i;

	(void)a;
	smal_gc_get_stats(vm.heap->gc, &stats);
	const uint64_t counts[] = {
		stats.pause_max_ns, stats.heap_peak_bytes, stats.objects.heap_bytes,
		stats.objects.live_bytes, stats.objects.live_objects, stats.objects.allocated_bytes,
		stats.objects.allocated_objects, stats.collections
	};
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		list = cons(make_count(counts[i]), list);
	return list;
}

const struct primitive_spec measure_primitives[] = {
	{ "runtime", runtime, "", 0 },
	{ "collect", collect, "", 0 },
	{ "heap-counts", heap_counts, "", 0 },
	{ NULL, NULL, NULL, 0 }
};
