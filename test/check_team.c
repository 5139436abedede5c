/* SPDX-License-Identifier: MIT */
/*
 * check_team.c: several threads that mark one heap: whatever its shape, what is
 * reachable survives and nothing else does, and they do share the work.
 *
 * Every heap is marked by 2, 3 and 4 threads (test/team.h).
 */
#include "test/team.h"

#include <stdlib.h>
#include <string.h>

/* ---- Shapes ---- */

/* Sizes of every kind of buffer, and odd multiples of 8. */
static uint64_t make_sizes(void **slot, size_t i)
{
	static const size_t bytes[] = { 24, 40, 56, 100, 1000, 5000, 24, 20000, 100000, 300000 };
	static struct smal_type **const leaves[] = { &team_text, &team_array };
	size_t count = i % 100 == 0 ? 10 : 7;
	void **row = *slot = heap_alloc_bytes(team_array, (2 * count + 1) * sizeof *row);

	for (size_t j = 0; j < count; j++) {
		void **object = row[2 * j] = heap_alloc_bytes(*leaves[j % 2], bytes[j]);

		if (j % 2 == 1)
			object[bytes[j] / sizeof *object - 1] = row[2 * j + 1] =
				heap_cons(team_pair, object, NULL);
	}
	return 1 + count + count / 2;
}

static uint64_t make_types(void **slot, size_t i)
{
	void **object;

	(void)i;
	*slot = team_see(*slot, NULL);
	object = heap_alloc(team_mortal);
	object[2] = *slot;
	*slot = object;
	*slot = heap_cons(team_pair, *slot, *slot);
	*slot = team_see(*slot, *slot);
	return 4;
}

static const struct shape {
	uint64_t (*make)(void **slot, size_t i);
	size_t count;
} shapes[] = {
	{ team_make_list, 2000 },
	{ team_make_tree, 1000 },
	{ make_sizes, 4000 },
	{ make_types, 8000 },
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

START_TEST(test_shapes)
{
	const struct shape *shape = &shapes[_i % SHAPES];
	uint64_t objects;

	team_begin(team_markers[_i / SHAPES], 0);
	objects = team_fill(team_many(shape->count), shape->make);
	team_expect_live(objects);
	team_end(true);
	if (shape->make == make_types)
		ck_assert_uint_eq(team_freed, team_many(shape->count));
}
END_TEST

/* Anything may lead to anything. A part of it is cut off: those die. */
START_TEST(test_graph)
{
	size_t count = team_many(60000), half = count / 2;
	struct witness **all;
	struct test_random random;
	uint64_t live;

	team_begin(team_markers[_i], 0);
	test_random_init(&random, 7);
	all = roots[0] = heap_alloc_bytes(team_array, count * sizeof *all);
	for (size_t i = 0; i < count; i++)
		all[i] = heap_alloc(team_witness);
	for (size_t i = 0; i < count; i++) {
		/* Nothing leads from the first half to the second. */
		size_t limit = i < half ? half : count;

		all[i]->left = all[test_random_below(&random, limit)];
		all[i]->right = all[test_random_below(&random, limit)];
		all[i]->tail = all[i + 1 == half ? 0 : (i + 1) % count];
	}
	live = count + 1;
	team_expect_live(live);
	roots[1] = all[0];
	roots[0] = NULL;
	team_expect_live(half);
	team_end(true);
}
END_TEST

/* One array, and a range of roots outside of the heap, of a million words each. */
START_TEST(test_long_rows)
{
	size_t words = team_many(1000000), step = 50, objects = 1;
	void **row, **outside = calloc(words, sizeof *outside);

	team_begin(team_markers[_i], 0);
	ck_assert_ptr_nonnull(outside);
	ck_assert_int_eq(smal_root_add_range(gc, outside, outside + words, NULL), SMAL_OK);
	row = roots[0] = heap_alloc_bytes(team_array, words * sizeof *row);
	for (size_t i = 0; i < words; i += step, objects += 3) {
		row[i] = team_see(NULL, NULL);
		outside[words - 1 - i] = heap_cons(team_pair, team_see(NULL, NULL), NULL);
	}
	team_expect_live(objects);
	memset(outside, 0, words * sizeof *outside);
	team_expect_live(1 + objects / 3);
	ck_assert_int_eq(smal_root_remove(gc, outside), SMAL_OK);
	team_end(true);
	free(outside);
}
END_TEST

/* Rows of neighbours: whoever marks, marks beside the others, bits of the same words. */
START_TEST(test_neighbours)
{
	enum { ROWS = 8, ROUNDS = 8 };
	size_t count = team_many(20000);
	void **rows[ROWS], **all;

	team_begin(team_markers[_i], 0);
	all = roots[0] = heap_alloc_bytes(team_array, ROWS * sizeof *all);
	for (size_t r = 0; r < ROWS; r++)
		rows[r] = all[r] = heap_alloc_bytes(team_array, count * sizeof **rows);
	for (size_t i = 0; i < count; i++)
		for (size_t r = 0; r < ROWS; r++)
			rows[r][i] = r == 0 ? team_see(NULL, NULL) : heap_alloc(team_pair);
	for (int round = 0; round < ROUNDS; round++)
		team_expect_live(1 + ROWS + ROWS * count);
	/* The heap grows between collections, and with it the masks. */
	for (int round = 0; round < ROUNDS; round++) {
		void **more = heap_alloc_bytes(team_array, count * sizeof *more);

		more[0] = roots[1];
		roots[1] = more;
		for (size_t i = 1; i < count; i++)
			more[i] = team_see(NULL, NULL);
		team_expect_live(1 + ROWS + ROWS * count + (round + 1) * count);
	}
	/* Then they lie where the queues lay. */
	roots[1] = NULL;
	for (int round = 0; round < ROUNDS; round++)
		team_expect_live(1 + ROWS + ROWS * count);
	team_end(true);
}
END_TEST

/* Rows outside of the heap that a mark callback marks: by far more than a queue has
 * room for; and, by smal_mark_range, so long that a range of roots would be shared. */
struct fan {
	void **row;
	size_t words, is_range;
};

static void *mark_fan(struct smal_marker *marker, void *object)
{
	struct fan *fan = object;

	team_note_thread();
	if (fan->is_range != 0)
		smal_mark_range(marker, fan->row, fan->row + fan->words);
	else
		smal_mark_array(marker, fan->row, fan->words);
	return NULL;
}

START_TEST(test_fans)
{
	enum { FANS = 12 };
	struct smal_type_desc desc = { .name = "fan",
		                       .bytes = sizeof(struct fan),
		                       .marking = SMAL_MARK_CALLBACK,
		                       .mark = mark_fan };
	size_t words = team_many(140000), step = 4;
	void **rows[FANS], **heads;
	struct smal_type *type;
	uint64_t objects = 1;

	team_begin(team_markers[_i], 0);
	type = heap_type(&desc);
	heads = roots[0] = heap_alloc_bytes(team_array, (size_t)FANS * 100 * sizeof *heads);
	for (size_t i = 0; i < FANS; i++) {
		struct fan *fan = heap_alloc(type);

		heads[i * 100] = fan;
		rows[i] = fan->row = calloc(words, sizeof(void *));
		ck_assert_ptr_nonnull(fan->row);
		fan->words = words;
		fan->is_range = i % 2;
		for (size_t j = 0; j < words; j += step, objects += 2)
			fan->row[j] = heap_cons(team_pair, heap_alloc_bytes(team_text, 24), NULL);
		/* And a few more, so that something waits while a fan is marked. */
		for (size_t j = 1; j < 100; j++, objects++)
			heads[i * 100 + j] = team_see(NULL, NULL);
	}
	team_expect_live(objects + FANS);
	team_end(true);
	for (size_t i = 0; i < FANS; i++)
		free(rows[i]);
}
END_TEST

/* ---- What stands on marking ---- */

/* A chain of ephemerons: each one's value has the next one's key, and a tree that is
 * large enough for others to help with; the table of pairs sees all of it. */
START_TEST(test_ephemerons)
{
	size_t links = 8, wide = team_many(20000);
	uint64_t objects = 1 + links;
	void **held, **key;

	team_begin(team_markers[_i], 0);
	held = roots[0] = heap_alloc_bytes(team_array, links * sizeof *held);
	key = roots[1] = heap_alloc(team_pair);
	objects++;
	for (size_t i = 0; i < links; i++) {
		void **value = roots[2] = heap_alloc_bytes(team_array, wide * sizeof *value);

		/* Later ones come first in the walk. */
		held[links - 1 - i] = heap_ephemeron(key, value);
		for (size_t j = 0; j < wide; j++)
			value[j] = team_see(NULL, NULL);
		key = roots[3] = heap_alloc(team_pair);
		value[wide / 2] = team_see(key, NULL);
		objects += 1 + wide + 1;
	}
	/* In the middle of each, a witness was replaced: it dies. */
	roots[2] = roots[3] = NULL;
	team_expect_live(objects);
	roots[1] = NULL;
	team_expect_live(1 + links);
	team_end(true);
}
END_TEST

/* Weak references are cleared, and notices come, for what died and nothing else. */
START_TEST(test_weak_and_finalizers)
{
	size_t count = team_many(20000);
	struct smal_queue *queue;
	struct smal_notice notice;
	struct smal_weak **weak;
	void **all;
	size_t notices = 0;

	team_begin(team_markers[_i], 0);
	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	all = roots[0] = heap_alloc_bytes(team_array, count * sizeof *all);
	weak = roots[1] = heap_alloc_bytes(team_array, count * sizeof *weak);
	for (size_t i = 0; i < count; i++) {
		all[i] = heap_cons(team_pair, team_see(NULL, NULL), NULL);
		weak[i] = smal_weak_create(thread, all[i], 0);
		EXPECT(weak[i] != NULL);
		if (i % 2 == 0)
			EXPECT(smal_finalizer_add(thread, queue, all[i], NULL, 0) != NULL);
	}
	heap_collect();
	for (size_t i = 0; i < count; i++) {
		EXPECT(smal_weak_get(weak[i]) == all[i]);
		if (i % 3 == 0)
			all[i] = NULL;
	}
	heap_collect();
	for (size_t i = 0; i < count; i++)
		EXPECT((smal_weak_get(weak[i]) != NULL) == (i % 3 != 0));
	while (smal_queue_take(thread, queue, &notice)) {
		EXPECT(smal_type_of(notice.object) == team_pair);
		EXPECT(smal_type_of(*(void **)notice.object) == team_witness);
		notices++;
	}
	ck_assert_uint_eq(notices, (count + 5) / 6);
	memset(roots, 0, sizeof roots);
	heap_collect();
	ck_assert_int_eq(smal_queue_destroy(queue), SMAL_OK);
	team_end(false);
}
END_TEST

static Suite *team_suite(void)
{
	Suite *suite = suite_create("team");
	TCase *marking = tcase_create("shapes"), *more = tcase_create("more");

	tcase_add_loop_test(marking, test_shapes, 0, TEAM_MARKERS * SHAPES);
	tcase_add_loop_test(marking, test_graph, 0, TEAM_MARKERS);
	tcase_add_loop_test(marking, test_long_rows, 0, TEAM_MARKERS);
	tcase_add_loop_test(marking, test_neighbours, 0, TEAM_MARKERS);
	tcase_add_loop_test(marking, test_fans, 0, TEAM_MARKERS);
	suite_add_tcase(suite, marking);

	tcase_add_loop_test(more, test_ephemerons, 0, TEAM_MARKERS);
	tcase_add_loop_test(more, test_weak_and_finalizers, 0, TEAM_MARKERS);
	suite_add_tcase(suite, more);
	return suite;
}

int main(void)
{
	return test_main(team_suite);
}
