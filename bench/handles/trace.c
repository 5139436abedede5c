/* SPDX-License-Identifier: MIT */
/*
 * trace.c: a trace is mapped, not read, so that it takes no memory of the malloc
 * that is measured; every page of it is looked at before anything is measured.
 */
#define _GNU_SOURCE

#include "trace.h"

#include "../measure.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct trace_op *file_map(const char *path, size_t *count)
{
	int file = open(path, O_RDONLY);
	struct stat about;
	void *base;

	if (file < 0 || fstat(file, &about) || (size_t)about.st_size < 2 * sizeof(struct trace_op))
		measure_fail("no trace");
	base = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if (base == MAP_FAILED)
		measure_fail("a trace cannot be mapped");
	close(file);
	*count = (size_t)about.st_size / sizeof(struct trace_op);
	return base;
}

/* Sizes of the blocks by their ids, while the trace is counted. */
static uint32_t *sizes_map(uint32_t ids)
{
	uint32_t *sizes = mmap(NULL, ids * sizeof *sizes, PROT_READ | PROT_WRITE,
	                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (sizes == MAP_FAILED)
		measure_fail("no memory");
	return sizes;
}

static void ops_count(struct trace *trace, size_t most)
{
	size_t i;

	for (i = 0; i < most && trace_what(trace->ops[i]) != TRACE_END; i++) {
		struct trace_op op = trace->ops[i];

		if (trace_what(op) > TRACE_USE)
			measure_fail("an operation that there is none of");
		trace->counts[trace_what(op)]++;
		if (trace_id(op) >= trace->ids)
			trace->ids = trace_id(op) + 1;
	}
	trace->count = i;
}

static void live_count(struct trace *trace)
{
	uint32_t *sizes = sizes_map(trace->ids);
	uint64_t live = 0;
	size_t i;

	for (i = 0; i < trace->count; i++) {
		struct trace_op op = trace->ops[i];
		uint32_t *size = &sizes[trace_id(op)];

		if (trace_what(op) == TRACE_FREE || trace_what(op) == TRACE_RESIZE)
			live -= trace_rounded(*size);
		if (trace_what(op) == TRACE_NEW || trace_what(op) == TRACE_RESIZE) {
			*size = op.bytes;
			live += trace_rounded(op.bytes);
		}
		if (live > trace->peak_bytes)
			trace->peak_bytes = live;
	}
	munmap(sizes, trace->ids * sizeof *sizes);
}

void trace_open(struct trace *trace, const char *path)
{
	size_t count;

	*trace = (struct trace){ .ops = file_map(path, &count) };
	if (trace->ops[0].what_id != 0 || trace->ops[0].bytes != TRACE_MARK)
		measure_fail("this is no trace");
	trace->ops++;
	ops_count(trace, count - 1);
	if (trace->count == 0)
		measure_fail("an empty trace");
	live_count(trace);
}
