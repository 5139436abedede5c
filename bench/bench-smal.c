/* SPDX-License-Identifier: MIT */
/*
 * bench-smal.c: libsmal alone, beside what the machine itself costs.
 *
 * A row is a line: name, n, ns an operation (the median where there are
 * repetitions), p99 (of samples of many operations each, where one is too short
 * for the clock), peak bytes of memory, and the ratio to the machine's own cost
 * of the like, taken in the same run (calibrate.h). Each row runs in a process
 * of its own, so none inherits another's heap.
 *
 * Below the rows stand the checks: limits that follow from the structures and
 * not from the machine. The status is 1 if one of them fails.
 *
 *   only=WORD   rows whose name contains the word
 *
 * The decay of free memory is put off (SMAL_OPTIONS), so that memory that a row
 * has warmed is warm when the row is measured.
 */
#include "calibrate.h"
#include "measure.h"
#include "smal/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct calibration machine;
/* Bump and zero 24, 104, 1000, 10000 and 65536 bytes. */
static double machine_bump[5];

enum { LIVE_1 = 0, LIVE_10, LIVE_40, LIVE_HOLE };

static const struct row rows[] = {
	/* The checks below use these by their place. */
	{ "alloc 16 B, 10^6 live", row_alloc_live, 1000000, 16, &machine.bump_16, 1 },
	{ "alloc 16 B, 10^7 live", row_alloc_live, 10000000, 16, &machine.bump_16, 1 },
	{ "alloc 16 B, 4*10^7 live", row_alloc_live, 40000000, 16, &machine.bump_16, 1 },
	{ "alloc 16 B, 10^7 live, 1 TiB hole", row_alloc_live_hole, 10000000, 16, &machine.bump_16,
	  1 },
	{ "alloc 16 B, 10^7 live, first touch", row_alloc_live_cold, 10000000, 16, &machine.bump_16,
	  1 },
	{ "alloc 16 B, into holes of one slot", row_alloc_holes, 5000000, 16, &machine.bump_16, 1 },
	{ "alloc 16 B, dead", row_alloc_dead, 50000000, 16, &machine.bump_16, 1 },
	{ "alloc 24 B, dead", row_alloc_dead, 30000000, 24, &machine_bump[0], 1 },
	{ "alloc 32 B, dead", row_alloc_dead, 30000000, 32, &machine.bump_32, 1 },
	{ "alloc 64 B, dead", row_alloc_dead, 15000000, 64, &machine.bump_64, 1 },
	{ "alloc 256 B, dead", row_alloc_dead, 4000000, 256, &machine.bump_256, 1 },
	{ "alloc_bytes 16 B, dead", row_alloc_bytes_dead, 50000000, 16, &machine.bump_16, 1 },
	{ "alloc_bytes 100 B, dead", row_alloc_bytes_dead, 10000000, 100, &machine_bump[1], 1 },
	{ "alloc_bytes 1000 B, dead", row_alloc_bytes_dead, 1000000, 1000, &machine_bump[2], 1 },
	{ "alloc_bytes 10000 B, dead", row_alloc_bytes_dead, 100000, 10000, &machine_bump[3], 1 },
	{ "alloc_bytes 64 KiB, dead", row_alloc_bytes_dead, 20000, 65536, &machine_bump[4], 1 },
	{ "alloc_bytes 1 MiB, dead", row_alloc_bytes_dead, 2000, 1 << 20, NULL, 0 },
	{ "collect, 1000 objects live", row_collect_few, 2000, 16, NULL, 0 },
	{ "mark a list, 64 KiB of stack", row_collect_list, 10000000, 16, &machine.read_sequential,
	  4 },
	{ "mark a chain of heads, 64 KiB of stack", row_collect_heads, 10000000, 16,
	  &machine.read_sequential, 4 },
	{ "mark a tree", row_collect_tree, (1 << 22) - 1, 16, &machine.read_sequential, 4 },
	{ "mark a shuffled graph", row_collect_graph, 5000000, 32, &machine.read_ahead, 1 },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static struct result results[ROWS];

/* A row, where a figure of 0 is one that there is none of. */
static void row_print(const char *name, double n, const struct result *result, double ratio)
{
	char p99[32] = "", peak[32] = "", to_machine[32] = "";

	if (result->p99_ns > 0)
		snprintf(p99, sizeof p99, "%.2f", result->p99_ns);
	if (result->peak_bytes > 0)
		snprintf(peak, sizeof peak, "%llu", (unsigned long long)result->peak_bytes);
	if (ratio > 0)
		snprintf(to_machine, sizeof to_machine, "%.2f", ratio);
	printf("%-40s %10.0f %12.2f %12s %14s %8s\n", name, n, result->ns, p99, peak, to_machine);
	fflush(stdout);
}

/* Runs a row in a child, which hands its result back through a pipe. */
static void row_run(const struct row *row, struct result *result)
{
	double machine_ns;
	int ends[2], status;
	pid_t pid;

	if (pipe(ends))
		measure_fail("pipe");
	pid = fork();
	if (pid < 0)
		measure_fail("fork");
	if (pid == 0) {
		row->run(row, result);
		result->peak_bytes = measure_peak_bytes();
		_exit(write(ends[1], result, sizeof *result) == (ssize_t)sizeof *result ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], result, sizeof *result) != (ssize_t)sizeof *result)
		*result = (struct result){ 0 };
	close(ends[0]);
	if (waitpid(pid, &status, 0) != pid || status != 0 || !result->valid) {
		fprintf(stderr, "bench-smal: failed: %s\n", row->name);
		result->valid = 0;
		return;
	}
	machine_ns = row->machine_ns ? *row->machine_ns / row->machine_operations : 0;
	row_print(row->name, (double)row->n, result, machine_ns > 0 ? result->ns / machine_ns : 0);
}

/* The machine's own figures. */
static void machine_measure(void)
{
	static const size_t bytes[] = { 24, 104, 1000, 10000, 65536 };
	size_t i;

	calibrate(&machine);
	for (i = 0; i < sizeof bytes / sizeof bytes[0]; i++)
		machine_bump[i] = calibrate_bump(bytes[i]);
	row_print("machine: read, each after the last", 4e6,
	          &(struct result){ .ns = machine.read_dependent }, 0);
	row_print("machine: read, 16 ahead", 4e6, &(struct result){ .ns = machine.read_ahead }, 0);
	row_print("machine: read a line, in order", 1.6e7,
	          &(struct result){ .ns = machine.read_sequential }, 0);
	row_print("machine: bump and zero 16 B", 1.6e7, &(struct result){ .ns = machine.bump_16 },
	          0);
	row_print("machine: bump and zero 64 B", 4e6, &(struct result){ .ns = machine.bump_64 }, 0);
}

/**********************************************************************
 * The checks
 **********************************************************************/

static int check_failures;

static void check(const char *what, double value, double limit)
{
	int good = value <= limit;

	printf("check: %-56s %8.3f, at most %-6.3f %s\n", what, value, limit,
	       good ? "ok" : "FAILED");
	check_failures += !good;
}

/* The largest of the first count rows to the smallest, or 0 if one is missing. */
static double spread(int count)
{
	double least = results[LIVE_1].ns, most = least;
	int i;

	for (i = 0; i < count; i++) {
		if (!results[i].valid)
			return 0;
		least = results[i].ns < least ? results[i].ns : least;
		most = results[i].ns > most ? results[i].ns : most;
	}
	return most / least;
}

static void checks(void)
{
	int i;

	printf("\n");
	if (spread(LIVE_40 + 1) > 0)
		check("allocation, slowest to fastest of 10^6 to 4*10^7 live", spread(LIVE_40 + 1),
		      1.2);
	if (results[LIVE_10].valid && results[LIVE_HOLE].valid)
		check("allocation beyond a hole of 1 TiB, to that without",
		      results[LIVE_HOLE].ns / results[LIVE_10].ns, 1.2);
	for (i = LIVE_1; i <= LIVE_40; i++)
		if (results[i].valid) {
			char what[80];

			snprintf(what, sizeof what, "metadata in percent: %s", rows[i].name);
			check(what, results[i].metadata_percent, 2.5);
		}
}

int main(int count, char **arguments)
{
	const char *only;
	int i, failed = 0;

	setenv("SMAL_OPTIONS", "decay=600000", 0);
	measure_arguments(count - 1, arguments + 1);
	only = measure_word("only", "");
	measure_arguments_done();
	printf("%-40s %10s %12s %12s %14s %8s\n", "name", "n", "ns each", "p99", "peak bytes",
	       "ratio");
	machine_measure();
	for (i = 0; i < ROWS; i++) {
		if (!strstr(rows[i].name, only))
			continue;
		row_run(&rows[i], &results[i]);
		failed += !results[i].valid;
	}
	checks();
	return failed || check_failures ? 1 : 0;
}
