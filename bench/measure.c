/* SPDX-License-Identifier: MIT */
/*
 * measure.c: clocks, memory, arguments and lines, by POSIX and Linux's /proc.
 */
#define _GNU_SOURCE

#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

enum {
	ARGUMENTS = 32,
	HUGE_BYTES = 2 << 20,
};

struct argument {
	char *name;
	const char *value;
	int asked;
};

struct pauses measure_pauses = { .each = 1 };

static struct argument arguments[ARGUMENTS];
static size_t argument_count;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		measure_fail("no clock");
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t measure_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t measure_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t measure_proc_bytes(const char *file, const char *field)
{
	char path[64], line[256];
	size_t length = strlen(field);
	uint64_t bytes = 0;
	FILE *in;

	snprintf(path, sizeof path, "/proc/self/%s", file);
	in = fopen(path, "r");
	if (!in)
		return 0;
	while (fgets(line, sizeof line, in))
		if (!strncmp(line, field, length)) {
			bytes = strtoull(line + length, NULL, 10) * 1024;
			break;
		}
	fclose(in);
	return bytes;
}

uint64_t measure_peak_bytes(void)
{
	return measure_proc_bytes("status", "VmHWM:");
}

void measure_fail(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

void measure_line(const char *name, double value, const char *unit)
{
	printf("%s %.9g %s\n", name, value, unit);
}

void measure_arguments(int count, char **words)
{
	int i;

	for (i = 0; i < count; i++) {
		char *equals = strchr(words[i], '=');

		if (!equals || argument_count == ARGUMENTS)
			measure_fail("an argument is not NAME=VALUE, or one too many");
		*equals = '\0';
		arguments[argument_count++] = (struct argument){ words[i], equals + 1, 0 };
	}
}

const char *measure_word(const char *name, const char *otherwise)
{
	size_t i;

	for (i = 0; i < argument_count; i++)
		if (!strcmp(arguments[i].name, name)) {
			arguments[i].asked = 1;
			return arguments[i].value;
		}
	return otherwise;
}

uint64_t measure_number(const char *name, uint64_t otherwise)
{
	const char *word = measure_word(name, NULL);
	uint64_t number;
	char *end;

	if (!word)
		return otherwise;
	number = strtoull(word, &end, 10);
	if (*end == 'K')
		number <<= 10, end++;
	else if (*end == 'M')
		number <<= 20, end++;
	else if (*end == 'G')
		number <<= 30, end++;
	if (end == word || *end != '\0')
		measure_fail("an argument is no number");
	return number;
}

void measure_arguments_done(void)
{
	size_t i;

	for (i = 0; i < argument_count; i++)
		if (!arguments[i].asked) {
			fprintf(stderr, "bench: no such argument: %s\n", arguments[i].name);
			exit(1);
		}
}

static int compare_samples(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

void measure_sort(uint64_t *samples, size_t count)
{
	qsort(samples, count, sizeof *samples, compare_samples);
}

void measure_pauses_none(void)
{
	measure_pauses.count = measure_pauses.sum_ns = measure_pauses.max_ns = 0;
	measure_pauses.kept = 0;
	measure_pauses.each = 1;
}

/* Drops every second pause; the first of each two stays. */
static void pauses_thin(struct pauses *pauses)
{
	uint64_t i;

	pauses->kept /= 2;
	for (i = 0; i < pauses->kept; i++)
		pauses->ns[i] = pauses->ns[2 * i];
	pauses->each *= 2;
}

void measure_pause(uint64_t ns)
{
	struct pauses *pauses = &measure_pauses;

	if (pauses->count % pauses->each == 0) {
		if (pauses->kept == PAUSES_KEPT)
			pauses_thin(pauses);
		pauses->ns[pauses->kept++] = ns;
	}
	pauses->count++;
	pauses->sum_ns += ns;
	if (ns > pauses->max_ns)
		pauses->max_ns = ns;
}

static double pause_ms(double share)
{
	return (double)measure_quantile(measure_pauses.ns, measure_pauses.kept, share) / 1e6;
}

void measure_pauses_lines(void)
{
	struct pauses *pauses = &measure_pauses;

	measure_line("collections", (double)pauses->count, "collections");
	measure_line("pause_sum_ms", (double)pauses->sum_ns / 1e6, "ms");
	measure_line("pause_max_ms", (double)pauses->max_ns / 1e6, "ms");
	if (pauses->kept == 0)
		return;
	measure_sort(pauses->ns, pauses->kept);
	measure_line("pause_p50_ms", pause_ms(0.5), "ms");
	measure_line("pause_p90_ms", pause_ms(0.9), "ms");
	measure_line("pause_p99_ms", pause_ms(0.99), "ms");
	if (pauses->kept < pauses->count)
		measure_line("pauses_kept", (double)pauses->kept, "pauses");
}

void measure_huge_before(void)
{
	if (!strcmp(measure_word("huge", "alike"), "off"))
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

/* Asks for huge pages in every private writable mapping that can hold a few. */
void measure_huge_after(void)
{
	char line[512];
	FILE *maps;

	if (strcmp(measure_word("huge", "alike"), "alike"))
		return;
	maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof line, maps)) {
		uint64_t base, limit, inode;
		char rights[5];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %" SCNu64, &base, &limit,
		           rights, &inode) != 4)
			continue;
		if (inode == 0 && !strcmp(rights, "rw-p") && limit - base >= 4 * HUGE_BYTES)
			madvise((void *)(uintptr_t)base, limit - base, MADV_HUGEPAGE);
	}
	if (maps)
		fclose(maps);
}
