/* SPDX-License-Identifier: MIT */
/*
 * w4_graph.c: full collections of a shuffled graph (graph.h): what a marker
 * costs where memory helps it least.
 *
 *   heap     bytes of heap (512M)
 *   objects  (5,000,000)
 */
#include "../graph.h"
#include "shim.h"
#include "workload.h"

#include <stdlib.h>

static struct shim_kind object_kind;
static struct graph_object *graph;

/* A table of new objects. They are a list too, which keeps them alive. */
static struct graph_object **objects_new(uint64_t count)
{
	struct graph_object **objects = malloc(count * sizeof(struct graph_object *));
	uint64_t i;

	if (!objects)
		measure_fail("out of memory");
	for (i = 0; i < count; i++) {
		struct graph_object *object = shim_new(&object_kind);

		*object = (struct graph_object){ { graph } };
		graph = objects[i] = object;
	}
	return objects;
}

void w4_graph(void)
{
	uint64_t count = measure_number("objects", 5000000), start_ns;
	struct graph_object **objects;

	shim_open(measure_number("heap", 512 << 20));
	shim_root(&graph);
	shim_fixed(&object_kind, "object", sizeof(struct graph_object), 15);
	start_ns = measure_ns();
	objects = objects_new(count);
	graph_link(objects, count);
	free(objects);
	workload_measure_collections(shim_collect, count, measure_ns() - start_ns);
	if (!graph_is_whole(graph, count))
		measure_fail("the graph is damaged");
}
