/* SPDX-License-Identifier: MIT */
/*
 * shuffled.h: the shuffled graph (graph.h) as objects of a shim.
 */
#ifndef BENCH_SHUFFLED_H
#define BENCH_SHUFFLED_H

#include "../graph.h"
#include "shim.h"

#include <stdlib.h>

/** Makes the graph, and kind the kind of its objects; graph is a root. Until they
 *  are linked the objects are a list, which keeps them alive. */
static inline void shuffled_new(struct shim_kind *kind, struct graph_object **graph,
                                uint64_t count)
{
	struct graph_object **objects = malloc(count * sizeof(struct graph_object *));
	uint64_t i;

	if (!objects)
		measure_fail("out of memory");
	shim_fixed(kind, "object", sizeof(struct graph_object), 15);
	for (i = 0; i < count; i++) {
		struct graph_object *object = shim_new(kind);

		*object = (struct graph_object){ { *graph } };
		*graph = objects[i] = object;
	}
	graph_link(objects, count);
	free(objects);
}

#endif
