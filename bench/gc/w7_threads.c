/* SPDX-License-Identifier: MIT */
/*
 * w7_threads.c: several threads that allocate, each as much, and each the same
 * as alone: objects that die at once, of which one in sixteen stays a while in
 * the thread's own table. Perfect scaling is the same time for any number of
 * threads, as long as there are processors.
 *
 *   heap     bytes of heap (64M)
 *   bytes    of an object (32)
 *   threads  (2)
 *   live     objects in each table (10000)
 *   total    bytes that each thread allocates (1G)
 */
#include "shim.h"
#include "workload.h"

enum { MOST_THREADS = 64, KEEP = 16 };

static struct shim_kind object_kind, table_kind;
static uint64_t count, live, threads;

static void *work_thread(void *argument)
{
	uint64_t random = (uintptr_t)argument + 1, i;
	void **table;

	shim_thread_begin();
	table = shim_new_bytes(&table_kind, live * sizeof *table);
	for (i = 0; i < count; i++) {
		uint64_t *object = shim_new(&object_kind);
		uint64_t slot;

		object[1] = i;
		if (i % KEEP != 0) {
			measure_use(object);
			shim_free(object);
			continue;
		}
		slot = measure_random_below(&random, live);
		shim_free(table[slot]);
		table[slot] = object;
	}
	for (i = 0; i < live; i++)
		shim_free(table[i]);
	shim_free(table);
	shim_thread_end();
	return NULL;
}

static uint64_t work(void)
{
	pthread_t ids[MOST_THREADS];
	uint64_t i;

	for (i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, work_thread, (void *)(uintptr_t)i) != 0)
			measure_fail("no thread");
	for (i = 0; i < threads; i++)
		shim_thread_wait(ids[i]);
	return count * threads;
}

void w7_threads(void)
{
	uint64_t bytes = measure_number("bytes", 32);

	threads = measure_number("threads", 2);
	live = measure_number("live", 10000);
	count = measure_number("total", (uint64_t)1 << 30) / bytes;
	if (threads < 1 || threads > MOST_THREADS || bytes < 16)
		measure_fail("threads or bytes out of range");
	shim_open(measure_number("heap", 64 << 20));
	shim_fixed(&object_kind, "object", bytes, 1);
	shim_vector(&table_kind, "table");
	workload_measure(work, shim_collect);
}
