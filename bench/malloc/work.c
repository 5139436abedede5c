/* SPDX-License-Identifier: MIT */
/*
 * work.c: runs one workload: malloc-work WORKLOAD [NAME=VALUE ...]
 *
 * Prints one figure a line, "NAME VALUE UNIT":
 *
 *   calls          blocks that were asked for
 *   live_bytes     the most bytes that were live at once, as the program counts;
 *                  of several threads, the sum of each one's most
 *   rss_over_live  where a workload is about fragmentation: resident bytes over
 *                  live bytes, the mean of several moments
 *
 * The argument share=N divides the work by N.
 */
#define _GNU_SOURCE

#include "work.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct worker workers[MOST_THREADS];

static double sample_sum;
static uint64_t samples, peak_known, calls_known;

static const struct workload {
	const char *name;
	void (*run)(void);
} workloads[] = {
	{ "pair", pair },       { "larson", larson },   { "xmalloc", xmalloc },
	{ "sh6", sh6 },         { "sh8", sh8 },         { "scratch", scratch },
	{ "thrash", thrash },   { "mstress", mstress }, { "replace", replace },
	{ "vectors", vectors }, { "phases", phases },   { "robson", robson },
	{ "web", web },         { "values", values },   { "cleared", cleared },
	{ "large", large },     { "spawn", spawn },     { "batches", batches },
	{ "pool", pool },       { "mleak", mleak },     { "factor", factor },
	{ "trees", trees },     { "strings", strings },
};

uint64_t work_steps(const char *name, uint64_t otherwise)
{
	uint64_t share = measure_number("share", 1);
	uint64_t steps = measure_number(name, otherwise) / (share ? share : 1);

	return steps ? steps : 1;
}

unsigned work_threads(void)
{
	uint64_t threads = measure_number("threads", 1);

	if (threads < 1 || threads > MOST_THREADS)
		measure_fail("threads out of range");
	return (unsigned)threads;
}

static void worker_prepare(unsigned index, void (*run)(struct worker *worker))
{
	struct worker *worker = &workers[index];

	worker->index = index;
	worker->run = run;
	if (!worker->random)
		worker->random = index + 1;
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;

	worker->run(worker);
	return NULL;
}

void work_spawn(unsigned threads, void (*run)(struct worker *worker))
{
	unsigned i;

	for (i = 0; i < threads; i++) {
		worker_prepare(i, run);
		if (pthread_create(&workers[i].id, NULL, worker_main, &workers[i]))
			measure_fail("no thread");
	}
	for (i = 0; i < threads; i++)
		pthread_join(workers[i].id, NULL);
}

void work_run(unsigned threads, void (*run)(struct worker *worker))
{
	if (threads > 1) {
		work_spawn(threads, run);
		return;
	}
	worker_prepare(0, run);
	run(&workers[0]);
}

/* Resident bytes of the process, read without a call of malloc. */
static double resident_bytes(void)
{
	char text[128];
	char *second;
	int in = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t length = in < 0 ? -1 : read(in, text, sizeof text - 1);

	if (in >= 0)
		close(in);
	if (length <= 0)
		measure_fail("no /proc/self/statm");
	text[length] = '\0';
	second = strchr(text, ' ');
	return second ? (double)strtoull(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE) : 0;
}

void work_sample(int64_t live_bytes)
{
	if (live_bytes <= 0)
		return;
	sample_sum += resident_bytes() / (double)live_bytes;
	samples++;
}

int64_t work_live_bytes(void)
{
	int64_t live_bytes = 0;
	int i;

	for (i = 0; i < MOST_THREADS; i++)
		live_bytes += workers[i].tally.live_bytes;
	return live_bytes;
}

void work_peak(uint64_t bytes)
{
	peak_known = bytes;
}

void work_calls(uint64_t calls)
{
	calls_known = calls;
}

void work_report(void)
{
	uint64_t calls = calls_known, peak_bytes = peak_known;
	int i;

	for (i = 0; i < MOST_THREADS; i++) {
		if (!calls_known)
			calls += workers[i].tally.calls;
		if (!peak_known)
			peak_bytes += (uint64_t)workers[i].tally.peak_bytes;
	}
	measure_line("calls", (double)calls, "calls");
	measure_line("live_bytes", (double)peak_bytes, "bytes");
	if (samples)
		measure_line("rss_over_live", sample_sum / (double)samples, "ratio");
}

int main(int count, char **arguments)
{
	size_t i;

	for (i = 0; count > 1 && i < sizeof workloads / sizeof workloads[0]; i++) {
		if (strcmp(arguments[1], workloads[i].name))
			continue;
		measure_arguments(count - 2, arguments + 2);
		workloads[i].run();
		work_report();
		measure_arguments_done();
		return fflush(stdout) == 0 ? 0 : 1;
	}
	fprintf(stderr, "usage: malloc-work WORKLOAD [NAME=VALUE ...]\n");
	return 2;
}
