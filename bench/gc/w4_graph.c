/* SPDX-License-Identifier: MIT */
/*
 * w4_graph.c: full collections of a shuffled graph (graph.h): what a marker
 * costs where memory helps it least.
 *
 *   heap     bytes of heap (512M)
 *   objects  (5,000,000)
 */
#include "shuffled.h"
#include "workload.h"

static struct shim_kind object_kind;
static struct graph_object *graph;

void w4_graph(void)
{
	uint64_t count = measure_number("objects", 5000000), start_ns;

	shim_open(measure_number("heap", 512 << 20));
	shim_root(&graph);
	start_ns = measure_ns();
	shuffled_new(&object_kind, &graph, count);
	workload_measure_collections(shim_collect, count, measure_ns() - start_ns);
	if (!graph_is_whole(graph, count))
		measure_fail("the graph is damaged");
}
