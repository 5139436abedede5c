/* SPDX-License-Identifier: MIT */
/*
 * w8_large.c: a large graph that changes all the time: how long the program is
 * stopped when a gigabyte is live.
 *
 * A vector holds as many complete trees as make the live bytes. A node is 32
 * bytes: its children, its parent, and a word that says whose it is. In each
 * step, a subtree of random height, at a random place of a random tree, is
 * replaced by a new one: stores into old nodes, and holes of all lengths.
 *
 *   heap   bytes of heap (1600M)
 *   live   bytes that live (1G)
 *   total  bytes to allocate while it is measured (3G); an eighth of it before,
 *          which warms what the live bytes have left of the heap
 *   depth  of a tree (9)
 */
#include "shim.h"
#include "workload.h"

struct node {
	struct node *left, *right, *up;
	/* Its tree's index and the height above the leaves. */
	uint64_t stamp;
};

static struct shim_kind node_kind, vector_kind;
static struct node **trees;
static uint64_t tree_count, objects;
static unsigned depth;

static uint64_t tree_nodes(unsigned height)
{
	return ((uint64_t)2 << height) - 1;
}

static uint64_t stamp(uint64_t tree, unsigned height)
{
	return tree << 8 | height;
}

static struct node *tree_new(uint64_t tree, unsigned height)
{
	struct node *left = height ? tree_new(tree, height - 1) : NULL;
	struct node *right = height ? tree_new(tree, height - 1) : NULL;
	struct node *node = shim_new(&node_kind);

	node->left = left;
	node->right = right;
	node->up = NULL;
	node->stamp = stamp(tree, height);
	if (left)
		left->up = right->up = node;
	return node;
}

static void tree_free(struct node *node)
{
	if (!SHIM_BY_HAND || !node)
		return;
	tree_free(node->left);
	tree_free(node->right);
	shim_free(node);
}

/* Replaces a subtree; returns the number of new nodes. */
static uint64_t step(uint64_t *random)
{
	uint64_t tree = measure_random_below(random, tree_count), way = measure_random(random);
	unsigned height = depth, to = (unsigned)(way >> 32) % (depth + 1);
	struct node *up = NULL, *old, *node, **place = &trees[tree];

	for (; height > to; height--, way >>= 1) {
		up = *place;
		place = way & 1 ? &up->left : &up->right;
	}
	old = *place;
	if (old->stamp != stamp(tree, height) || old->up != up)
		measure_fail("a tree is damaged");
	node = tree_new(tree, height);
	node->up = up;
	*place = node;
	tree_free(old);
	return tree_nodes(height);
}

static uint64_t work(void)
{
	static uint64_t random = 8;
	uint64_t made = 0;

	while (made < objects)
		made += step(&random);
	return made;
}

static void tree_check(const struct node *node, const struct node *up, uint64_t tree,
                       unsigned height)
{
	if (!node || node->up != up || node->stamp != stamp(tree, height) ||
	    (height == 0 && (node->left || node->right)))
		measure_fail("a tree is damaged");
	if (height == 0)
		return;
	tree_check(node->left, node, tree, height - 1);
	tree_check(node->right, node, tree, height - 1);
}

void w8_large(void)
{
	uint64_t live, total, start_ns, i;

	depth = (unsigned)measure_number("depth", 9);
	live = measure_number("live", (uint64_t)1 << 30);
	total = measure_number("total", (uint64_t)3 << 30);
	shim_open(measure_number("heap", (uint64_t)1600 << 20));
	shim_root(&trees);
	shim_fixed(&node_kind, "node", sizeof(struct node), 7);
	shim_vector(&vector_kind, "vector");
	tree_count = live / sizeof(struct node) / tree_nodes(depth);
	if (tree_count == 0)
		measure_fail("not a tree is live");
	start_ns = measure_ns();
	trees = shim_new_bytes(&vector_kind, tree_count * sizeof *trees);
	for (i = 0; i < tree_count; i++)
		trees[i] = tree_new(i, depth);
	objects = total / sizeof(struct node) / 8;
	work();
	objects *= 8;
	workload_measure_warm(work, shim_collect, measure_ns() - start_ns);
	for (i = 0; i < tree_count; i++)
		tree_check(trees[i], NULL, i, depth);
}
