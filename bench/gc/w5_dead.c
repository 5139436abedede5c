/* SPDX-License-Identifier: MIT */
/*
 * w5_dead.c: objects of one size that die at once: what allocation costs, its
 * share of collections included. With live=, each one lives until another
 * takes its place, at random, in a table: allocation into a heap full of holes.
 *
 *   heap   bytes of heap (64M)
 *   bytes  of an object (16)
 *   live   how many live at a time (0)
 *   total  bytes to allocate (1G)
 */
#include "shim.h"
#include "workload.h"

static struct shim_kind object_kind, table_kind;
static uint64_t count, live;
static void **table;

static uint64_t work_dead(void)
{
	uint64_t i;

	for (i = 0; i < count; i++) {
		uint64_t *object = shim_new(&object_kind);

		object[0] = i;
		measure_use(object);
		shim_free(object);
	}
	return count;
}

static uint64_t work_replacing(void)
{
	uint64_t random = 5, i;

	for (i = 0; i < count; i++) {
		uint64_t *object = shim_new(&object_kind),
			 slot = measure_random_below(&random, live);

		object[0] = i;
		shim_free(table[slot]);
		table[slot] = object;
	}
	return count;
}

void w5_dead(void)
{
	uint64_t bytes = measure_number("bytes", 16);

	live = measure_number("live", 0);
	count = measure_number("total", (uint64_t)1 << 30) / bytes;
	shim_open(measure_number("heap", 64 << 20));
	shim_root(&table);
	shim_fixed(&object_kind, "object", bytes, 2);
	shim_vector(&table_kind, "table");
	if (live)
		table = shim_new_bytes(&table_kind, live * sizeof *table);
	workload_measure(live ? work_replacing : work_dead, shim_collect);
}
