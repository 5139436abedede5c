/* SPDX-License-Identifier: MIT */
/*
 * work.c: vectors that grow, by smal or by realloc: vectors-work WORKLOAD by=HOW ...
 *
 *   steps     many vectors, in turn, each longer by a small step (realloc each time)
 *   one       one vector, by steps
 *   append    elements at the end of one vector, by push or by doubling
 *   stack     operands pushed and popped
 *   short     vectors that are made, appended to a little and freed
 *
 * by=smal is a pool of vectors; by=realloc is what a program does by hand with the
 * malloc that it has.
 *
 *   vectors (1000), bytes (1M), step (256), elements (100M), size of one (8), rounds
 *   share=N divides the work by N.
 *
 * Prints one figure a line: copied_bytes, what a vector held whose pointer changed
 * (of large blocks the system may have moved the pages instead); by smal, what was
 * copied.
 */
#include "../measure.h"

#include <smal.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct vector {
	unsigned char *base;
	size_t used, capacity;
};

static bool by_smal;
static struct smal_vector_pool *pool;
static uint64_t copied_bytes, share;

static uint64_t work_number(const char *name, uint64_t otherwise)
{
	uint64_t number = measure_number(name, otherwise) / share;

	return number ? number : 1;
}

/* ---- Longer, whatever it costs ---- */

static void longer(struct vector *vector, size_t step)
{
	size_t used = vector->used + step;
	unsigned char *base = by_smal ? smal_vector_resize(pool, vector->base, used)
	                              : realloc(vector->base, used);

	if (!base)
		measure_fail("no memory");
	if (base != vector->base && !by_smal)
		copied_bytes += vector->used;
	memset(base + vector->used, (int)used, step);
	vector->base = base;
	vector->used = used;
}

static void begin(struct vector *vector)
{
	*vector = (struct vector){ by_smal ? smal_vector_alloc(pool, 0) : NULL, 0, 0 };
}

static void end(struct vector *vector)
{
	if (by_smal)
		smal_vector_free(pool, vector->base);
	else
		free(vector->base);
}

static void steps(void)
{
	uint64_t count = work_number("vectors", 1000), bytes = measure_number("bytes", 1 << 20);
	uint64_t step = measure_number("step", 256);
	struct vector *table = calloc(count, sizeof *table);

	if (!table)
		measure_fail("no memory");
	for (uint64_t i = 0; i < count; i++)
		begin(&table[i]);
	for (uint64_t used = 0; used + step <= bytes; used += step)
		for (uint64_t i = 0; i < count; i++)
			longer(&table[i], step);
	for (uint64_t i = 0; i < count; i++)
		end(&table[i]);
	free(table);
}

static void one(void)
{
	uint64_t bytes = work_number("bytes", 1 << 30), step = measure_number("step", 65536);
	struct vector vector;

	begin(&vector);
	while (vector.used + step <= bytes)
		longer(&vector, step);
	end(&vector);
}

/* ---- Elements ---- */

__attribute__((noinline)) static void twice(struct vector *vector)
{
	size_t capacity = vector->capacity ? 2 * vector->capacity : 16;
	unsigned char *base = realloc(vector->base, capacity);

	if (!base)
		measure_fail("no memory");
	if (base != vector->base)
		copied_bytes += vector->used;
	vector->base = base;
	vector->capacity = capacity;
}

static inline void push(struct vector *vector, const void *element, size_t bytes)
{
	if (__builtin_expect(vector->capacity - vector->used < bytes, 0))
		twice(vector);
	memcpy(vector->base + vector->used, element, bytes);
	vector->used += bytes;
}

static inline void append_smal(uint64_t elements, size_t size)
{
	struct smal_vector_tail tail;

	if (!smal_vector_tail_begin(&tail, pool, NULL))
		measure_fail("no memory");
	for (uint64_t i = 0; i < elements; i++)
		if (!smal_vector_push(&tail, &i, size))
			measure_fail("no memory");
	measure_use(tail.base);
	smal_vector_free(pool, smal_vector_tail_end(&tail));
}

static inline void append_realloc(uint64_t elements, size_t size)
{
	struct vector vector = { NULL, 0, 0 };

	for (uint64_t i = 0; i < elements; i++)
		push(&vector, &i, size);
	measure_use(vector.base);
	free(vector.base);
}

static void append(void)
{
	uint64_t elements = work_number("elements", 100000000), size = measure_number("size", 8);

	if (size == 8)
		by_smal ? append_smal(elements, 8) : append_realloc(elements, 8);
	else if (size == 1)
		by_smal ? append_smal(elements, 1) : append_realloc(elements, 1);
	else
		measure_fail("size is not 1 or 8");
}

/* Two are taken off and one is put back, as deep as a small program's stack. */
static uint64_t stack_smal(uint64_t rounds)
{
	struct smal_vector_tail tail;
	uint64_t sum = 0;

	if (!smal_vector_tail_begin(&tail, pool, NULL))
		measure_fail("no memory");
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t depth = i % 64;

		for (uint64_t k = 0; k <= depth; k++) {
			uint64_t operand = i + k;

			smal_vector_push(&tail, &operand, sizeof operand);
		}
		for (uint64_t k = 0; k < depth; k++) {
			uint64_t a, b;

			memcpy(&a, smal_vector_pop(&tail, sizeof a), sizeof a);
			memcpy(&b, smal_vector_pop(&tail, sizeof b), sizeof b);
			a ^= b;
			smal_vector_push(&tail, &a, sizeof a);
		}
		sum += *(uint64_t *)smal_vector_pop(&tail, sizeof sum);
	}
	smal_vector_free(pool, smal_vector_tail_end(&tail));
	return sum;
}

static uint64_t stack_realloc(uint64_t rounds)
{
	struct vector vector = { NULL, 0, 0 };
	uint64_t sum = 0;

	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t depth = i % 64;

		for (uint64_t k = 0; k <= depth; k++) {
			uint64_t operand = i + k;

			push(&vector, &operand, sizeof operand);
		}
		for (uint64_t k = 0; k < depth; k++) {
			uint64_t a, b;

			vector.used -= sizeof a;
			memcpy(&a, vector.base + vector.used, sizeof a);
			vector.used -= sizeof b;
			memcpy(&b, vector.base + vector.used, sizeof b);
			a ^= b;
			push(&vector, &a, sizeof a);
		}
		vector.used -= sizeof sum;
		sum += *(uint64_t *)(void *)(vector.base + vector.used);
	}
	free(vector.base);
	return sum;
}

static void stack(void)
{
	uint64_t rounds = work_number("rounds", 1000000);
	uint64_t sum = by_smal ? stack_smal(rounds) : stack_realloc(rounds);

	measure_use(&sum);
}

/* ---- Short ones ---- */

static void write_smal(struct vector *vector, size_t bytes, size_t piece)
{
	static const char text[64];
	struct smal_vector_tail tail;

	if (!smal_vector_tail_begin(&tail, pool, NULL))
		measure_fail("no memory");
	for (size_t done = 0; done < bytes; done += piece)
		smal_vector_push(&tail, text, piece);
	vector->base = smal_vector_tail_end(&tail);
}

static void write_realloc(struct vector *vector, size_t bytes, size_t piece)
{
	static const char text[64];

	*vector = (struct vector){ NULL, 0, 0 };
	for (size_t done = 0; done < bytes; done += piece) {
		if (vector->capacity < vector->used + piece)
			twice(vector);
		if (vector->capacity < vector->used + piece)
			twice(vector);
		push(vector, text, piece);
	}
}

/* A thousand are there at a time. */
static void shorts(void)
{
	enum { LIVE = 1000 };
	static struct vector live[LIVE];
	uint64_t rounds = work_number("rounds", 5000000), random = 1;

	for (uint64_t i = 0; i < rounds; i++) {
		struct vector *vector = &live[measure_random_below(&random, LIVE)];
		size_t bytes = 10 + measure_random_below(&random, 191);

		if (vector->base)
			end(vector);
		if (by_smal)
			write_smal(vector, bytes, 24);
		else
			write_realloc(vector, bytes, 24);
	}
	for (int i = 0; i < LIVE; i++)
		if (live[i].base)
			end(&live[i]);
}

static const struct workload {
	const char *name;
	void (*run)(void);
} workloads[] = {
	{ "steps", steps }, { "one", one },      { "append", append },
	{ "stack", stack }, { "short", shorts },
};

int main(int count, char **arguments)
{
	struct smal_vector_stats stats = { 0 };

	if (count < 2)
		measure_fail("usage: vectors-work WORKLOAD by=smal|realloc [NAME=VALUE ...]");
	measure_arguments(count - 2, arguments + 2);
	by_smal = !strcmp(measure_word("by", "smal"), "smal");
	share = measure_number("share", 1);
	share = share ? share : 1;
	if (by_smal && smal_vector_pool_create(NULL, &pool) != SMAL_OK)
		measure_fail("no pool");
	for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
		if (!strcmp(arguments[1], workloads[i].name)) {
			workloads[i].run();
			measure_arguments_done();
			if (by_smal)
				smal_vector_get_stats(pool, &stats);
			measure_line("copied_bytes",
			             (double)(by_smal ? stats.copied_bytes : copied_bytes),
			             "bytes");
			return 0;
		}
	measure_fail("no such workload");
}
