/* SPDX-License-Identifier: MIT */
/*
 * main.c: runs one workload: PROGRAM WORKLOAD [NAME=VALUE ...]
 *
 * Prints one figure a line, "NAME VALUE UNIT". The status is 77 if the workload
 * has no meaning for this peer.
 */
#include "shim.h"
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLLECTIONS = 5 };

static const struct workload {
	const char *name;
	void (*run)(void);
	/* It measures collections, so a peer must have some. */
	int collects;
} workloads[] = {
	{ "w1", w1_gcbench, 0 }, { "w2", w2_trees, 0 },  { "w3", w3_list, 1 },
	{ "w4", w4_graph, 1 },   { "w5", w5_dead, 0 },   { "w6", w6_mixed, 0 },
	{ "w7", w7_threads, 0 }, { "w8", w8_large, 0 },  { "w9", w9_leaves, 1 },
	{ "w10", w10_weak, 1 },  { "w12", w12_deep, 1 },
};

static void report(uint64_t wall_ns, uint64_t cpu_ns, uint64_t cold_ns, uint64_t objects)
{
	measure_line("wall_s", (double)wall_ns / 1e9, "s");
	measure_line("cpu_s", (double)cpu_ns / 1e9, "s");
	measure_line("cold_s", (double)cold_ns / 1e9, "s");
	measure_line("objects", (double)objects, "objects");
	measure_line("object_ns", (double)wall_ns / (double)objects, "ns");
	measure_line("peak_bytes", (double)measure_peak_bytes(), "bytes");
	measure_pauses_lines();
}

void workload_measure_warm(uint64_t (*work)(void), void (*collect)(void), uint64_t cold_ns)
{
	uint64_t wall_ns, cpu_ns, objects;

	measure_arguments_done();
	collect();
	measure_pauses_none();
	cpu_ns = measure_cpu_ns();
	wall_ns = measure_ns();
	objects = work();
	wall_ns = measure_ns() - wall_ns;
	cpu_ns = measure_cpu_ns() - cpu_ns;
	report(wall_ns, cpu_ns, cold_ns, objects);
}

void workload_measure(uint64_t (*work)(void), void (*collect)(void))
{
	uint64_t start_ns = measure_ns();

	measure_arguments_done();
	work();
	workload_measure_warm(work, collect, measure_ns() - start_ns);
}

void workload_measure_collections(void (*collect)(void), uint64_t objects, uint64_t cold_ns)
{
	uint64_t wall_ns[COLLECTIONS], cpu_ns[COLLECTIONS];
	int i;

	measure_arguments_done();
	collect();
	measure_pauses_none();
	for (i = 0; i < COLLECTIONS; i++) {
		cpu_ns[i] = measure_cpu_ns();
		wall_ns[i] = measure_ns();
		collect();
		wall_ns[i] = measure_ns() - wall_ns[i];
		cpu_ns[i] = measure_cpu_ns() - cpu_ns[i];
	}
	measure_sort(wall_ns, COLLECTIONS);
	measure_sort(cpu_ns, COLLECTIONS);
	report(wall_ns[COLLECTIONS / 2], cpu_ns[COLLECTIONS / 2], cold_ns, objects);
}

int main(int count, char **arguments)
{
	size_t i;

	for (i = 0; count > 1 && i < sizeof workloads / sizeof workloads[0]; i++) {
		if (strcmp(arguments[1], workloads[i].name))
			continue;
		if (SHIM_BY_HAND && workloads[i].collects)
			return 77;
		measure_arguments(count - 2, arguments + 2);
		workloads[i].run();
		return fflush(stdout) == 0 ? 0 : 1;
	}
	fprintf(stderr, "usage: %s WORKLOAD [NAME=VALUE ...]\n", SHIM_NAME);
	return 2;
}
