/* SPDX-License-Identifier: MIT */
/*
 * vectors.c: several vectors that grow by realloc, in turn, so that each finds
 * others behind it.
 *
 * A third doubles, a third grows by half, a third by steps of a fixed length.
 * What is new is written, both ends are checked when the vector has moved. At
 * its own random length a vector is freed, and begins again.
 *
 *   vectors  (96)
 *   grows    calls of realloc (400,000)
 *   bytes    that a vector has at most (1M)
 *   step     bytes of a fixed step (1000)
 *   threads  each with vectors of its own (1)
 */
#include "work.h"

#include <string.h>

enum { BYTES_FIRST = 24 };

struct vector {
	unsigned char *base;
	uint64_t bytes, limit_bytes;
	unsigned char mark;
};

static uint64_t count, grows, bytes_max, step_bytes;

static uint64_t bytes_next(uint64_t bytes, uint64_t index)
{
	if (index % 3 == 0)
		return bytes * 2;
	if (index % 3 == 1)
		return bytes + bytes / 2;
	return bytes + step_bytes;
}

static void vector_drop(struct worker *worker, struct vector *vector)
{
	worker->tally.live_bytes -= (int64_t)vector->bytes;
	free(vector->base);
	vector->base = NULL;
	vector->bytes = 0;
}

static void vector_begin(struct worker *worker, struct vector *vector, uint64_t index)
{
	uint64_t most = index % 3 == 2 ? bytes_max / 8 : bytes_max;

	vector->mark = (unsigned char)measure_random(&worker->random);
	vector->limit_bytes = 1 + measure_random_below(&worker->random, most);
}

static void vector_grow(struct worker *worker, struct vector *vector, uint64_t index)
{
	uint64_t old = vector->bytes, bytes = old ? bytes_next(old, index) : BYTES_FIRST;
	unsigned char *base = realloc(vector->base, bytes);

	if (!base)
		measure_fail("no memory");
	if (old && (base[0] != vector->mark || base[old - 1] != vector->mark))
		measure_fail("a vector is damaged");
	memset(base + old, vector->mark, bytes - old);
	measure_use(base);
	tally_add(&worker->tally, bytes - old);
	vector->base = base;
	vector->bytes = bytes;
}

static void work(struct worker *worker)
{
	struct vector *table = table_new(count, sizeof *table);
	uint64_t i;

	for (i = 0; i < count; i++)
		vector_begin(worker, &table[i], i);
	for (i = 0; i < grows; i++) {
		uint64_t index = measure_random_below(&worker->random, count);

		vector_grow(worker, &table[index], index);
		if (table[index].bytes >= table[index].limit_bytes) {
			vector_drop(worker, &table[index]);
			vector_begin(worker, &table[index], index);
		}
	}
	for (i = 0; i < count; i++)
		vector_drop(worker, &table[i]);
	free(table);
}

void vectors(void)
{
	unsigned threads = work_threads();

	count = measure_number("vectors", 96);
	grows = work_steps("grows", 400000);
	bytes_max = measure_number("bytes", 1 << 20);
	step_bytes = measure_number("step", 1000);
	if (count < 1 || bytes_max < 64)
		measure_fail("vectors or bytes out of range");
	work_run(threads, work);
}
