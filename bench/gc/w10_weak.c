/* SPDX-License-Identifier: MIT */
/*
 * w10_weak.c: weak references, ephemerons or finalizers by the million: made for
 * as many objects, half of which then die; found dead by a collection, looked at
 * or taken; and all of it dropped.
 *
 *   heap   bytes of heap (512M)
 *   n      objects (1000000)
 *   what   0 weak references, 1 ephemerons, 2 finalizers (0)
 */
#include "shim.h"
#include "workload.h"

#if SHIM_HAS_WEAK

static struct shim_kind object_kind, table_kind;
static uint64_t n, what;
static void **kept, **cells;

static void make(uint64_t i)
{
	uint64_t *object = shim_new(&object_kind), *value;

	object[1] = i;
	kept[i] = object;
	if (what == 0) {
		cells[i] = shim_weak(object);
	} else if (what == 1) {
		value = shim_new(&object_kind);
		value[1] = ~i;
		cells[i] = shim_ephemeron(object, value);
	} else {
		shim_finalizer(object);
	}
}

/* How many of the objects have died and were noticed. */
static uint64_t noticed(void)
{
	uint64_t dead = 0, i;

	if (what == 2)
		return shim_finalize();
	for (i = 0; i < n; i++)
		dead += (what == 0 ? shim_weak_get(cells[i]) : shim_ephemeron_value(cells[i])) == NULL;
	return dead;
}

static uint64_t work(void)
{
	uint64_t i, dead;

	for (i = 0; i < n; i++)
		make(i);
	for (i = 0; i < n; i += 2)
		kept[i] = NULL;
	shim_collect();
	dead = noticed();
	/* A conservative collector may keep a few, and find them later. */
	if (dead < n / 2 - n / 100 || dead > n / 2 + n / 100)
		measure_fail("another number has died");
	for (i = 0; i < n; i++)
		kept[i] = cells[i] = NULL;
	shim_collect();
	shim_finalize();
	return n;
}

void w10_weak(void)
{
	n = measure_number("n", 1000000);
	what = measure_number("what", 0);
	shim_open(measure_number("heap", 512 << 20));
	shim_root(&kept);
	shim_root(&cells);
	shim_fixed(&object_kind, "object", 16, 1);
	shim_vector(&table_kind, "table");
	kept = shim_new_bytes(&table_kind, n * sizeof *kept);
	cells = shim_new_bytes(&table_kind, n * sizeof *cells);
	workload_measure(work, shim_collect);
}

#else

void w10_weak(void)
{
	measure_fail("this peer has nothing weak");
}

#endif
