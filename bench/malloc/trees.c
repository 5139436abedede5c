/* SPDX-License-Identifier: MIT */
/*
 * trees.c: complete binary trees of small nodes, after the benchmark of the
 * Computer Language Benchmarks Game: one tree that stays, and many of each
 * depth that are built, counted and freed.
 *
 *   depth    of the deepest tree (15)
 *   trees    for each depth, as many nodes in all as this many of the deepest (12)
 *   threads  each with trees of its own (1)
 */
#include "work.h"

enum { DEPTH_MIN = 4 };

struct node {
	struct node *left, *right;
};

static unsigned deepest;
static uint64_t many;

static struct node *tree_new(struct tally *tally, unsigned depth)
{
	struct node *node = malloc(sizeof *node);

	if (!node)
		measure_fail("no memory");
	tally_add(tally, sizeof *node);
	*node = (struct node){ NULL, NULL };
	if (depth > 0) {
		node->left = tree_new(tally, depth - 1);
		node->right = tree_new(tally, depth - 1);
	}
	return node;
}

static uint64_t tree_count(const struct node *node)
{
	return node ? 1 + tree_count(node->left) + tree_count(node->right) : 0;
}

static void tree_drop(struct tally *tally, struct node *node)
{
	if (!node)
		return;
	tree_drop(tally, node->left);
	tree_drop(tally, node->right);
	tally->live_bytes -= (int64_t)sizeof *node;
	free(node);
}

static void tree_check(const struct node *tree, unsigned depth)
{
	if (tree_count(tree) != ((uint64_t)2 << depth) - 1)
		measure_fail("a tree is damaged");
}

static void work(struct worker *worker)
{
	struct node *stays = tree_new(&worker->tally, deepest);
	unsigned depth;

	for (depth = DEPTH_MIN; depth <= deepest; depth += 2) {
		uint64_t count = many << (deepest - depth);

		while (count-- > 0) {
			struct node *tree = tree_new(&worker->tally, depth);

			tree_check(tree, depth);
			tree_drop(&worker->tally, tree);
		}
	}
	tree_check(stays, deepest);
	tree_drop(&worker->tally, stays);
}

void trees(void)
{
	unsigned threads = work_threads();

	deepest = (unsigned)measure_number("depth", 15);
	many = work_steps("trees", 12);
	if (deepest < DEPTH_MIN || deepest > 24)
		measure_fail("depth out of range");
	work_run(threads, work);
}
