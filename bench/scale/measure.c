/* SPDX-License-Identifier: MIT */
/*
 * measure.c: what a collector's structures cost as they get many: one row a run.
 *
 *   row=threads  n threads that have left: how long stopping takes, and going on; far=1
 *                as below
 *   row=kinds    n types with an object each, and `threads` threads that have used them
 *   row=buffers  n buffers of leaves: the sweep
 *   row=reach    n pairs in a list; with far=1 a block of 300 MiB is alive as well, so
 *                that the heap has two segments
 *   row=large    n bytes of objects of 32 bytes, linked at random or in order (link=),
 *                in a heap that is filled once: marking, sweeping, metadata, mappings
 *
 *   collections=NUMBER   of which the medians are taken (5)
 *   huge=own|alike|off   as in bench/measure.h; alike, the default: of a large heap its
 *                        metadata, too
 *
 * Figures are lines, NAME VALUE UNIT.
 */
#define _GNU_SOURCE

#include "../measure.h"
#include "../smal/row.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 1000, LEAF_BYTES = 64, BUFFER_BYTES = 65536 };

/* ---- Collections ---- */

enum part { STOP, MARK, SWEEP, PAUSE, RESUME, PARTS };

static struct smal_collection last;

static void observe(const struct smal_collection *collection, void *user)
{
	(void)user;
	last = *collection;
}

/* Collects some times; prints the medians of the parts, in us. */
static void collect(const char *name, uint64_t count)
{
	static const char *const parts[] = { "stop", "mark", "sweep", "pause", "resume" };
	static uint64_t samples[PARTS][SAMPLES];

	smal_gc_set_observer(row_gc, observe, NULL);
	if (count > SAMPLES)
		count = SAMPLES;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t start_ns = measure_ns(), ns;

		row_done(smal_collect(row_thread));
		ns = measure_ns() - start_ns;
		samples[STOP][i] = last.stop_ns;
		samples[MARK][i] = last.mark_ns;
		samples[SWEEP][i] = last.pause_ns - last.mark_ns - last.stop_ns;
		samples[PAUSE][i] = last.pause_ns;
		samples[RESUME][i] = ns - last.pause_ns;
	}
	for (unsigned part = 0; part < PARTS; part++) {
		char line[80];

		measure_sort(samples[part], count);
		snprintf(line, sizeof line, "%s/%s", name, parts[part]);
		measure_line(line, (double)samples[part][count / 2] / 1000, "us");
	}
}

/* ---- Threads ---- */

struct crew {
	pthread_barrier_t attached, end;
	struct smal_type **types;
	uint64_t type_count;
};

static void *crew_main(void *argument)
{
	struct crew *crew = argument;
	struct smal_thread *thread;

	row_done(smal_thread_attach(row_gc, &thread));
	for (uint64_t i = 0; i < crew->type_count; i++)
		if (!smal_alloc(thread, crew->types[i]))
			measure_fail("no object");
	row_done(smal_thread_leave(thread));
	pthread_barrier_wait(&crew->attached);
	pthread_barrier_wait(&crew->end);
	row_done(smal_thread_enter(thread));
	row_done(smal_thread_detach(thread));
	return NULL;
}

static pthread_t *crew_begin(struct crew *crew, uint64_t threads)
{
	pthread_t *ids = calloc(threads + 1, sizeof *ids);

	if (!ids || pthread_barrier_init(&crew->attached, NULL, (unsigned)threads + 1) ||
	    pthread_barrier_init(&crew->end, NULL, (unsigned)threads + 1))
		measure_fail("out of memory");
	for (uint64_t i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, crew_main, crew))
			measure_fail("no thread");
	pthread_barrier_wait(&crew->attached);
	return ids;
}

static void crew_end(struct crew *crew, pthread_t *ids, uint64_t threads)
{
	pthread_barrier_wait(&crew->end);
	for (uint64_t i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	free(ids);
}

/* A block that is a segment of its own: from now on the heap has two. */
static void *row_far_block(void)
{
	const struct smal_type_desc desc = { .name = "far", .marking = SMAL_MARK_NOTHING };
	struct smal_type *far;

	row_done(smal_type_create(row_gc, &desc, &far));
	return row_checked(smal_alloc_bytes(row_thread, far, (size_t)300 << 20));
}

static void row_threads(uint64_t n, uint64_t collections)
{
	struct crew crew = { .type_count = 0 };
	void *far_block = NULL;
	uint64_t before = measure_proc_bytes("status", "VmRSS:");
	pthread_t *ids;

	row_open();
	row_list_grow(1000);
	if (measure_number("far", 0)) {
		far_block = row_far_block();
		row_done(smal_root_add(row_gc, &far_block, "far"));
	}
	ids = crew_begin(&crew, n);
	measure_line("threads/resident", (double)(measure_proc_bytes("status", "VmRSS:") - before) /
	                                         (double)n, "bytes");
	collect("threads", collections);
	crew_end(&crew, ids, n);
}

/* ---- Kinds ---- */

static void row_kinds(uint64_t n, uint64_t collections)
{
	uint64_t threads = measure_number("threads", 0);
	struct smal_type **types = calloc(n, sizeof *types);
	struct crew crew = { .types = types, .type_count = measure_number("used", 0) ? n : 0 };
	pthread_t *ids;

	if (!types)
		measure_fail("out of memory");
	row_open();
	for (uint64_t i = 0; i < n; i++) {
		types[i] = row_type("type", 32, 0);
		row_checked(smal_alloc(row_thread, types[i]));
	}
	ids = crew_begin(&crew, threads);
	collect("kinds", collections);
	crew_end(&crew, ids, threads);
	free(types);
}

/* ---- Buffers ---- */

/* Leaves that a table keeps: their kind's buffers are swept, and nothing is scanned. */
static void row_buffers(uint64_t n, uint64_t collections)
{
	const struct smal_type_desc desc = { .name = "table", .marking = SMAL_MARK_CONSERVATIVE };
	uint64_t each = BUFFER_BYTES / LEAF_BYTES;
	struct smal_type *leaf, *table;
	void **slots;

	row_open();
	leaf = row_type("leaf", LEAF_BYTES, 0);
	row_done(smal_type_create(row_gc, &desc, &table));
	row_root = slots = row_checked(smal_alloc_bytes(row_thread, table, n * sizeof *slots));
	/* One leaf of each buffer lives, and the table, which is larger than a buffer. */
	for (uint64_t i = 0; i < n; i++)
		for (uint64_t j = 0; j < each; j++) {
			void *object = row_checked(smal_alloc(row_thread, leaf));

			if (j == 0)
				slots[i] = object;
		}
	collect("buffers", collections);
}

/* ---- Reach ---- */

static void row_reach(uint64_t n, uint64_t collections)
{
	void *block = NULL;

	row_open();
	if (measure_number("far", 0)) {
		block = row_far_block();
		row_done(smal_root_add(row_gc, &block, "far"));
	}
	row_list_grow(n);
	collect("reach", collections);
	measure_use(block);
}

/* ---- Large heaps ---- */

enum { EDGES = 4 };

struct node {
	struct node *edges[EDGES];
};

/* A walk in which every number below a power of two comes once. */
static uint64_t next_number(uint64_t number, uint64_t mask)
{
	return (number * 6364136223846793005u + 1442695040888963407u) & mask;
}

/* Links by place: objects lie in the order of their allocation, one buffer after the
 * other, and a table of blocks of them would take as much memory as they do. */
struct pool {
	struct node **first;
	uint64_t each, count;
};

static struct node *pool_at(const struct pool *pool, uint64_t i)
{
	return pool->first[i / pool->each] + i % pool->each;
}

static void pool_fill(struct pool *pool, uint64_t count, struct smal_type *type)
{
	pool->each = BUFFER_BYTES / sizeof(struct node);
	pool->count = count;
	pool->first = calloc(count / pool->each, sizeof *pool->first);
	if (!pool->first)
		measure_fail("out of memory");
	for (uint64_t i = 0; i < count; i++) {
		struct node *node = row_checked(smal_alloc(row_thread, type));

		if (i % pool->each == 0)
			pool->first[i / pool->each] = node;
		else if (node != pool_at(pool, i))
			measure_fail("objects do not lie side by side");
	}
}

/* The first edge leads around all objects; the others anywhere, or, in order, nowhere. */
static void pool_link(const struct pool *pool, int in_order)
{
	uint64_t mask = pool->count - 1, at = 0, random = 4;

	for (uint64_t i = 0; i < pool->count; i++) {
		uint64_t next = in_order ? (i + 1) & mask : next_number(at, mask);
		struct node *node = pool_at(pool, at);

		node->edges[0] = pool_at(pool, next);
		for (unsigned e = 1; e < EDGES; e++)
			node->edges[e] = in_order ? NULL
			                          : pool_at(pool, measure_random(&random) & mask);
		at = next;
	}
	row_root = pool_at(pool, 0);
}

static double mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int c, lines = 0;

	while (maps && (c = fgetc(maps)) != EOF)
		lines += c == '\n';
	if (maps)
		fclose(maps);
	return lines;
}

static void print_memory(uint64_t heap_bytes)
{
	struct smal_space_stats stats;

	smal_get_space_stats(&stats);
	measure_line("large/reserved", (double)stats.reserved_bytes, "bytes");
	measure_line("large/metadata", 100 * (double)stats.metadata_bytes / (double)heap_bytes, "%");
	measure_line("large/mappings", mappings(), "");
	measure_line("large/resident", (double)measure_proc_bytes("status", "VmRSS:"), "bytes");
	measure_line("large/peak", (double)measure_peak_bytes(), "bytes");
	measure_line("large/page-tables", (double)measure_proc_bytes("status", "VmPTE:"), "bytes");
}

static void row_large(uint64_t n, uint64_t collections)
{
	const char *link = measure_word("link", "random");
	uint64_t count = n / sizeof(struct node), start_ns;
	struct pool pool;

	if (count < BUFFER_BYTES / sizeof(struct node) || (count & (count - 1)) != 0)
		measure_fail("n is not a power of two of 64 KiB and more");
	row_open();
	start_ns = measure_ns();
	pool_fill(&pool, count, row_type("node", sizeof(struct node), 15));
	measure_line("large/fill", (double)(measure_ns() - start_ns) / 1e9, "s");
	start_ns = measure_ns();
	pool_link(&pool, strcmp(link, "random") != 0);
	measure_line("large/link", (double)(measure_ns() - start_ns) / 1e9, "s");
	measure_huge_after();
	free(pool.first);
	print_memory(n);
	collect("large", collections);
	measure_line("large/mark-each", (double)last.mark_ns / (double)count, "ns");
	measure_line("large/sweep-each",
	             (double)(last.pause_ns - last.mark_ns - last.stop_ns) / ((double)n / BUFFER_BYTES),
	             "ns");
	print_memory(n);
}

int main(int count, char **arguments)
{
	static const struct {
		const char *name;
		void (*run)(uint64_t n, uint64_t collections);
		uint64_t n;
	} rows[] = { { "threads", row_threads, 64 },
		     { "kinds", row_kinds, 1000 },
		     { "buffers", row_buffers, 4096 },
		     { "reach", row_reach, 1000000 },
		     { "large", row_large, (uint64_t)256 << 20 } };
	const char *row;
	uint64_t collections;

	measure_arguments(count - 1, arguments + 1);
	row = measure_word("row", "large");
	collections = measure_number("collections", 5);
	measure_huge_before();
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (!strcmp(rows[i].name, row)) {
			rows[i].run(measure_number("n", rows[i].n), collections);
			measure_arguments_done();
			return 0;
		}
	measure_fail("no such row");
}
