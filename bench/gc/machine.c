/* SPDX-License-Identifier: MIT */
/*
 * machine.c: the machine as a peer: what it costs to do the least that a workload
 * needs, with no collector at all.
 *
 * usage: gc-machine limits|w4|w5 [NAME=VALUE ...]
 *
 *   limits   the machine's own figures (calibrate.h), reads in bytes= (160M)
 *   w4       for each object, one random read, asked for 16 ahead, in memory of
 *            the size of all objects: no marker can do without it
 *   w5       for each object, its bytes zeroed and a pointer moved, in memory that
 *            is recycled: no allocator can do without it
 *
 * Takes the arguments of the workloads and writes figures as they do; a figure is
 * the median of several runs. The status is 77 for any other workload.
 */
#include "../calibrate.h"
#include "../graph.h"
#include "../measure.h"

#include <stdio.h>
#include <string.h>

/* No object costs less than this. */
static void report(double object_ns, double objects)
{
	measure_line("wall_s", object_ns * objects / 1e9, "s");
	measure_line("cpu_s", object_ns * objects / 1e9, "s");
	measure_line("objects", objects, "objects");
	measure_line("object_ns", object_ns, "ns");
	measure_line("peak_bytes", (double)measure_peak_bytes(), "bytes");
}

static int limits(void)
{
	static const size_t sizes[] = { 16, 32, 64, 256 };
	size_t area_bytes = measure_number("bytes", 160 << 20), i;
	struct calibration reads;
	char name[64];

	measure_arguments_done();
	calibrate_reads(&reads, area_bytes);
	measure_line("read_ahead_ns", reads.read_ahead, "ns");
	measure_line("read_dependent_ns", reads.read_dependent, "ns");
	measure_line("read_in_order_gb_s", 64 / reads.read_sequential, "GB/s");
	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		snprintf(name, sizeof name, "bump_%zu_ns", sizes[i]);
		measure_line(name, calibrate_bump(sizes[i]), "ns");
		snprintf(name, sizeof name, "bump_%zu_large_ns", sizes[i]);
		measure_line(name, calibrate_bump_in(CALIBRATE_LARGE_BYTES, sizes[i]), "ns");
	}
	return 0;
}

static int graph(void)
{
	uint64_t objects = measure_number("objects", 5000000);

	measure_number("heap", 0);
	measure_arguments_done();
	report(calibrate_read_ahead(objects * sizeof(struct graph_object)), (double)objects);
	return 0;
}

static int dead(void)
{
	uint64_t bytes = measure_number("bytes", 16);
	uint64_t total = measure_number("total", (uint64_t)1 << 30);

	if (measure_number("live", 0) != 0)
		return 77;
	measure_number("heap", 0);
	measure_arguments_done();
	report(calibrate_bump(bytes), (double)(total / bytes));
	return 0;
}

int main(int count, char **arguments)
{
	int status = 77;

	if (count < 2) {
		fprintf(stderr, "usage: gc-machine limits|w4|w5 [NAME=VALUE ...]\n");
		return 2;
	}
	measure_arguments(count - 2, arguments + 2);
	measure_huge_before();
	if (!strcmp(arguments[1], "limits"))
		status = limits();
	else if (!strcmp(arguments[1], "w4"))
		status = graph();
	else if (!strcmp(arguments[1], "w5"))
		status = dead();
	return fflush(stdout) == 0 ? status : 1;
}
