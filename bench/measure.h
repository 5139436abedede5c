/* SPDX-License-Identifier: MIT */
/*
 * measure.h: what every benchmark needs: clocks, memory, pauses, random
 * numbers, arguments, and the lines that it writes.
 *
 * A figure is one line, "NAME VALUE UNIT". compare-gc reads such lines, and so
 * does a person.
 *
 * One thread; the counts of pauses are the process's.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/** Nanoseconds of the monotonic clock, and of processor time of the process. */
uint64_t measure_ns(void);
uint64_t measure_cpu_ns(void);

/** Most bytes of memory that were resident at once so far; 0 if unknown. */
uint64_t measure_peak_bytes(void);

/** One value of /proc/self/FILE, such as "VmHWM:", in bytes; 0 if it has none. */
uint64_t measure_proc_bytes(const char *file, const char *field);

/** Says what went wrong and ends the process with status 1. */
_Noreturn void measure_fail(const char *what);

/** Writes a figure. */
void measure_line(const char *name, double value, const char *unit);

/** Reads the arguments NAME=VALUE of a command line; any other is a mistake. */
void measure_arguments(int count, char **arguments);

/** The value of an argument, with a suffix K, M or G allowed, or the default. */
uint64_t measure_number(const char *name, uint64_t otherwise);
const char *measure_word(const char *name, const char *otherwise);

/** Fails if an argument was given that nobody has asked for. */
void measure_arguments_done(void);

/** Pauses of the program, which the shim reports one by one. All are counted; the
 *  single ones are kept while there is room, and then every second, fourth ... of
 *  them, evenly over the whole time. */
enum { PAUSES_KEPT = 1 << 13 };
struct pauses {
	uint64_t count, sum_ns, max_ns;
	/* How many are kept; each stands for so many. */
	uint64_t kept, each;
	uint64_t ns[PAUSES_KEPT];
};
extern struct pauses measure_pauses;

void measure_pause(uint64_t ns);

/** Forgets all pauses so far. */
void measure_pauses_none(void);

/** Writes how many pauses there were, their sum, the longest, and, of those that
 *  are kept, the quantiles; and how many are kept, if that isn't all. */
void measure_pauses_lines(void);

/** Sorts samples; then tells which one a share of them does not exceed. */
void measure_sort(uint64_t *samples, size_t count);
static inline uint64_t measure_quantile(const uint64_t *sorted, size_t count, double share)
{
	return sorted[(size_t)((double)(count - 1) * share + 0.999)];
}

/** The next of a sequence of random numbers; the state is any number. */
static inline uint64_t measure_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/** A random number below a limit of at most 2^32. */
static inline uint64_t measure_random_below(uint64_t *state, uint64_t limit)
{
	return (measure_random(state) >> 32) * limit >> 32;
}

/** Makes the compiler believe that memory behind the pointer is read and changed. */
static inline void measure_use(void *pointer)
{
	__asm__ volatile("" : : "r"(pointer) : "memory");
}

/**
 * Huge pages, for every peer alike: the argument huge= is "alike" (every large
 * mapping asks for them, the default), "own" (each peer as it does by itself) or
 * "off" (none for anybody). measure_huge_before is called before a peer starts,
 * measure_huge_after when it has reserved its heap.
 */
void measure_huge_before(void);
void measure_huge_after(void);

#endif
