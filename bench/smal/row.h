/* SPDX-License-Identifier: MIT */
/*
 * row.h: a row of bench-smal: what it measures, and what it needs for that: a
 * collector of its own and samples of time.
 *
 * A row runs in a process of its own; the collector is that process's only one.
 */
#ifndef BENCH_SMAL_ROW_H
#define BENCH_SMAL_ROW_H

#include "../measure.h"

#include <smal.h>

struct result {
	/* Of an operation; 0 where there is none. */
	double ns, p99_ns;
	uint64_t peak_bytes;
	/* Where the row has grown a heap: metadata in percent of it. */
	double metadata_percent;
	int valid;
};

struct row {
	const char *name;
	void (*run)(const struct row *row, struct result *result);
	uint64_t n;
	/* Of an object. */
	size_t bytes;
	/* The machine's cost, and how many operations it is the cost of. */
	const double *machine_ns;
	double machine_operations;
};

/* alloc.c: n objects that stay, and are a list: in memory that is warm, in
 * memory that was never touched, beyond a hole of 1 TiB in the addresses, in
 * slots that single objects have left. */
void row_alloc_live(const struct row *row, struct result *result);
void row_alloc_live_cold(const struct row *row, struct result *result);
void row_alloc_live_hole(const struct row *row, struct result *result);
void row_alloc_holes(const struct row *row, struct result *result);

/* alloc.c: n objects that die at once, of a type of fixed and of variable size;
 * their share of collections included. */
void row_alloc_dead(const struct row *row, struct result *result);
void row_alloc_bytes_dead(const struct row *row, struct result *result);

/* collect.c: a collection of a nearly empty heap, n times. */
void row_collect_few(const struct row *row, struct result *result);

/* collect.c: collections of n objects, in ns an object: a list by its tails and
 * one by its heads, on a stack of 64 KiB; a tree; a shuffled graph. */
void row_collect_list(const struct row *row, struct result *result);
void row_collect_heads(const struct row *row, struct result *result);
void row_collect_tree(const struct row *row, struct result *result);
void row_collect_graph(const struct row *row, struct result *result);

struct pair {
	struct pair *head, *tail;
};

extern struct smal_gc *row_gc;
extern struct smal_thread *row_thread;
/* The type of pairs, and a root. */
extern struct smal_type *row_pair_type;
extern void *row_root;

/* Makes a collector: one that collects when the heap is full; one that never
 * does by itself; the same, where the root alone keeps objects and not what lies
 * on the stack. */
void row_open_fixed(size_t heap_bytes);
void row_open(void);
void row_open_exact(void);

/* A type of fixed size; bit i is set if word i holds a pointer. */
struct smal_type *row_type(const char *name, size_t bytes, uintptr_t pointers);

/* Ends the process if the result is an error, or NULL. */
void row_done(enum smal_error error);
_Noreturn void row_failed(void);
static inline void *row_checked(void *object)
{
	if (__builtin_expect(!object, 0))
		row_failed();
	return object;
}

static inline struct pair *row_pair(struct pair *head, struct pair *tail)
{
	struct pair *pair = row_checked(smal_alloc(row_thread, row_pair_type));

	pair->head = head;
	pair->tail = tail;
	return pair;
}

/* Makes the root a list of n more pairs; ns a pair, and a sample for each
 * thousand. Earlier samples are dropped. */
double row_list_grow(uint64_t n);

/* Drops all samples; takes one, of so many operations. */
void row_sample_none(void);
void row_sample(uint64_t ns, uint64_t operations);

/* The result: p99 of the samples, and ns, or their median where ns is 0; the
 * metadata's share of the heap as it is now. */
void row_result(struct result *result, double ns);
void row_result_metadata(struct result *result);

#endif
