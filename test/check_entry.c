/* SPDX-License-Identifier: MIT */
/*
 * check_entry.c: the entries of maps: what keeps what, through maps in maps and chains
 * of any length; and the walk over them, during which anything may change.
 *
 * (The program is linked with --wrap=smal_space_take.)
 */
#include "test/collector.h"
#include "test/granule.h"
#include "test/starve.h"

#include <setjmp.h>
#include <string.h>

static struct smal_type *pair, *array;

static void begin(void)
{
	heap_begin_exact();
	pair = heap_pair_type();
	array = heap_array_type();
	starving = false;
}

/* ---- What keeps what ---- */

/* Weak keys whose values refer to them: the entry goes all the same; with weak values
 * the key that refers to its value keeps it. */
START_TEST(test_values_refer_to_keys)
{
	struct smal_map *map = roots[0] = heap_map(SMAL_MAP_WEAK_KEYS);
	void **key, **value;

	for (int i = 0; i < 500; i++) {
		roots[1] = key = heap_alloc(pair);
		roots[2] = value = heap_alloc(pair);
		value[0] = key;
		heap_map_put(map, key, i % 3 == 0 ? (void *)key : (void *)value);
	}
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 1);
	ck_assert_ptr_eq(smal_map_get(thread, map, key), value);
	roots[1] = roots[2] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 0);
	ck_assert_uint_eq(heap_live(), 2);
	roots[0] = map = heap_map(SMAL_MAP_WEAK_VALUES);
	roots[1] = key = heap_alloc(pair);
	key[0] = heap_alloc(pair);
	heap_map_put(map, key, key[0]);
	roots[1] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 1);
	key[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 0);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

/* Values that are not their objects' addresses, but words that mean them: each is the
 * next one's key, and all live with the first. */
START_TEST(test_words_of_values)
{
	enum { LENGTH = 4 * GRANULE_WORDS };
	int shape = _i / 2;
	struct smal_type *type = granule_begin(shape);
	struct smal_map *map = roots[0] = heap_map(SMAL_MAP_WEAK_KEYS);
	void **objects = roots[1] = heap_alloc_bytes(array, LENGTH * sizeof *objects), *last;

	for (unsigned i = 0; i < LENGTH; i++)
		objects[i] = heap_alloc(type);
	for (unsigned i = LENGTH - 1; i-- > 0;)
		heap_map_put(map, objects[i],
		             granule_word(shape, objects[i + 1], i % GRANULE_WORDS));
	roots[2] = objects[0];
	last = objects[LENGTH - 1];
	roots[1] = NULL;
	starving = _i % 2 != 0;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	starving = false;
	heap_check();
	EXPECT(granule_is_live(shape, last));
	ck_assert_uint_eq(smal_map_count(map), LENGTH - 1);
	roots[2] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 0);
	EXPECT(!granule_is_live(shape, last));
	granule_end();
}
END_TEST

/* Short of a chain: one walk marks all values. */
START_TEST(test_words_of_many_values)
{
	struct smal_type *type = granule_begin(_i);
	struct smal_map *map = roots[0] = heap_map(SMAL_MAP_WEAK_KEYS);
	void **keys = roots[1] = heap_alloc_bytes(array, GRANULE_WORDS * sizeof *keys);
	void *objects[GRANULE_WORDS];

	for (unsigned n = 0; n < GRANULE_WORDS; n++) {
		keys[n] = heap_alloc(pair);
		roots[2] = objects[n] = heap_alloc(type);
		heap_map_put(map, keys[n], granule_word(_i, objects[n], n));
	}
	roots[2] = NULL;
	heap_collect();
	for (unsigned n = 0; n < GRANULE_WORDS; n++) {
		EXPECT(granule_is_live(_i, objects[n]));
		EXPECT(smal_map_get(thread, map, keys[n]) == granule_word(_i, objects[n], n));
	}
	roots[1] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 0);
	for (unsigned n = 0; n < GRANULE_WORDS; n++)
		EXPECT(!granule_is_live(_i, objects[n]));
	granule_end();
}
END_TEST

/* Chains through one map: each value leads to the next key, in whatever order; with
 * the table of pairs, and without. */
START_TEST(test_chains_in_a_map)
{
	size_t count = _i / 2 == 0 && !heap_must_be_small() ? heap_scale(100000) : 2000;
	struct smal_map *map = roots[0] = heap_map(SMAL_MAP_WEAK_KEYS);
	void **keys = roots[1] = heap_alloc_bytes(array, count * sizeof *keys);

	for (size_t i = 0; i < count; i++)
		keys[i] = heap_alloc(pair);
	for (size_t i = 0; i + 1 < count; i++) {
		size_t at = _i % 2 == 0 ? i : count - 2 - i;

		heap_map_put(map, keys[at], keys[at + 1]);
	}
	roots[2] = keys[0];
	roots[1] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), count - 1);
	ck_assert_uint_eq(heap_live(), count + 2);
	starving = _i / 2 != 0;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	starving = false;
	ck_assert_uint_eq(smal_map_count(map), count - 1);
	roots[2] = smal_map_get(thread, map, roots[2]);
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), count - 2);
	roots[2] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 0);
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

/* Maps as values of maps with weak keys, to any depth: keys of the inner ones are
 * those of the outer. */
START_TEST(test_maps_in_maps)
{
	enum { DEPTH = 200 };
	void **keys = roots[1] = heap_alloc_bytes(array, DEPTH * sizeof *keys);
	struct smal_map *map = roots[0] = heap_map(SMAL_MAP_WEAK_KEYS);
	size_t depth = 0;

	for (int i = 0; i < DEPTH; i++) {
		struct smal_map *inner = roots[2] =
			heap_map(i % 3 == 2 ? SMAL_MAP_STRONG : SMAL_MAP_WEAK_KEYS);

		keys[i] = heap_alloc(pair);
		heap_map_put(map, keys[i], inner);
		/* The inner one refers to its own key, and to the outer map. */
		heap_map_put(inner, keys[i], map);
		map = inner;
	}
	roots[2] = NULL;
	heap_collect();
	for (map = roots[0]; map != NULL && depth < DEPTH; depth++)
		map = smal_map_get(thread, map, keys[depth]);
	ck_assert_uint_eq(depth, DEPTH);
	/* Without the key in the middle, what is below is gone but what else it held. */
	keys[DEPTH / 2] = NULL;
	heap_collect();
	map = roots[0];
	for (depth = 0; map != NULL && keys[depth] != NULL; depth++)
		map = smal_map_get(thread, map, keys[depth]);
	ck_assert_uint_eq(depth, DEPTH / 2);
	ck_assert_ptr_nonnull(map);
	/* The map there knows the one above it, and nothing below. */
	ck_assert_uint_eq(smal_map_count(map), 1);
	roots[1] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(roots[0]), 0);
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

/* A map that is dead, a map in itself. */
START_TEST(test_dead_maps)
{
	for (int i = 0; i < 100; i++) {
		struct smal_map *map = roots[0] = heap_map((enum smal_map_kind)(i % 4));

		heap_map_put(map, map, map);
		heap_map_put(map, heap_alloc(pair), map);
		heap_map_put(map, (void *)8, heap_alloc(pair));
	}
	roots[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* ---- Each ---- */

enum { KEYS = 1500 };

static unsigned char visited[KEYS];

struct tour {
	struct smal_map *map;
	size_t visits, stop_after;
	int what;
};

static int tour_visit(void *key, void *value, void *user)
{
	struct tour *tour = user;
	uintptr_t i = (uintptr_t)key / 8;

	tour->visits++;
	EXPECT(i < KEYS && !visited[i]);
	visited[i] = 1;
	if (tour->what == 1)
		EXPECT(smal_map_remove(thread, tour->map, key) == value);
	if (tour->what == 2)
		heap_map_put(tour->map, key, (void *)((uintptr_t)value + 8));
	if (tour->what == 3) {
		heap_alloc(pair);
		EXPECT(smal_collect(thread) == SMAL_OK);
	}
	return tour->visits == tour->stop_after ? 77 : 0;
}

START_TEST(test_each)
{
	size_t count = _i == 3 ? 100 : 1000;
	struct tour tour = { .what = _i };

	roots[0] = tour.map = heap_map(SMAL_MAP_STRONG);
	for (uintptr_t i = 0; i < count; i++)
		heap_map_put(tour.map, (void *)(i * 8 + 1), (void *)(i * 16 + 1));
	for (tour.stop_after = 1; tour.stop_after < count; tour.stop_after *= 7) {
		tour.visits = 0;
		memset(visited, 0, sizeof visited);
		ck_assert_int_eq(smal_map_each(thread, tour.map, tour_visit, &tour), 77);
		ck_assert_uint_eq(tour.visits, tour.stop_after);
		if (_i == 1)
			count -= tour.visits;
		ck_assert_uint_eq(smal_map_count(tour.map), count);
	}
	tour.visits = tour.stop_after = 0;
	memset(visited, 0, sizeof visited);
	ck_assert_int_eq(smal_map_each(thread, tour.map, tour_visit, &tour), 0);
	ck_assert_uint_eq(tour.visits, count);
	ck_assert_uint_eq(smal_map_count(tour.map), _i == 1 ? 0 : count);
	heap_check();
}
END_TEST

/* A visitor that puts, until the map has grown several times. */
static int grow_visit(void *key, void *value, void *user)
{
	struct tour *tour = user;

	EXPECT((uintptr_t)value == (uintptr_t)key * 2);
	if (tour->visits++ < 1000)
		for (uintptr_t i = 1; i <= 20; i++) {
			uintptr_t word = (tour->visits * 20 + i) * 16;

			heap_map_put(tour->map, (void *)word, (void *)(word * 2));
		}
	if (tour->visits % 100 == 0)
		EXPECT(smal_collect(thread) == SMAL_OK);
	return 0;
}

START_TEST(test_each_grows)
{
	struct tour tour = { .map = roots[0] = heap_map(SMAL_MAP_STRONG) };

	heap_map_put(tour.map, (void *)16, (void *)32);
	ck_assert_int_eq(smal_map_each(thread, tour.map, grow_visit, &tour), 0);
	ck_assert_uint_ge(tour.visits, 2);
	ck_assert_uint_ge(smal_map_count(tour.map), 20);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

/* A visitor may leave by longjmp, from within a collection's aftermath too. */
static jmp_buf out;

static int jump_visit(void *key, void *value, void *user)
{
	struct tour *tour = user;

	EXPECT((uintptr_t)value == (uintptr_t)key * 2);
	EXPECT(smal_collect(thread) == SMAL_OK);
	if (++tour->visits % 3 == 0)
		longjmp(out, 1);
	return 0;
}

START_TEST(test_each_jumps)
{
	static struct tour tour;
	static int jumps;

	roots[0] = tour.map = heap_map(SMAL_MAP_WEAK_KEYS);
	for (uintptr_t i = 1; i <= 10; i++)
		heap_map_put(tour.map, (void *)(i * 16), (void *)(i * 32));
	if (setjmp(out) != 0)
		jumps++;
	if (jumps < 50)
		smal_map_each(thread, tour.map, jump_visit, &tour);
	ck_assert_int_eq(jumps, 50);
	heap_collect();
	heap_map_expect(tour.map, 1, 11);
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

static Suite *entry_suite(void)
{
	Suite *suite = suite_create("entries of maps");
	TCase *keeping = tcase_create("keeping");
	TCase *each = tcase_create("each");

	tcase_add_checked_fixture(keeping, begin, heap_end);
	tcase_add_test(keeping, test_values_refer_to_keys);
	tcase_add_loop_test(keeping, test_words_of_values, 0, 2 * GRANULE_SHAPES);
	tcase_add_loop_test(keeping, test_words_of_many_values, 0, GRANULE_SHAPES);
	tcase_add_loop_test(keeping, test_chains_in_a_map, 0, 4);
	tcase_add_test(keeping, test_maps_in_maps);
	tcase_add_test(keeping, test_dead_maps);
	suite_add_tcase(suite, keeping);

	tcase_add_checked_fixture(each, begin, heap_end);
	tcase_add_loop_test(each, test_each, 0, 4);
	tcase_add_test(each, test_each_grows);
	tcase_add_test(each, test_each_jumps);
	suite_add_tcase(suite, each);
	return suite;
}

int main(void)
{
	return test_main(entry_suite);
}
