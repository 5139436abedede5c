/* SPDX-License-Identifier: MIT */
/*
 * shape.c: the graphs that are marked (simulate.h).
 *
 *   graph    objects of 32 bytes, four edges: a random permutation and three random
 *            ones, as bench/graph.h makes them
 *   tree     a binary tree of pairs, in the order of its allocation
 *   list     one list of pairs, in order
 *   lists    an array of lists of 100 pairs, each in order, the lists shuffled
 *   leaves   one array of leaves of 16 bytes, shuffled
 *
 * Object 0 is the root.
 */
#include "simulate.h"
#include "../measure.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_CELLS = 100 };

static void *allocate(size_t count, size_t bytes)
{
	void *memory = calloc(count, bytes);

	if (!memory)
		measure_fail("out of memory");
	return memory;
}

static void begin(struct shape *shape, uint32_t count, uint64_t edges)
{
	shape->count = count;
	shape->first = allocate((size_t)count + 1, sizeof *shape->first);
	shape->edge = allocate(edges, sizeof *shape->edge);
	shape->place = allocate(count, sizeof *shape->place);
	shape->leaf = allocate(count, 1);
}

/* Objects that lie side by side, however large the heap. */
enum { SIDE_BY_SIDE = 64 };

/* Places of so many granules each, one after another, shuffled or not. */
static void lay(struct shape *shape, uint32_t from, unsigned granules, unsigned spread,
                bool shuffled)
{
	uint64_t random = 7, at = from > 0 ? shape->granules : 0;

	for (uint32_t i = from; i < shape->count; i++, at += granules) {
		if ((i - from) % SIDE_BY_SIDE == 0 && i > from)
			at += (uint64_t)granules * SIDE_BY_SIDE * (spread - 1);
		shape->place[i] = at;
	}
	shape->granules = at;
	for (uint32_t i = shape->count; shuffled && i-- > from + 1;) {
		uint32_t j = from + (uint32_t)measure_random_below(&random, i - from + 1);
		uint64_t other = shape->place[j];

		shape->place[j] = shape->place[i];
		shape->place[i] = other;
	}
}

static void make_graph(struct shape *shape, uint32_t count, unsigned spread)
{
	uint32_t *order, *where;
	uint64_t random = 4;

	begin(shape, count, (uint64_t)count * 4);
	order = allocate(count, sizeof *order);
	where = shape->edge;
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	for (uint32_t i = count - 1; i > 1; i--) {
		uint32_t j = 1 + (uint32_t)measure_random_below(&random, i), other = order[j];

		order[j] = order[i];
		order[i] = other;
	}
	for (uint32_t i = 0; i < count; i++)
		where[(uint64_t)order[i] * 4] = order[i + 1 < count ? i + 1 : 0];
	for (uint32_t i = 0; i <= count; i++)
		shape->first[i] = i * 4;
	for (uint32_t i = 0; i < count; i++)
		for (unsigned e = 1; e < 4; e++)
			where[(uint64_t)i * 4 + e] = (uint32_t)measure_random_below(&random, count);
	free(order);
	lay(shape, 0, 2, spread, false);
}

/* Objects [0, count) in the order of a walk that allocates a tree's root after its
 * children, as tree_new in bench/smal does; the root is made number 0. */
static uint32_t tree_below(struct shape *shape, unsigned depth, uint32_t *next)
{
	uint32_t left = NOTHING, right = NOTHING, self;

	if (depth > 0) {
		left = tree_below(shape, depth - 1, next);
		right = tree_below(shape, depth - 1, next);
	}
	self = (*next)++;
	shape->edge[(uint64_t)self * 2] = left;
	shape->edge[(uint64_t)self * 2 + 1] = right;
	return self;
}

/* The last object, which is the root, and the first change places and numbers. */
static void make_tree(struct shape *shape, uint32_t count, unsigned spread)
{
	unsigned depth = 0;
	uint32_t next = 0, last;

	while (((uint64_t)4 << depth) - 1 <= count)
		depth++;
	last = (uint32_t)(((uint64_t)2 << depth) - 2);
	begin(shape, last + 1, (uint64_t)(last + 1) * 2);
	tree_below(shape, depth, &next);
	for (uint32_t i = 0; i <= shape->count; i++)
		shape->first[i] = i * 2;
	lay(shape, 0, 1, spread, false);
	for (uint64_t e = 0; e < (uint64_t)shape->count * 2; e++)
		shape->edge[e] = shape->edge[e] == 0 ? last : shape->edge[e];
	for (unsigned e = 0; e < 2; e++) {
		shape->edge[e] = shape->edge[(uint64_t)last * 2 + e];
		shape->edge[(uint64_t)last * 2 + e] = NOTHING;
	}
	shape->place[last] = shape->place[0];
	shape->place[0] = shape->granules - 1;
	shape->tail = true;
}

static void make_list(struct shape *shape, uint32_t count, unsigned spread)
{
	begin(shape, count, (uint64_t)count * 2);
	for (uint32_t i = 0; i <= count; i++)
		shape->first[i] = i * 2;
	for (uint32_t i = 0; i < count; i++) {
		shape->edge[(uint64_t)i * 2] = NOTHING;
		shape->edge[(uint64_t)i * 2 + 1] = i + 1 < count ? i + 1 : NOTHING;
	}
	lay(shape, 0, 1, spread, false);
	shape->tail = true;
}

/* Object 0 is the array; list k is the objects from 1 + k * LIST_CELLS on. */
static void make_lists(struct shape *shape, uint32_t count, unsigned spread)
{
	uint32_t lists = count / LIST_CELLS, cells = lists * LIST_CELLS, *order;
	uint64_t random = 9;

	begin(shape, cells + 1, lists + (uint64_t)cells * 2);
	order = allocate(lists, sizeof *order);
	for (uint32_t k = 0; k < lists; k++) {
		uint32_t j = (uint32_t)measure_random_below(&random, k + 1);

		order[k] = order[j];
		order[j] = k;
	}
	for (uint32_t k = 0; k < lists; k++)
		shape->edge[k] = 1 + order[k] * LIST_CELLS;
	for (uint32_t i = 1; i <= cells; i++) {
		uint64_t at = lists + (uint64_t)(i - 1) * 2;

		shape->first[i] = (uint32_t)at;
		shape->edge[at] = NOTHING;
		shape->edge[at + 1] = i % LIST_CELLS != 0 ? i + 1 : NOTHING;
	}
	shape->first[cells + 1] = (uint32_t)(lists + (uint64_t)cells * 2);
	shape->granules = lists / 2 + 1;
	lay(shape, 1, 1, spread, false);
	shape->tail = true;
	free(order);
}

static void make_leaves(struct shape *shape, uint32_t count, unsigned spread)
{
	begin(shape, count + 1, count);
	for (uint32_t i = 0; i < count; i++) {
		shape->edge[i] = i + 1;
		shape->leaf[i + 1] = 1;
		shape->first[i + 1] = count;
	}
	shape->first[count + 1] = count;
	shape->granules = count / 2 + 1;
	lay(shape, 1, 1, spread, true);
}

bool shape_make(struct shape *shape, const char *name, uint32_t count, unsigned spread)
{
	static const struct {
		const char *name;
		void (*make)(struct shape *shape, uint32_t count, unsigned spread);
	} shapes[] = { { "graph", make_graph }, { "tree", make_tree }, { "list", make_list },
		       { "lists", make_lists }, { "leaves", make_leaves } };

	*shape = (struct shape){ 0 };
	for (unsigned i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
		if (!strcmp(name, shapes[i].name)) {
			shape->name = shapes[i].name;
			shapes[i].make(shape, count, spread);
			return true;
		}
	return false;
}

void shape_end(struct shape *shape)
{
	free(shape->first);
	free(shape->edge);
	free(shape->place);
	free(shape->leaf);
}
