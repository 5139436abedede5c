/* SPDX-License-Identifier: MIT */
/*
 * machine.c: what one or two processors take for what workers share: the figures
 * that the simulation begins with (simulate.c).
 *
 *   mark     "an object": four tests of random marks, the first of which is set; in
 *            masks of a size, by plain stores, atomics or bytes, by one thread or two
 *   atomic   an addition to one word, by one thread or two
 *   lock     a lock and its unlock, by one thread or two
 *   wake     the call that wakes a sleeper or nobody, and until the sleeper runs
 *
 *   objects=NUMBER   of a row "mark" (2M)
 *
 * Medians of five. With fewer than two processors, rows of two threads mean nothing.
 */
#define _GNU_SOURCE

#include "../measure.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RUNS = 5, ROUNDS = 200000, WAKES = 200, TESTS = 4 };

/* ---- Two threads that begin together ---- */

struct pair_run {
	void (*run)(void *argument, unsigned thread);
	void *argument;
	volatile int ready;
	unsigned threads;
};

struct pair_thread {
	struct pair_run *pair;
	unsigned index;
	uint64_t ns;
};

static void *pair_main(void *argument)
{
	struct pair_thread *thread = argument;
	struct pair_run *pair = thread->pair;
	uint64_t start_ns;

	__atomic_add_fetch(&pair->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&pair->ready, __ATOMIC_ACQUIRE) < (int)pair->threads)
		;
	start_ns = measure_ns();
	pair->run(pair->argument, thread->index);
	thread->ns = measure_ns() - start_ns;
	return NULL;
}

/* The longer of the times that the threads took, in ns; the median of some runs. */
static double pair_measure(void (*run)(void *argument, unsigned thread), void *argument,
                           unsigned threads, void (*before)(void *argument))
{
	uint64_t samples[RUNS];

	for (unsigned i = 0; i < RUNS; i++) {
		struct pair_run pair = { run, argument, 0, threads };
		struct pair_thread two[2] = { { &pair, 0, 0 }, { &pair, 1, 0 } };
		pthread_t id;

		if (before)
			before(argument);
		if (threads > 1 && pthread_create(&id, NULL, pair_main, &two[1]))
			measure_fail("no thread");
		pair_main(&two[0]);
		if (threads > 1)
			pthread_join(id, NULL);
		samples[i] = two[0].ns > two[1].ns ? two[0].ns : two[1].ns;
	}
	measure_sort(samples, RUNS);
	return (double)samples[RUNS / 2];
}

/* ---- Marks ---- */

enum how { PLAIN, ATOMIC, BYTES };

struct marks {
	enum how how;
	uint64_t bytes, objects, found;
	uint64_t *words;
	unsigned threads;
};

static void marks_clear(void *argument)
{
	struct marks *marks = argument;

	memset(marks->words, 0, marks->bytes);
}

static inline int test(const struct marks *marks, uint64_t at, enum how how)
{
	if (how == BYTES)
		return ((const uint8_t *)marks->words)[at];
	return __atomic_load_n(&marks->words[at >> 6], __ATOMIC_RELAXED) >> (at & 63) & 1;
}

static inline void set(const struct marks *marks, uint64_t at, enum how how)
{
	uint64_t bit = (uint64_t)1 << (at & 63);

	if (how == BYTES)
		__atomic_store_n((uint8_t *)marks->words + at, 1, __ATOMIC_RELAXED);
	else if (how == ATOMIC)
		__atomic_fetch_or(&marks->words[at >> 6], bit, __ATOMIC_RELAXED);
	else
		marks->words[at >> 6] |= bit;
}

static inline void mark_as(struct marks *marks, unsigned thread, enum how how)
{
	uint64_t random = thread + 1, found = 0, objects = marks->objects / marks->threads;
	uint64_t last = (how == BYTES ? marks->bytes : marks->bytes * 8) - 1;

	for (uint64_t i = 0; i < objects; i++) {
		uint64_t all = measure_random(&random), first = all & last;

		if (!test(marks, first, how))
			set(marks, first, how);
		for (unsigned e = 1; e < TESTS; e++) {
			all = all * 0x9e3779b97f4a7c15u + 1;
			found += (unsigned)test(marks, all >> 8 & last, how);
		}
	}
	__atomic_add_fetch(&marks->found, found, __ATOMIC_RELAXED);
}

static void mark_run(void *argument, unsigned thread)
{
	struct marks *marks = argument;

	if (marks->how == PLAIN)
		mark_as(marks, thread, PLAIN);
	else if (marks->how == ATOMIC)
		mark_as(marks, thread, ATOMIC);
	else
		mark_as(marks, thread, BYTES);
}

static void rows_mark(uint64_t objects, int huge)
{
	static const char *const names[] = { "plain", "atomic", "bytes" };
	static const uint64_t sizes[] = { 32 << 10, 1 << 20, 8 << 20, 128 << 20 };

	for (unsigned size = 0; size < sizeof sizes / sizeof sizes[0]; size++) {
		void *words = mmap(NULL, sizes[size] * 8, PROT_READ | PROT_WRITE,
		                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (words == MAP_FAILED)
			measure_fail("no memory");
		madvise(words, sizes[size] * 8, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
		for (unsigned how = PLAIN; how <= BYTES; how++)
			for (unsigned threads = 1; threads <= (how == PLAIN ? 1u : 2u); threads++) {
				struct marks marks = { how, sizes[size] * (how == BYTES ? 8 : 1),
					               objects, 0, words, threads };
				double ns = pair_measure(mark_run, &marks, threads, marks_clear);
				char name[80];

				snprintf(name, sizeof name, "mark/%s/%lluK/%u%s", names[how],
				         (unsigned long long)sizes[size] >> 10, threads,
				         huge ? "/huge" : "");
				measure_line(name, ns * threads / (double)objects, "ns");
			}
		munmap(words, sizes[size] * 8);
	}
}

/* ---- One word, one lock ---- */

static volatile uint64_t word __attribute__((aligned(128)));
static pthread_mutex_t mutex __attribute__((aligned(128))) = PTHREAD_MUTEX_INITIALIZER;

static void atomic_run(void *argument, unsigned thread)
{
	(void)argument;
	(void)thread;
	for (unsigned i = 0; i < ROUNDS; i++)
		__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
}

static void lock_run(void *argument, unsigned thread)
{
	(void)argument;
	(void)thread;
	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		word++;
		pthread_mutex_unlock(&mutex);
	}
}

static void rows_shared(void)
{
	for (unsigned threads = 1; threads <= 2; threads++) {
		char name[32];

		snprintf(name, sizeof name, "atomic/%u", threads);
		measure_line(name, pair_measure(atomic_run, NULL, threads, NULL) / ROUNDS / threads,
		             "ns");
		snprintf(name, sizeof name, "lock/%u", threads);
		measure_line(name, pair_measure(lock_run, NULL, threads, NULL) / ROUNDS / threads,
		             "ns");
	}
}

/* ---- Waking ---- */

static volatile uint32_t gate, sleeps;
static volatile uint64_t woken_ns;

static void *sleeper(void *argument)
{
	(void)argument;
	for (uint32_t i = 1; i <= WAKES; i++) {
		__atomic_store_n(&sleeps, i, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&gate, __ATOMIC_SEQ_CST) < i)
			syscall(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, i - 1, NULL, NULL, 0);
		__atomic_store_n(&woken_ns, measure_ns(), __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void rows_wake(void)
{
	uint64_t call[WAKES], until[WAKES], start_ns;
	pthread_t id;

	if (pthread_create(&id, NULL, sleeper, NULL))
		measure_fail("no thread");
	for (uint32_t i = 1; i <= WAKES; i++) {
		while (__atomic_load_n(&sleeps, __ATOMIC_SEQ_CST) < i)
			;
		usleep(1000);
		__atomic_store_n(&woken_ns, 0, __ATOMIC_SEQ_CST);
		start_ns = measure_ns();
		__atomic_store_n(&gate, i, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
		call[i - 1] = measure_ns() - start_ns;
		while (__atomic_load_n(&woken_ns, __ATOMIC_SEQ_CST) == 0)
			;
		until[i - 1] = woken_ns - start_ns;
	}
	pthread_join(id, NULL);
	measure_sort(call, WAKES);
	measure_sort(until, WAKES);
	measure_line("wake/call", (double)call[WAKES / 2], "ns");
	measure_line("wake/runs", (double)until[WAKES / 2], "ns");
	measure_line("wake/runs-p90", (double)until[WAKES * 9 / 10], "ns");
	start_ns = measure_ns();
	for (unsigned i = 0; i < WAKES; i++)
		syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	measure_line("wake/nobody", (double)(measure_ns() - start_ns) / WAKES, "ns");
}

int main(int count, char **arguments)
{
	uint64_t objects;

	measure_arguments(count - 1, arguments + 1);
	objects = measure_number("objects", 2 << 20);
	measure_arguments_done();
	rows_shared();
	rows_wake();
	rows_mark(objects, 1);
	rows_mark(objects, 0);
	return 0;
}
