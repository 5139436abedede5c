/* SPDX-License-Identifier: MIT */
/*
 * alloc.c: rows about allocation.
 */
#define _GNU_SOURCE

#include "row.h"

#include <sys/mman.h>

enum {
	BATCHES = 25000,
	FILL_LARGE_BYTES = 256 << 20,
	FILL_SMALL_BYTES = 1 << 20,
	FILLS = 4096,
	HEAP_BYTES = 64 << 20,
};

static const size_t hole_bytes = (size_t)1 << 40;
static const uint64_t warm_ns = 3000000000u;

/**********************************************************************
 * Allocation of objects that stay
 **********************************************************************/

void row_alloc_live_cold(const struct row *row, struct result *result)
{
	row_open_exact();
	row_result(result, row_list_grow(row->n));
	row_result_metadata(result);
}

/* Grows the list in memory that is warm, at least five times, and for some
 * seconds. The fastest counts: what else runs on the machine only adds to it. */
static void list_grow_warm(const struct row *row, struct result *result)
{
	const uint64_t limit_ns = measure_ns() + warm_ns;
	double best = 0;
	void *kept = row_root;
	int i;

	row_list_grow(row->n);
	for (i = 0; i < 5 || measure_ns() < limit_ns; i++) {
		double ns;

		row_root = kept;
		row_done(smal_collect(row_thread));
		ns = row_list_grow(row->n);
		best = i == 0 || ns < best ? ns : best;
	}
	row_result(result, best);
}

void row_alloc_live(const struct row *row, struct result *result)
{
	row_open_exact();
	list_grow_warm(row, result);
	row_result_metadata(result);
}

static uintptr_t distance(const void *left, const void *right)
{
	uintptr_t a = (uintptr_t)left, b = (uintptr_t)right;

	return a > b ? a - b : b - a;
}

/* Takes leaves of one size until one lies beyond the hole. Nobody touches them,
 * so they take addresses alone. */
static void **fill(void **fills, void **fills_limit, struct smal_type *type, size_t bytes,
                   const void *from)
{
	do {
		if (*fills)
			fills++;
		if (fills == fills_limit)
			measure_fail("the first segment does not fill");
		*fills = row_checked(smal_alloc_bytes(row_thread, type, bytes));
	} while (distance(*fills, from) < hole_bytes);
	return fills;
}

/*
 * The same in a heap that leaves a TiB of addresses out: some pairs; a
 * reservation of a TiB that is not ours; leaves that fill what is left of the
 * first segment of 64 GiB, large ones, then small ones; and all the other pairs.
 */
void row_alloc_live_hole(const struct row *row, struct result *result)
{
	const struct smal_type_desc desc = { .name = "fill", .marking = SMAL_MARK_NOTHING };
	static void *fills[FILLS];
	void **last_fill = fills;
	struct smal_type *type;
	const struct pair *first, *pair;
	uint64_t beyond = 0;

	row_open_exact();
	row_done(smal_type_create(row_gc, &desc, &type));
	row_done(smal_root_add_range(row_gc, fills, fills + FILLS, "fills"));
	row_list_grow(row->n / 10);
	first = row_root;
	if (mmap(NULL, hole_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
	    MAP_FAILED)
		measure_fail("no addresses for the hole");
	last_fill = fill(last_fill, fills + FILLS, type, FILL_LARGE_BYTES, first);
	fill(last_fill, fills + FILLS, type, FILL_SMALL_BYTES, first);
	list_grow_warm(row, result);
	for (pair = row_root; pair != NULL; pair = pair->tail)
		beyond += distance(pair, first) >= hole_bytes;
	/* The last ones may be anywhere. */
	if (beyond < row->n / 2)
		measure_fail("the heap did not leave the hole out");
}

/* Each second pair of a full heap dies; new ones go where they were. */
void row_alloc_holes(const struct row *row, struct result *result)
{
	struct pair *pair;

	row_open_exact();
	row_list_grow(2 * row->n);
	for (pair = row_root; pair && pair->tail; pair = pair->tail)
		pair->tail = pair->tail->tail;
	row_done(smal_collect(row_thread));
	row_result(result, row_list_grow(row->n));
}

/**********************************************************************
 * Allocation of objects that die at once, collections included
 **********************************************************************/

/* Allocates n objects of a type, twice: the first round warms the heap. */
static void dead_measure(const struct row *row, struct result *result, struct smal_type *type,
                         int variable)
{
	uint64_t batch = row->n / BATCHES + 1, round, i, j, start_ns = 0, last_ns = 0;

	for (round = 0; round < 2; round++) {
		row_sample_none();
		start_ns = last_ns = measure_ns();
		for (i = 0; i < row->n; i += batch) {
			uint64_t now_ns;

			for (j = 0; j < batch; j++) {
				uint64_t *object = row_checked(
					variable ? smal_alloc_bytes(row_thread, type, row->bytes)
						 : smal_alloc(row_thread, type));

				*object = j;
				measure_use(object);
			}
			now_ns = measure_ns();
			row_sample(now_ns - last_ns, batch);
			last_ns = now_ns;
		}
	}
	row_result(result, (double)(last_ns - start_ns) / (double)i);
}

void row_alloc_dead(const struct row *row, struct result *result)
{
	row_open_fixed(HEAP_BYTES);
	dead_measure(row, result, row_type("object", row->bytes, 2), 0);
}

void row_alloc_bytes_dead(const struct row *row, struct result *result)
{
	const struct smal_type_desc desc = { .name = "bytes", .marking = SMAL_MARK_NOTHING };
	struct smal_type *type;

	row_open_fixed(HEAP_BYTES);
	row_done(smal_type_create(row_gc, &desc, &type));
	dead_measure(row, result, type, 1);
}
