/* SPDX-License-Identifier: MIT */
/*
 * graph.h: a shuffled graph, the same for every peer.
 *
 * Each object is four pointers, 32 bytes. The first follows a random
 * permutation of all objects, so that every one is reachable from any other;
 * the other three go to random objects.
 */
#ifndef BENCH_GRAPH_H
#define BENCH_GRAPH_H

#include "measure.h"

enum { GRAPH_EDGES = 4 };

struct graph_object {
	struct graph_object *edges[GRAPH_EDGES];
};

/** Links the objects of a table, which it shuffles; the graph is any of them. */
static inline void graph_link(struct graph_object **objects, uint64_t count)
{
	uint64_t random = 4, i;
	int edge;

	for (i = count - 1; i > 0; i--) {
		uint64_t j = measure_random_below(&random, i + 1);
		struct graph_object *other = objects[j];

		objects[j] = objects[i];
		objects[i] = other;
	}
	for (i = 0; i < count; i++) {
		struct graph_object *object = objects[i];

		object->edges[0] = objects[i + 1 < count ? i + 1 : 0];
		for (edge = 1; edge < GRAPH_EDGES; edge++)
			object->edges[edge] = objects[measure_random_below(&random, count)];
	}
}

/** True if the first edges still lead around all objects and back. */
static inline int graph_is_whole(const struct graph_object *graph, uint64_t count)
{
	const struct graph_object *object = graph;

	while (count-- > 0 && object)
		object = object->edges[0];
	return object == graph;
}

#endif
