/* SPDX-License-Identifier: MIT */
/*
 * model_tree.c: a level of the tree against arrays of bytes, by random
 * operations: every unit is in use exactly where it was handed out, a request
 * fails only if there is no hole, and gets the smallest there is, or the first.
 */
#include "test/ground.h"

#include <string.h>

enum { NODES = 12 };

/* What must be true. */
static struct naive {
	unsigned capacity; /* 0: closed */
	unsigned used_units;
	/* Log2 of the largest aligned hole, -1 if there is none. */
	int largest;
	bool used[SMAL_FAN];
} naive[NODES];

static struct ground_level ground;
static struct smal_level *const level = &ground.level;
static struct test_random random_;

static unsigned below(unsigned limit)
{
	return (unsigned)test_random_below(&random_, limit);
}

static bool is_free(const struct naive *node, unsigned first, unsigned n, unsigned limit)
{
	if (first + n > limit)
		return false;
	for (unsigned i = first; i < first + n; i++)
		if (node->used[i])
			return false;
	return true;
}

static int largest(const struct naive *node)
{
	for (int k = 8; k >= 0; k--)
		for (unsigned first = 0; first < node->capacity; first += 1u << k)
			if (is_free(node, first, 1u << k, node->capacity))
				return k;
	return -1;
}

/* The smallest hole of at least 2^order units below limit, the lowest of those;
 * first fit, the lowest. SMAL_FAN if there is none. A hole is as large as its
 * size and place allow. */
static unsigned find(const struct naive *node, unsigned order, unsigned limit)
{
	for (unsigned k = order; k <= 8; k++) {
		unsigned n = 1u << k;

		for (unsigned first = 0; first < limit; first += n)
			if (is_free(node, first, n, limit) &&
			    (level->first_fit || k == 8 || !is_free(node, first & ~(2 * n - 1), 2 * n, limit)))
				return first;
	}
	return SMAL_FAN;
}

static void change(uint32_t at, unsigned first, unsigned n, bool used)
{
	struct naive *node = &naive[at];

	for (unsigned i = first; i < first + n; i++) {
		EXPECT_EQ(node->used[i], !used);
		node->used[i] = used;
	}
	node->used_units = used ? node->used_units + n : node->used_units - n;
	node->largest = largest(node);
}

static void take(void)
{
	unsigned n = 1 + below(1u << below(9)), order = smal_log2_ceil(n);
	uint32_t index, at;
	int least = 9;

	if (below(8) == 0 && order < 8)
		order += below(9 - order);
	for (at = 0; at < NODES; at++)
		if (naive[at].capacity != 0 && naive[at].largest >= (int)order &&
		    naive[at].largest < least)
			least = naive[at].largest;
	if (!smal_level_take(level, n, order, &index)) {
		EXPECT(least == 9);
		return;
	}
	at = index / SMAL_FAN;
	EXPECT(at < NODES);
	EXPECT(naive[at].largest == least);
	EXPECT_EQ(index % SMAL_FAN, find(&naive[at], order, naive[at].capacity));
	change(at, index % SMAL_FAN, n, true);
}

static void take_below(void)
{
	unsigned n = 1 + below(1u << below(9)), order = smal_log2_ceil(n);
	uint32_t limit = below(NODES * SMAL_FAN + 1), index, at;
	bool taken = smal_level_take_below(level, n, order, limit, &index);

	for (at = 0; at < NODES; at++) {
		uint32_t end = limit > at * SMAL_FAN ? limit - at * SMAL_FAN : 0;
		unsigned unit;

		if (naive[at].capacity == 0)
			continue;
		unit = find(&naive[at], order, end < naive[at].capacity ? end : naive[at].capacity);
		if (!taken)
			EXPECT_EQ(unit, SMAL_FAN);
		else if (at == index / SMAL_FAN)
			EXPECT_EQ(unit, index % SMAL_FAN);
	}
	if (taken)
		change(index / SMAL_FAN, index % SMAL_FAN, n, true);
}

static void take_at(void)
{
	uint32_t at = below(NODES + 1), first = below(SMAL_FAN);
	unsigned n = 1 + below(1u << below(9));
	bool can = at < NODES && naive[at].capacity != 0 &&
	           is_free(&naive[at], first, n, naive[at].capacity);

	EXPECT_EQ(smal_level_take_at(level, at * SMAL_FAN + first, n), can);
	if (can)
		change(at, first, n, true);
}

/* Gives back units that are in use, of one run or of several. */
static void give(void)
{
	uint32_t at = below(NODES);
	struct naive *node = &naive[at];
	unsigned first = below(SMAL_FAN), n = 0, most = 1 + below(1u << below(9));

	while (first < node->capacity && !node->used[first])
		first++;
	while (n < most && first + n < node->capacity && node->used[first + n])
		n++;
	if (n == 0)
		return;
	change(at, first, n, false);
	EXPECT_EQ(smal_level_give(level, at * SMAL_FAN + first, n), node->used_units == 0);
}

static void open_or_close(void)
{
	uint32_t at = below(NODES);
	struct naive *node = &naive[at];

	if (node->capacity == 0) {
		node->capacity = below(2) ? SMAL_FAN : 1 + below(SMAL_FAN);
		memset(node->used, 0, sizeof node->used);
		node->largest = largest(node);
		EXPECT(smal_level_open(level, at, node->capacity));
	} else if (node->used_units == 0) {
		node->capacity = 0;
		smal_level_close(level, at);
	}
}

static void compare(void)
{
	const char *why = ground_level_answer(&ground);

	ck_assert_msg(why == NULL, "%s", why);
	for (uint32_t at = 0; at < NODES; at++) {
		EXPECT_EQ(smal_level_count(level, at), naive[at].used_units);
		for (unsigned i = 0; i < naive[at].capacity; i++)
			EXPECT_EQ(smal_level_is_used(level, at * SMAL_FAN + i),
			                 naive[at].used[i]);
	}
}

START_TEST(test_random_operations)
{
	uint64_t steps = ground_steps() / 2;

	test_random_init(&random_, (uint64_t)_i);
	ground_level_init(&ground, NODES);
	level->first_fit = _i != 0;
	memset(naive, 0, sizeof naive);
	for (uint64_t step = 0; step < steps; step++) {
		/* Waves: from nearly empty to nearly full and back. */
		bool fills = step / 2000 % 2 == 0;
		unsigned dice = below(100);

		if (dice < (fills ? 50 : 25))
			take();
		else if (dice < (fills ? 54 : 28))
			take_below();
		else if (dice < (fills ? 60 : 32))
			take_at();
		else if (dice < 97)
			give();
		else
			open_or_close();
		if (step % 512 == 0)
			compare();
	}
	compare();
	ground_level_fini(&ground);
}
END_TEST

static Suite *tree_suite(void)
{
	Suite *suite = suite_create("model of the tree");
	TCase *tcase = tcase_create("model");

	tcase_add_loop_test(tcase, test_random_operations, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(tree_suite);
}
