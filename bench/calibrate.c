/* SPDX-License-Identifier: MIT */
/*
 * calibrate.c: what the machine itself costs. The memory of the reads is in
 * huge pages where the system has them, since a large heap is too.
 */
#define _GNU_SOURCE

#include "calibrate.h"
#include "measure.h"

#include <string.h>
#include <sys/mman.h>

enum {
	LINE_BYTES = 64,
	READS = 4000000,
	AHEAD = 16,
	STEP_BYTES = 4096,
	RUNS = 5,
};

/* A line of the area: the next one in a random cycle through all. */
struct line {
	uint64_t next;
	uint64_t rest[LINE_BYTES / sizeof(uint64_t) - 1];
};

static double median_ns(uint64_t *samples, double operations)
{
	measure_sort(samples, RUNS);
	return (double)samples[RUNS / 2] / operations;
}

/* Sattolo's shuffle, which makes one cycle. */
static void lines_link(struct line *lines, uint64_t count)
{
	uint64_t random = 1, i;

	for (i = 0; i < count; i++)
		lines[i].next = i;
	for (i = count - 1; i > 0; i--) {
		uint64_t j = measure_random_below(&random, i), next = lines[i].next;

		lines[i].next = lines[j].next;
		lines[j].next = next;
	}
}

static double read_dependent(const struct line *lines)
{
	uint64_t samples[RUNS], at = 0, i;
	int run;

	for (run = 0; run < RUNS; run++) {
		uint64_t start_ns = measure_ns();

		for (i = 0; i < READS; i++)
			at = lines[at].next;
		__asm__ volatile("" : : "r"(at));
		samples[run] = measure_ns() - start_ns;
	}
	return median_ns(samples, READS);
}

/* Reads at random places, each fetched 16 reads before it is made. */
static double read_ahead(const struct line *lines, uint64_t count)
{
	uint64_t window[AHEAD] = { 0 }, samples[RUNS], random = 2, sum = 0, i;
	int run;

	for (run = 0; run < RUNS; run++) {
		uint64_t start_ns = measure_ns();

		for (i = 0; i < READS; i++) {
			uint64_t *slot = &window[i % AHEAD];

			sum += lines[*slot].next;
			*slot = measure_random_below(&random, count);
			__builtin_prefetch(&lines[*slot]);
		}
		__asm__ volatile("" : : "r"(sum));
		samples[run] = measure_ns() - start_ns;
	}
	return median_ns(samples, READS);
}

static double read_sequential(const struct line *lines, uint64_t count)
{
	uint64_t samples[RUNS], sum = 0, i;
	int run;

	for (run = 0; run < RUNS; run++) {
		uint64_t start_ns = measure_ns();

		for (i = 0; i < count; i++)
			sum += lines[i].next;
		__asm__ volatile("" : : "r"(sum));
		samples[run] = measure_ns() - start_ns;
	}
	return median_ns(samples, (double)count);
}

/* Zeroes the area a step at a time, and hands each step out in objects. */
static void bump(char *area, size_t area_bytes, size_t bytes)
{
	char *limit = area + area_bytes, *object = area, *zeroed = area;

	while (object + bytes <= limit) {
		while (object + bytes > zeroed) {
			memset(zeroed, 0, STEP_BYTES);
			zeroed += STEP_BYTES;
		}
		*(uint64_t *)(void *)object = 1;
		measure_use(object);
		object += bytes;
	}
}

double calibrate_bump_in(size_t area_bytes, size_t bytes)
{
	enum { ROUNDS_BYTES = 256000 << 10 };
	static char area[CALIBRATE_LARGE_BYTES + STEP_BYTES] __attribute__((aligned(STEP_BYTES)));
	size_t rounds = ROUNDS_BYTES / area_bytes, round;
	uint64_t samples[RUNS];
	int run;

	if (area_bytes > CALIBRATE_LARGE_BYTES)
		measure_fail("no area of this size");
	bump(area, area_bytes, bytes);
	for (run = 0; run < RUNS; run++) {
		uint64_t start_ns = measure_ns();

		for (round = 0; round < rounds; round++)
			bump(area, area_bytes, bytes);
		samples[run] = measure_ns() - start_ns;
	}
	return median_ns(samples, (double)(area_bytes / bytes) * (double)rounds);
}

double calibrate_bump(size_t bytes)
{
	return calibrate_bump_in(CALIBRATE_SMALL_BYTES, bytes);
}

/* Lines that are linked, in huge pages if there are any. */
static struct line *lines_map(size_t area_bytes)
{
	struct line *lines = mmap(NULL, area_bytes, PROT_READ | PROT_WRITE,
	                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (lines == MAP_FAILED)
		measure_fail("no memory to calibrate in");
	madvise(lines, area_bytes, MADV_HUGEPAGE);
	lines_link(lines, area_bytes / LINE_BYTES);
	return lines;
}

double calibrate_read_ahead(size_t area_bytes)
{
	struct line *lines = lines_map(area_bytes);
	double ns = read_ahead(lines, area_bytes / LINE_BYTES);

	munmap(lines, area_bytes);
	return ns;
}

void calibrate_reads(struct calibration *calibration, size_t area_bytes)
{
	struct line *lines = lines_map(area_bytes);

	calibration->read_dependent = read_dependent(lines);
	calibration->read_ahead = read_ahead(lines, area_bytes / LINE_BYTES);
	calibration->read_sequential = read_sequential(lines, area_bytes / LINE_BYTES);
	munmap(lines, area_bytes);
}

void calibrate(struct calibration *calibration)
{
	calibrate_reads(calibration, (size_t)1 << 30);
	calibration->bump_16 = calibrate_bump(16);
	calibration->bump_32 = calibrate_bump(32);
	calibration->bump_64 = calibrate_bump(64);
	calibration->bump_256 = calibrate_bump(256);
}
