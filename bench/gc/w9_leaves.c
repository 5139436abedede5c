/* SPDX-License-Identifier: MIT */
/*
 * w9_leaves.c: full collections of a heap that is nearly all leaves: strings and
 * pictures, which a marker need not look into. There are as many of them in a
 * small heap as in a large one, only shorter, so that a pause which grows with
 * the heap has grown with bytes that mean nothing.
 *
 * A vector holds the leaves; beside them lives a small shuffled graph (graph.h).
 * After the collections, what they have freed is filled with other leaves, and
 * then every byte is looked at.
 *
 *   heap     bytes of heap (1536M)
 *   leaves   (32768)
 *   least    bytes of the smallest leaf (1K); the largest has 64 times as many,
 *            and all sizes between are as frequent
 *   objects  of the graph (50000)
 */
#include "shuffled.h"
#include "workload.h"

#include <string.h>

enum { MOST_TO_LEAST = 64 };

static struct shim_kind leaf_kind, vector_kind, object_kind;
static struct graph_object *graph;
static unsigned char **leaves;
static uint64_t leaf_count, leaf_least;

static uint64_t leaf_bytes(uint64_t *random)
{
	return leaf_least + measure_random_below(random, leaf_least * (MOST_TO_LEAST - 1) + 1);
}

/* Returns the bytes of all leaves. */
static uint64_t leaves_new(void)
{
	uint64_t random = 9, total = 0, i;

	leaves = shim_new_bytes(&vector_kind, leaf_count * sizeof *leaves);
	for (i = 0; i < leaf_count; i++) {
		uint64_t bytes = leaf_bytes(&random);

		leaves[i] = shim_new_bytes(&leaf_kind, bytes);
		memset(leaves[i], (unsigned char)(i * 7 + 1), bytes);
		total += bytes;
	}
	return total;
}

/* What was freed too early is overwritten. */
static void heap_fill(uint64_t bytes)
{
	uint64_t most = leaf_least * MOST_TO_LEAST;

	for (; bytes > most; bytes -= most)
		memset(shim_new_bytes(&leaf_kind, most), 0, most);
}

/* Every byte of a leaf is the same as the one before. */
static void leaves_check(void)
{
	uint64_t random = 9, i;

	for (i = 0; i < leaf_count; i++) {
		uint64_t bytes = leaf_bytes(&random);

		if (leaves[i][0] != (unsigned char)(i * 7 + 1) ||
		    memcmp(leaves[i], leaves[i] + 1, bytes - 1) != 0)
			measure_fail("a leaf is damaged");
	}
}

void w9_leaves(void)
{
	uint64_t heap_bytes = measure_number("heap", (uint64_t)1536 << 20);
	uint64_t count = measure_number("objects", 50000), start_ns, total;

	leaf_count = measure_number("leaves", 32768);
	leaf_least = measure_number("least", 1024);
	shim_open(heap_bytes);
	shim_root(&graph);
	shim_root(&leaves);
	shim_leaf(&leaf_kind, "leaf");
	shim_vector(&vector_kind, "vector");
	start_ns = measure_ns();
	total = leaves_new();
	shuffled_new(&object_kind, &graph, count);
	workload_measure_collections(shim_collect, count + leaf_count, measure_ns() - start_ns);
	measure_line("leaf_bytes", (double)total, "bytes");
	heap_fill(heap_bytes);
	leaves_check();
	if (!graph_is_whole(graph, count))
		measure_fail("the graph is damaged");
}
