/* SPDX-License-Identifier: MIT */
/*
 * check_tree.c: a node is 8 bytes and counts to 256; runs are taken from the
 * smallest hole that holds them, and freed neighbours are one hole again; the
 * last of 65,536 nodes and the last of 256 units are like any other. The
 * checker sees each invariant broken.
 */
#include "test/fault.h"
#include "test/ground.h"

_Static_assert(sizeof(struct smal_node) == 8, "a node of the tree is 8 bytes");
_Static_assert(sizeof(struct smal_chunk_node) == 8, "a chunk's node is 8 bytes");
_Static_assert(sizeof(struct smal_binmap) * 8 == SMAL_FAN, "a map has a bit for each unit");

static struct ground_level ground;
static struct smal_level *const level = &ground.level;

static void expect_sound(void)
{
	ground_expect_sound(ground_level_answer(&ground));
}

static void expect_taken(unsigned n, unsigned order, uint32_t expected)
{
	uint32_t index = UINT32_MAX;

	EXPECT(smal_level_take(level, n, order, &index));
	EXPECT_EQ(index, expected);
	expect_sound();
}

static void expect_full(unsigned n, unsigned order)
{
	uint32_t index;

	EXPECT(!smal_level_take(level, n, order, &index));
	expect_sound();
}

/* ---- Taking and giving ---- */

START_TEST(test_capacity)
{
	ground_level_init(&ground, 4);
	expect_full(1, 0);
	for (unsigned capacity = 1; capacity <= SMAL_FAN; capacity++) {
		EXPECT(smal_level_open(level, 2, capacity));
		expect_sound();
		EXPECT_EQ(smal_level_count(level, 2), 0);
		for (unsigned i = 0; i < capacity; i++) {
			uint32_t index;

			EXPECT(smal_level_take(level, 1, 0, &index));
			EXPECT(!smal_level_take_at(level, index, 1));
			EXPECT(smal_level_is_used(level, index));
		}
		expect_full(1, 0);
		EXPECT_EQ(smal_level_count(level, 2), capacity);
		for (unsigned i = 0; i < capacity; i++) {
			unsigned unit = i * 7 % capacity; /* all of them, unless 7 divides it */

			if (capacity % 7 == 0)
				unit = i;
			EXPECT_EQ(smal_level_give(level, 2 * SMAL_FAN + unit, 1),
			                 i == capacity - 1);
		}
		expect_sound();
		smal_level_close(level, 2);
	}
	EXPECT_EQ(ground.maps.used, 0);
	EXPECT_EQ(ground.maps.reserved, 0);
	ground_level_fini(&ground);
}
END_TEST

START_TEST(test_smallest_hole)
{
	ground_level_init(&ground, 2);
	ck_assert(smal_level_open(level, 0, SMAL_FAN));
	expect_taken(3, 2, 0);
	expect_taken(1, 0, 3); /* the unit that three of four left */
	expect_taken(4, 2, 4);
	expect_taken(1, 0, 8);
	expect_taken(2, 1, 10); /* 9 is no multiple of 2 */
	expect_taken(1, 0, 9);
	expect_taken(100, 7, 128);
	expect_taken(20, 5, 32);
	expect_taken(16, 4, 16);
	/* Free now: 12-15, 52-63, 64-127, 228-255. */
	expect_taken(1, 0, 12);
	expect_taken(8, 3, 56);
	expect_taken(8, 3, 232);
	expect_taken(64, 6, 64);
	expect_full(32, 5);
	expect_taken(16, 4, 240);
	ck_assert(smal_level_open(level, 1, SMAL_FAN));
	expect_taken(32, 5, 256); /* the second node, only now */
	expect_taken(2, 1, 14);   /* and the first again */
	ground_level_fini(&ground);
}
END_TEST

/* Among live ones, 2^k neighbours are freed one by one in any order: the next
 * request for 2^k lands exactly there. */
START_TEST(test_merge)
{
	struct test_random random;
	uint32_t index;

	test_random_init(&random, 1);
	ground_level_init(&ground, 3);
	for (uint32_t node = 0; node < 3; node++) {
		ck_assert(smal_level_open(level, node, SMAL_FAN));
		for (int i = 0; i < SMAL_FAN; i++)
			ck_assert(smal_level_take(level, 1, 0, &index));
	}
	expect_full(1, 0);
	for (int round = 0; round < 2000; round++) {
		unsigned order = (unsigned)test_random_below(&random, SMAL_ORDERS), n = 1u << order;
		uint32_t first = (uint32_t)test_random_below(&random, 3 * SMAL_FAN) & ~(n - 1);
		uint32_t step = (uint32_t)test_random_next(&random) | 1;

		for (uint32_t i = 0; i < n; i++) {
			expect_full(n, order);
			smal_level_give(level, first + ((i * step) & (n - 1)), 1);
		}
		expect_taken(n, order, first);
	}
	ground_level_fini(&ground);
}
END_TEST

START_TEST(test_take_at)
{
	uint32_t index;

	ground_level_init(&ground, 2);
	ck_assert(!smal_level_take_at(level, 0, 1));
	ck_assert(smal_level_open(level, 0, 100));
	ck_assert(!smal_level_take_at(level, 2 * SMAL_FAN, 1));
	ck_assert(!smal_level_take_at(level, SMAL_FAN, 1));
	ck_assert(!smal_level_take_at(level, 98, 3));
	ck_assert(!smal_level_take_at(level, 100, 1));
	ck_assert(!smal_level_take_at(level, 200, 57));
	ck_assert(smal_level_take_at(level, 97, 3));
	ck_assert(smal_level_take_at(level, 13, 7));
	expect_sound();
	ck_assert(!smal_level_take_at(level, 10, 4));
	ck_assert(!smal_level_take_at(level, 19, 1));
	ck_assert(smal_level_take_at(level, 10, 3));
	expect_taken(1, 0, 96); /* the only one that is no half of a pair */
	ck_assert_uint_eq(smal_level_count(level, 0), 14);
	ck_assert(!smal_level_take_below(level, 1, 0, 0, &index));
	ck_assert(smal_level_take_below(level, 2, 1, 10, &index));
	ck_assert_uint_eq(index, 8);
	ck_assert(!smal_level_take_below(level, 2, 1, 1, &index));
	ck_assert(smal_level_take_below(level, 8, 3, 8, &index));
	ck_assert_uint_eq(index, 0);
	ck_assert(!smal_level_take_below(level, 1, 0, 20, &index));
	ck_assert(smal_level_take_below(level, 1, 0, 21, &index));
	ck_assert_uint_eq(index, 20);
	expect_sound();
	ground_level_fini(&ground);
}
END_TEST

/* Full nodes and partly used ones, up to the last: index 65,535. */
START_TEST(test_last_node)
{
	enum { LAST = SMAL_NODES - 1 };
	uint32_t index;

	ground_level_init(&ground, SMAL_NODES);
	EXPECT(smal_level_open(level, LAST, SMAL_FAN));
	expect_taken(1, 0, LAST * SMAL_FAN);
	EXPECT(smal_level_open(level, LAST - 1, SMAL_FAN));
	expect_sound();
	expect_taken(255, 8, (LAST - 1) * SMAL_FAN);
	expect_taken(1, 0, LAST * SMAL_FAN - 1);
	EXPECT(!smal_level_give(level, LAST * SMAL_FAN - 1, 1));
	expect_taken(1, 0, LAST * SMAL_FAN - 1);
	for (unsigned i = 1; i < SMAL_FAN; i++)
		EXPECT(smal_level_take(level, 1, 0, &index));
	EXPECT(smal_level_is_used(level, LAST * SMAL_FAN + 255));
	expect_full(1, 0);
	EXPECT(!smal_level_give(level, LAST * SMAL_FAN + 255, 1));
	expect_taken(1, 0, LAST * SMAL_FAN + 255);
	EXPECT(smal_level_give(level, LAST * SMAL_FAN, SMAL_FAN));
	smal_level_close(level, LAST);
	EXPECT(smal_level_give(level, (LAST - 1) * SMAL_FAN, SMAL_FAN));
	smal_level_close(level, LAST - 1);
	/* Every node with a map at once. */
	for (uint32_t node = 0; node < SMAL_NODES; node++)
		EXPECT(smal_level_open(level, node, SMAL_FAN) &&
		          smal_level_take_at(level, node * SMAL_FAN + node % SMAL_FAN, 1));
	expect_sound();
	for (uint32_t node = SMAL_NODES; node-- > 0;) {
		EXPECT(smal_level_give(level, node * SMAL_FAN + node % SMAL_FAN, 1));
		smal_level_close(level, node);
	}
	expect_sound();
	ground_level_fini(&ground);
}
END_TEST

/* Opening is all that can fail. */
START_TEST(test_no_memory)
{
	uint32_t index;

	ground_level_init(&ground, 2);
	fault_begin_only(FAULT_MPROTECT, 1, true);
	ck_assert(!smal_level_open(level, 0, SMAL_FAN));
	fault_end();
	expect_sound();
	expect_full(1, 0);
	ck_assert(smal_level_open(level, 0, SMAL_FAN));
	fault_begin_only(FAULT_MPROTECT, 1, true);
	ck_assert(smal_level_take(level, SMAL_FAN, 8, &index));
	smal_level_give(level, 7, 1);
	ck_assert(smal_level_take_at(level, 7, 1));
	ck_assert(smal_level_give(level, 0, SMAL_FAN));
	smal_level_close(level, 0);
	fault_end();
	expect_sound();
	ground_level_fini(&ground);
}
END_TEST

/* ---- The checker ---- */

#define BREAK(field, value, tag) GROUND_BREAK(field, value, ground_level_answer(&ground), tag)

/* Node 0 is partly used, 1 full, 2 closed, 3 partly used and of 100 units, 4
 * and 5 partly used and in the ring of node 0. */
static void make_nodes(void)
{
	uint32_t index;

	ground_level_init(&ground, 6);
	for (uint32_t node = 0; node < 6; node++)
		if (node != 2)
			ck_assert(smal_level_open(level, node, node == 3 ? 100 : SMAL_FAN));
	ck_assert(smal_level_take_at(level, SMAL_FAN, SMAL_FAN));
	for (uint32_t node = 0; node < 6; node++)
		if (node != 1 && node != 2)
			ck_assert(smal_level_take_at(level, node * SMAL_FAN, 5));
	ck_assert(smal_level_take_below(level, 1, 0, SMAL_FAN, &index));
	expect_sound();
}

START_TEST(test_checker)
{
	struct smal_node *nodes;
	struct smal_binmap *map, *other;

	make_nodes();
	nodes = level->nodes;
	map = smal_fsa_at(&ground.maps, level->map_index[0]);
	other = smal_fsa_at(&ground.maps, level->map_index[3]);

	/* I1: what has a map, and whose it is. */
	{
		struct smal_binmap kept = *map;

		for (int w = 0; w < 4; w++)
			map->word[w] = UINT64_MAX;
		ground_expect(ground_level_answer(&ground), "tree I1");
		*map = kept;
		expect_sound();
	}
	BREAK(level->map_index[0], ground.maps.top, "tree I1");
	/* A map that is another node's too: no node sees it, but the fsa does. */
	BREAK(level->map_index[4], level->map_index[5], "fsa I3");

	/* I2: counts. */
	BREAK(nodes[0].count, 7, "tree I2");
	BREAK(nodes[3].count, 4, "tree I2");
	BREAK(nodes[3].capacity_1, 100, "tree I2");
	BREAK(nodes[3].capacity_1, 98, "tree I2");
	BREAK(nodes[1].count, 1, "tree I2");
	BREAK(nodes[1].capacity_1, 100, "tree I2");
	BREAK(map->word[2], 1, "tree I2");
	BREAK(other->word[3], UINT64_MAX - 1, "tree I2");

	/* I3: what follows from the map. */
	BREAK(nodes[0].order, 3, "tree I3");
	BREAK(nodes[2].order, 9, "tree I3");
	BREAK(nodes[0].free_index, 0, "tree I3");
	BREAK(nodes[0].free_index, 7, "tree I3");
	BREAK(nodes[3].free_index, 200, "tree I3");

	/* I4: rings. */
	BREAK(nodes[0].order, SMAL_NODE_CLOSED, "tree I4");
	BREAK(nodes[2].order, SMAL_NODE_FULL, "tree I2");
	BREAK(nodes[1].order, SMAL_NODE_CLOSED, "fsa I3");
	BREAK(level->heads[7], 3, "tree I4");
	BREAK(level->heads[7], SMAL_NODE_NONE, "tree I4");
	BREAK(level->heads[0], 0, "tree I4");
	BREAK(level->heads[0], 7, "tree I4");
	BREAK(nodes[4].next, 3, "tree I4");
	BREAK(nodes[4].next, 4, "tree I4");
	BREAK(nodes[4].next, 77, "tree I4");
	BREAK(nodes[4].prev, nodes[4].next, "tree I4");
	ground_level_fini(&ground);
}
END_TEST

static Suite *tree_suite(void)
{
	Suite *suite = suite_create("tree");
	TCase *runs = tcase_create("runs");
	TCase *checker = tcase_create("checker");

	tcase_add_test(runs, test_capacity);
	tcase_add_test(runs, test_smallest_hole);
	tcase_add_test(runs, test_merge);
	tcase_add_test(runs, test_take_at);
	tcase_add_test(runs, test_last_node);
	tcase_add_test(runs, test_no_memory);
	suite_add_tcase(suite, runs);

	tcase_add_test(checker, test_checker);
	suite_add_tcase(suite, checker);
	return suite;
}

int main(void)
{
	return test_main(tree_suite);
}
