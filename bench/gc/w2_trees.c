/* SPDX-License-Identifier: MIT */
/*
 * w2_trees.c: binary trees, as in the benchmarks game.
 *
 * Complete trees of depth 4, 6, 8 … are made from the leaves up, counted and
 * dropped, the more of them the smaller they are, while one of full depth lives
 * on. A node is two pointers, 16 bytes.
 *
 *   heap   bytes of heap (80M)
 *   depth  of the long-lived tree (18)
 */
#include "shim.h"
#include "workload.h"

enum { DEPTH_MIN = 4 };

struct node {
	struct node *left, *right;
};

static struct shim_kind node_kind;
static unsigned depth_max;
static uint64_t made;

static inline struct node *node_new(struct node *left, struct node *right)
{
	struct node *node = shim_new(&node_kind);

	node->left = left;
	node->right = right;
	return node;
}

static struct node *tree_new(unsigned depth)
{
	struct node *left, *right;

	if (depth == 0)
		return node_new(NULL, NULL);
	left = tree_new(depth - 1);
	right = tree_new(depth - 1);
	return node_new(left, right);
}

static uint64_t tree_count(const struct node *node)
{
	return node->left ? 1 + tree_count(node->left) + tree_count(node->right) : 1;
}

static void tree_free(struct node *node)
{
	if (!SHIM_BY_HAND || !node)
		return;
	tree_free(node->left);
	tree_free(node->right);
	shim_free(node);
}

/* Makes a tree, counts its nodes, and drops it. */
static void tree_try(unsigned depth)
{
	struct node *tree = tree_new(depth);
	uint64_t nodes = tree_count(tree);

	if (nodes != ((uint64_t)2 << depth) - 1)
		measure_fail("a tree is damaged");
	made += nodes;
	tree_free(tree);
}

static uint64_t work(void)
{
	struct node *kept;
	unsigned depth;

	made = 0;
	tree_try(depth_max + 1);
	kept = tree_new(depth_max);
	for (depth = DEPTH_MIN; depth <= depth_max; depth += 2) {
		uint64_t trees = (uint64_t)1 << (depth_max - depth + DEPTH_MIN), i;

		for (i = 0; i < trees; i++)
			tree_try(depth);
	}
	measure_use(kept);
	made += tree_count(kept);
	tree_free(kept);
	return made;
}

void w2_trees(void)
{
	depth_max = (unsigned)measure_number("depth", 18);
	shim_open(measure_number("heap", 80 << 20));
	shim_fixed(&node_kind, "node", sizeof(struct node), 3);
	workload_measure(work, shim_collect);
}
