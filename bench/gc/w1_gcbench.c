/* SPDX-License-Identifier: MIT */
/*
 * w1_gcbench.c: the logic of the classic GCBench (Ellis, Kovac, Boehm).
 *
 * A large tree stretches the heap and is dropped. A long-lived tree and an
 * array of doubles are made and kept. Then trees of growing depth are made and
 * dropped, each depth with the same number of nodes in all: half of the trees
 * from the root down, which stores into older nodes, half from the leaves up.
 *
 *   heap   bytes of heap (160M)
 *   depth  of the long-lived and the deepest short-lived tree (18); the
 *          stretching one is deeper by two. The classic has 16, for the
 *          memories of 1997.
 */
#include "shim.h"
#include "workload.h"

enum {
	DEPTH_MIN = 4,
	ARRAY_DOUBLES = 500000,
};

struct node {
	struct node *left, *right;
	int i, j;
};

static struct shim_kind node_kind, array_kind;
static unsigned depth_max;
static uint64_t made;

static uint64_t tree_nodes(unsigned depth)
{
	return ((uint64_t)2 << depth) - 1;
}

static inline struct node *node_new(struct node *left, struct node *right)
{
	struct node *node = shim_new(&node_kind);

	node->left = left;
	node->right = right;
	node->i = node->j = 0;
	made++;
	return node;
}

static void tree_grow_down(struct node *node, unsigned depth)
{
	if (depth == 0)
		return;
	node->left = node_new(NULL, NULL);
	node->right = node_new(NULL, NULL);
	tree_grow_down(node->left, depth - 1);
	tree_grow_down(node->right, depth - 1);
}

static struct node *tree_grow_up(unsigned depth)
{
	struct node *left, *right;

	if (depth == 0)
		return node_new(NULL, NULL);
	left = tree_grow_up(depth - 1);
	right = tree_grow_up(depth - 1);
	return node_new(left, right);
}

static void tree_free(struct node *node)
{
	if (!SHIM_BY_HAND || !node)
		return;
	tree_free(node->left);
	tree_free(node->right);
	shim_free(node);
}

static void construct(unsigned depth)
{
	uint64_t trees = 2 * tree_nodes(depth_max + 2) / tree_nodes(depth), i;
	struct node *tree;

	for (i = 0; i < trees; i++) {
		tree = node_new(NULL, NULL);
		tree_grow_down(tree, depth);
		measure_use(tree);
		tree_free(tree);
	}
	for (i = 0; i < trees; i++) {
		tree = tree_grow_up(depth);
		measure_use(tree);
		tree_free(tree);
	}
}

static uint64_t work(void)
{
	struct node *stretch, *kept;
	double *array;
	unsigned depth;
	int i;

	made = 0;
	stretch = tree_grow_up(depth_max + 2);
	measure_use(stretch);
	tree_free(stretch);
	stretch = NULL;

	kept = node_new(NULL, NULL);
	tree_grow_down(kept, depth_max);
	array = shim_new_bytes(&array_kind, ARRAY_DOUBLES * sizeof *array);
	for (i = 0; i < ARRAY_DOUBLES; i++)
		array[i] = i < ARRAY_DOUBLES / 2 ? 1.0 / (i + 1) : 0;

	for (depth = DEPTH_MIN; depth <= depth_max; depth += 2)
		construct(depth);

	measure_use(kept);
	measure_use(array);
	if (!kept->left || array[999] != 1.0 / 1000)
		measure_fail("the long-lived data is damaged");
	tree_free(kept);
	shim_free(array);
	return made;
}

void w1_gcbench(void)
{
	depth_max = (unsigned)measure_number("depth", 18);
	shim_open(measure_number("heap", 160 << 20));
	shim_fixed(&node_kind, "node", sizeof(struct node), 3);
	shim_leaf(&array_kind, "array");
	workload_measure(work, shim_collect);
}
