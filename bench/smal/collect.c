/* SPDX-License-Identifier: MIT */
/*
 * collect.c: rows about collections.
 */
#include "../graph.h"
#include "row.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	COLLECTIONS = 7,
	FEW_OBJECTS = 1000,
	SMALL_STACK_BYTES = 64 * 1024,
};

/* Collects so many times; an operation is what there is of n in a collection. */
static void collections_measure(struct result *result, uint64_t n, uint64_t count)
{
	row_sample_none();
	row_done(smal_collect(row_thread));
	while (count-- > 0) {
		uint64_t start_ns = measure_ns();

		row_done(smal_collect(row_thread));
		row_sample(measure_ns() - start_ns, n);
	}
	row_result(result, 0);
}

void row_collect_few(const struct row *row, struct result *result)
{
	row_open();
	row_list_grow(FEW_OBJECTS);
	collections_measure(result, 1, row->n);
}

static void list_collect(const struct row *row, struct result *result)
{
	row_open();
	row_list_grow(row->n);
	collections_measure(result, row->n, COLLECTIONS);
}

static void heads_collect(const struct row *row, struct result *result)
{
	uint64_t i;

	row_open();
	for (i = 0; i < row->n; i++)
		row_root = row_pair(row_root, NULL);
	collections_measure(result, row->n, COLLECTIONS);
}

/* What runs on a thread with a small stack. */
struct small_stack {
	void (*run)(const struct row *row, struct result *result);
	const struct row *row;
	struct result *result;
};

static void *small_stack_main(void *argument)
{
	struct small_stack *small = argument;

	small->run(small->row, small->result);
	return NULL;
}

static void small_stack_run(struct small_stack small)
{
	pthread_attr_t attributes;
	pthread_t id;

	if (pthread_attr_init(&attributes) ||
	    pthread_attr_setstacksize(&attributes, SMALL_STACK_BYTES) ||
	    pthread_create(&id, &attributes, small_stack_main, &small) || pthread_join(id, NULL))
		measure_fail("no thread with a small stack");
}

void row_collect_list(const struct row *row, struct result *result)
{
	small_stack_run((struct small_stack){ list_collect, row, result });
}

void row_collect_heads(const struct row *row, struct result *result)
{
	small_stack_run((struct small_stack){ heads_collect, row, result });
}

static struct pair *tree_new(unsigned depth)
{
	struct pair *left = depth ? tree_new(depth - 1) : NULL;
	struct pair *right = depth ? tree_new(depth - 1) : NULL;

	return row_pair(left, right);
}

void row_collect_tree(const struct row *row, struct result *result)
{
	unsigned depth = 0;

	while (((uint64_t)4 << depth) - 1 <= row->n)
		depth++;
	row_open();
	row_root = tree_new(depth);
	collections_measure(result, row->n, COLLECTIONS);
}

void row_collect_graph(const struct row *row, struct result *result)
{
	struct graph_object **objects = malloc(row->n * sizeof(struct graph_object *));
	struct smal_type *type;
	uint64_t i;

	if (!objects)
		measure_fail("out of memory");
	row_open();
	type = row_type("object", sizeof(struct graph_object), 15);
	for (i = 0; i < row->n; i++)
		objects[i] = row_checked(smal_alloc(row_thread, type));
	graph_link(objects, row->n);
	row_root = objects[0];
	free(objects);
	collections_measure(result, row->n, COLLECTIONS);
	if (!graph_is_whole(row_root, row->n))
		measure_fail("the graph is damaged");
}
