/* SPDX-License-Identifier: MIT */
/*
 * check_map.c: maps of every kind do what a table does that is too simple to be
 * wrong, with keys compared by address, by a program's functions and where all of
 * them collide; entries go with what died and with nothing else; maps grow, shrink,
 * and fail whole.
 *
 * (The program is linked with --wrap=smal_space_take.)
 */
#include <smal/space/space.h>

#include "test/collector.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed);
void *__wrap_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed);

static bool starving;

void *__wrap_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed)
{
	return starving ? NULL : __real_smal_space_take(space, bytes, align_bytes, zeroed);
}

static struct smal_type *pair, *array, *text;

static void begin(void)
{
	heap_begin_exact();
	pair = heap_pair_type();
	array = heap_array_type();
	text = heap_text_type();
	starving = false;
}

static struct smal_map *map_of(enum smal_map_kind kind)
{
	struct smal_map *map = smal_map_create(thread, kind, NULL, NULL, NULL);

	ck_assert_ptr_nonnull(map);
	ck_assert_uint_eq(smal_map_count(map), 0);
	return map;
}

static void put(struct smal_map *map, void *key, void *value)
{
	enum smal_error error = smal_map_put(thread, map, key, value);

	if (error != SMAL_OK)
		ck_abort_msg("smal_map_put: %s", smal_error_text(error));
}

/* ---- Against a model ---- */

enum { KEYS = 1500, VALUES = 700, NONE = -1 };

/* A key or a value: in a table that is a root (held), or at most in the map. */
struct thing {
	uintptr_t hidden;
	bool held;
};

static struct {
	struct thing keys[KEYS], values[VALUES];
	/* By key: its value, or NONE. */
	int entry[KEYS];
	size_t count;
	enum smal_map_kind kind;
	struct smal_map *map;
	/* Keys in use; by address, or by their number and perhaps all alike. */
	size_t key_count;
	bool by_number, collide;
} model;

static struct test_random random_numbers;

static size_t below(size_t limit)
{
	return test_random_below(&random_numbers, limit);
}

static void **held_keys(void)
{
	return roots[0];
}

static void **held_values(void)
{
	return roots[1];
}

static void *object_of(const struct thing *thing)
{
	return (void *)HIDE(thing->hidden);
}

static uintptr_t hash_number(const void *key, void *user)
{
	EXPECT(user == &model);
	return model.collide ? 42 : *(const uintptr_t *)key;
}

static int equal_number(const void *key, const void *wanted, void *user)
{
	EXPECT(user == &model);
	return *(const uintptr_t *)key == *(const uintptr_t *)wanted;
}

static void *new_thing(size_t i)
{
	uintptr_t *object = heap_alloc_bytes(text, 16);

	object[0] = object[1] = i;
	return object;
}

/* A held key or value; made again if it has died. */
static void *hold(struct thing *things, void **held, size_t i)
{
	if (things[i].hidden == 0) {
		held[i] = new_thing(i);
		things[i] = (struct thing){ HIDE(held[i]), true };
	} else if (!things[i].held) {
		held[i] = object_of(&things[i]);
		things[i].held = true;
	}
	return held[i];
}

/* What an entry is going to lose is held from now on. */
static void hold_entry(size_t i)
{
	if (model.entry[i] == NONE)
		return;
	hold(model.keys, held_keys(), i);
	hold(model.values, held_values(), (size_t)model.entry[i]);
}

/* The key itself, or another that is equal; roots[3] holds it. */
static void *key_like(size_t i)
{
	return roots[3] = model.by_number && below(2) == 0 ? new_thing(i)
	                                                   : hold(model.keys, held_keys(), i);
}

static void step_put(size_t i)
{
	size_t value = below(VALUES);
	void *key;

	hold_entry(i);
	key = key_like(i);
	put(model.map, key, hold(model.values, held_values(), value));
	if (model.entry[i] == NONE) {
		/* The map has this key, whichever it was. */
		model.keys[i] = (struct thing){ HIDE(key), true };
		held_keys()[i] = key;
		model.count++;
	}
	model.entry[i] = (int)value;
}

static void step_get(size_t i)
{
	int value = model.entry[i];
	void *key = key_like(i);

	EXPECT(smal_map_get(thread, model.map, key) ==
	       (value != NONE ? object_of(&model.values[value]) : NULL));
}

static void step_remove(size_t i)
{
	int value = model.entry[i];
	void *key;

	hold_entry(i);
	key = key_like(i);
	EXPECT(smal_map_remove(thread, model.map, key) ==
	       (value != NONE ? object_of(&model.values[value]) : NULL));
	model.count -= value != NONE;
	model.entry[i] = NONE;
}

/* What is not held and not kept by the map is dead, and so are entries. */
static void model_collection(void)
{
	bool keeps_keys = model.kind == SMAL_MAP_STRONG || model.kind == SMAL_MAP_WEAK_VALUES;
	bool keeps_values = model.kind == SMAL_MAP_STRONG || model.kind == SMAL_MAP_WEAK_KEYS;
	bool key_stays[KEYS] = { false }, value_stays[VALUES] = { false };

	for (int i = 0; i < KEYS; i++) {
		if (model.entry[i] == NONE)
			continue;
		if ((keeps_keys || model.keys[i].held) &&
		    (keeps_values || model.values[model.entry[i]].held)) {
			key_stays[i] = value_stays[model.entry[i]] = true;
			continue;
		}
		model.entry[i] = NONE;
		model.count--;
	}
	for (int i = 0; i < KEYS; i++)
		if (!model.keys[i].held && !key_stays[i])
			model.keys[i].hidden = 0;
	for (int i = 0; i < VALUES; i++)
		if (!model.values[i].held && !value_stays[i])
			model.values[i].hidden = 0;
}

static unsigned char visited[KEYS];

static int visit(void *key, void *value, void *user)
{
	uintptr_t i = *(uintptr_t *)key;

	EXPECT(user == visited && i < KEYS && !visited[i]);
	visited[i] = 1;
	EXPECT(key == object_of(&model.keys[i]) && model.entry[i] != NONE);
	EXPECT(value == object_of(&model.values[model.entry[i]]));
	EXPECT(((uintptr_t *)value)[0] == (uintptr_t)model.entry[i]);
	return 0;
}

static void expect_agreement(void)
{
	EXPECT(smal_map_count(model.map) == model.count);
	memset(visited, 0, sizeof visited);
	EXPECT(smal_map_each(thread, model.map, visit, visited) == 0);
	for (size_t i = 0; i < KEYS; i++) {
		EXPECT(visited[i] == (model.entry[i] != NONE));
		if (model.keys[i].hidden != 0)
			EXPECT(smal_map_get(thread, model.map, object_of(&model.keys[i])) ==
			       (model.entry[i] != NONE ? object_of(&model.values[model.entry[i]])
			                               : NULL));
	}
}

static void step_collect(void)
{
	size_t share = 1 + below(20);

	for (size_t i = 0; i < model.key_count; i++)
		if (below(share) == 0)
			held_keys()[i] = NULL, model.keys[i].held = false;
	for (size_t i = 0; i < VALUES; i++)
		if (below(share) == 0)
			held_values()[i] = NULL, model.values[i].held = false;
	roots[3] = NULL;
	heap_collect();
	model_collection();
	expect_agreement();
}

/* Puts prevail for a while, then removals: the map grows and shrinks. */
static void run_model(enum smal_map_kind kind, bool by_number, bool collide, size_t steps)
{
	memset(&model, 0, sizeof model);
	model.kind = kind;
	model.by_number = by_number;
	model.collide = collide;
	model.key_count = collide ? 60 : KEYS;
	memset(model.entry, 0xff, sizeof model.entry);
	roots[0] = heap_alloc_bytes(array, KEYS * sizeof(void *));
	roots[1] = heap_alloc_bytes(array, VALUES * sizeof(void *));
	roots[2] = model.map = smal_map_create(thread, kind, by_number ? hash_number : NULL,
	                                       by_number ? equal_number : NULL, &model);
	ck_assert_ptr_nonnull(model.map);
	for (size_t step = 0; step < steps; step++) {
		size_t i = below(model.key_count), what = below(10);
		size_t puts = step / 2000 % 2 == 0 ? 6 : 2;

		if (what < puts)
			step_put(i);
		else if (what < 8)
			step_remove(i);
		else
			step_get(i);
		if (below(1000) == 0)
			step_collect();
	}
	step_collect();
	/* Nothing is held: nothing stays but what the kind keeps. */
	memset(roots, 0, sizeof roots);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
}

START_TEST(test_model)
{
	size_t steps = test_long() ? 10000000 : heap_scale(150000);

	test_random_init(&random_numbers, (uint64_t)_i);
	run_model((enum smal_map_kind)(_i % 4), _i / 4 != 0, _i / 4 == 2, steps);
}
END_TEST

/* ---- Sizes ---- */

static uint64_t live_bytes(void)
{
	struct smal_gc_stats stats;

	smal_gc_get_stats(gc, &stats);
	return stats.objects.live_bytes;
}

/* The bytes that a map with so many entries may take: three words each, at least
 * a quarter full after it grew, and twice that while it changes. */
static uint64_t map_bytes(size_t entries)
{
	return (entries + 8) * 3 * sizeof(void *) * 4 + 200;
}

static void expect_numbers(struct smal_map *map, uintptr_t first, uintptr_t limit)
{
	for (uintptr_t i = first; i < limit; i++)
		EXPECT(smal_map_get(thread, map, (void *)(i * 16)) == (void *)(i * 32));
}

/* Immediates as keys and values: growth, and shrinking when entries are replaced by
 * a few others. */
START_TEST(test_growth)
{
	uintptr_t count = heap_scale(200000);
	struct smal_map *map = roots[0] = map_of((enum smal_map_kind)_i);

	for (uintptr_t i = 1; i <= count; i++) {
		put(map, (void *)(i * 16), (void *)(i * 32));
		EXPECT(smal_map_count(map) == i);
		if ((i & (i - 1)) == 0) {
			heap_collect();
			ck_assert_uint_le(live_bytes(), map_bytes(i));
			expect_numbers(map, 1, i + 1);
		}
	}
	heap_collect();
	expect_numbers(map, 1, count + 1);
	for (uintptr_t i = 1; i <= count - 100; i++)
		EXPECT(smal_map_remove(thread, map, (void *)(i * 16)) == (void *)(i * 32));
	/* Entries come and go: the table becomes as small as they are few. */
	for (uintptr_t i = 1; i <= 4 * count; i++) {
		put(map, (void *)(i * 16 + 1), (void *)i);
		EXPECT(smal_map_remove(thread, map, (void *)(i * 16 + 1)) == (void *)i);
	}
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 100);
	ck_assert_uint_le(live_bytes(), map_bytes(100));
	expect_numbers(map, count - 99, count + 1);
}
END_TEST

/* A place that an entry has left is used again: an entry that comes and goes takes no
 * memory. */
START_TEST(test_places_used_again)
{
	struct smal_map *map = roots[0] = map_of((enum smal_map_kind)_i);
	struct smal_gc_stats before, after;

	for (uintptr_t i = 1; i <= 5; i++)
		put(map, (void *)(i * 16), (void *)(i * 32));
	smal_gc_get_stats(gc, &before);
	for (uintptr_t i = 0; i < 1000; i++) {
		EXPECT(smal_map_remove(thread, map, (void *)48) == (void *)96);
		put(map, (void *)48, (void *)96);
	}
	smal_gc_get_stats(gc, &after);
	ck_assert_uint_eq(after.objects.allocated_objects, before.objects.allocated_objects);
	expect_numbers(map, 1, 6);
}
END_TEST

/* As test_growth, where entries die. */
START_TEST(test_shrinks_with_deaths)
{
	size_t count = heap_scale(100000);
	struct smal_map *map = roots[0] =
		map_of(_i == 0 ? SMAL_MAP_WEAK_KEYS : SMAL_MAP_WEAK_VALUES);
	void **held = roots[1] = heap_alloc_bytes(array, count * sizeof *held);

	for (size_t i = 0; i < count; i++) {
		held[i] = heap_alloc(pair);
		put(map, _i == 0 ? held[i] : (void *)(i * 16 + 1),
		    _i == 0 ? (void *)(i * 16 + 1) : held[i]);
	}
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), count);
	for (size_t i = 10; i < count; i++)
		held[i] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 10);
	held[0] = heap_alloc(pair);
	for (size_t i = 0; i < 4 * count; i++) {
		void *key = (void *)(i * 16 + 2);

		put(map, key, key);
		EXPECT(smal_map_remove(thread, map, key) == key);
	}
	roots[1] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 0);
	ck_assert_uint_le(live_bytes(), map_bytes(10));
}
END_TEST

/* ---- Functions of the program ---- */

static uintptr_t hash_text(const void *key, void *user)
{
	uintptr_t hash = 5381;

	(void)user;
	for (const char *at = key; *at != 0; at++)
		hash = hash * 33 + (unsigned char)*at;
	return hash;
}

static int equal_text(const void *key, const void *wanted, void *user)
{
	(void)user;
	return strcmp(key, wanted) == 0;
}

/* A symbol: its name's text follows. */
struct symbol {
	uintptr_t uses;
	char name[];
};

static uintptr_t hash_symbol(const void *key, void *user)
{
	return hash_text(((const struct symbol *)key)->name, user);
}

static int equal_symbols(const void *key, const void *wanted, void *user)
{
	return equal_text(((const struct symbol *)key)->name, ((const struct symbol *)wanted)->name,
	                  user);
}

static int equal_symbol_text(const void *key, const void *wanted, void *user)
{
	return equal_text(((const struct symbol *)key)->name, wanted, user);
}

static struct symbol *intern(struct smal_map *map, const char *name)
{
	void *key = NULL, *symbol = smal_map_find(thread, map, hash_text(name, NULL),
	                                          equal_symbol_text, name, &key);
	struct symbol *made;

	if (symbol != NULL) {
		EXPECT(key == symbol);
		return symbol;
	}
	EXPECT(key == NULL);
	roots[5] = made = heap_alloc_bytes(text, sizeof *made + strlen(name) + 1);
	memcpy(made->name, name, strlen(name) + 1);
	put(map, made, made);
	roots[5] = NULL;
	return made;
}

/* A symbol table: found by a text that is no object; weak by keys and values, so that
 * the symbols that nobody uses go. */
START_TEST(test_symbols)
{
	size_t count = heap_scale(20000);
	struct smal_map *map = roots[0] =
		smal_map_create(thread, SMAL_MAP_WEAK_BOTH, hash_symbol, equal_symbols, NULL);
	struct symbol **used = roots[1] = heap_alloc_bytes(array, count * sizeof *used);
	char name[40];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof name, "symbol-%zu", i);
		used[i] = intern(map, name);
		used[i]->uses = i;
		EXPECT(intern(map, name) == used[i]);
	}
	ck_assert_uint_eq(smal_map_count(map), count);
	for (size_t i = 1; i < count; i += 2)
		used[i] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), (count + 1) / 2);
	for (size_t i = 0; i < count; i++) {
		void *symbol;

		snprintf(name, sizeof name, "symbol-%zu", i);
		symbol = smal_map_find(thread, map, hash_text(name, NULL), equal_symbol_text, name,
		                       NULL);
		EXPECT(symbol == used[i]);
	}
}
END_TEST

/* Strings as keys of a map that keeps them: an equal key changes the value alone. */
START_TEST(test_strings)
{
	struct smal_map *map = roots[0] =
		smal_map_create(thread, SMAL_MAP_STRONG, hash_text, equal_text, NULL);
	char *first = strcpy(heap_alloc_bytes(text, 8), "one"), *second;
	void *key;

	put(map, first, (void *)1);
	second = roots[1] = strcpy(heap_alloc_bytes(text, 8), "one");
	ck_assert_ptr_ne(first, second);
	put(map, second, (void *)2);
	ck_assert_uint_eq(smal_map_count(map), 1);
	ck_assert_ptr_eq(
		smal_map_find(thread, map, hash_text("one", NULL), equal_text, "one", &key),
		(void *)2);
	ck_assert_ptr_eq(key, first);
	heap_collect();
	ck_assert_ptr_eq(smal_map_get(thread, map, "one"), (void *)2);
	ck_assert_ptr_eq(smal_map_remove(thread, map, second), (void *)2);
	ck_assert_ptr_null(smal_map_get(thread, map, "one"));
	roots[1] = NULL;
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

/* ---- What keeps what ---- */

/* Weak keys whose values refer to them: the entry goes all the same; with weak values
 * the key that refers to its value keeps it. */
START_TEST(test_values_refer_to_keys)
{
	struct smal_map *map = roots[0] = map_of(SMAL_MAP_WEAK_KEYS);
	void **key, **value;

	for (int i = 0; i < 500; i++) {
		roots[1] = key = heap_alloc(pair);
		roots[2] = value = heap_alloc(pair);
		value[0] = key;
		put(map, key, i % 3 == 0 ? (void *)key : (void *)value);
	}
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 1);
	ck_assert_ptr_eq(smal_map_get(thread, map, key), value);
	roots[1] = roots[2] = NULL;
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 0);
	ck_assert_uint_eq(heap_live(), 2);
	roots[0] = map = map_of(SMAL_MAP_WEAK_VALUES);
	roots[1] = key = heap_alloc(pair);
	key[0] = heap_alloc(pair);
	put(map, key, key[0]);
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

/* Chains through one map: each value leads to the next key, in whatever order; with
 * the table of pairs, and without. */
START_TEST(test_chains_in_a_map)
{
	size_t count = _i / 2 == 0 && !heap_must_be_small() ? heap_scale(100000) : 2000;
	struct smal_map *map = roots[0] = map_of(SMAL_MAP_WEAK_KEYS);
	void **keys = roots[1] = heap_alloc_bytes(array, count * sizeof *keys);

	for (size_t i = 0; i < count; i++)
		keys[i] = heap_alloc(pair);
	for (size_t i = 0; i + 1 < count; i++) {
		size_t at = _i % 2 == 0 ? i : count - 2 - i;

		put(map, keys[at], keys[at + 1]);
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
	struct smal_map *map = roots[0] = map_of(SMAL_MAP_WEAK_KEYS);
	size_t depth = 0;

	for (int i = 0; i < DEPTH; i++) {
		struct smal_map *inner = roots[2] =
			map_of(i % 3 == 2 ? SMAL_MAP_STRONG : SMAL_MAP_WEAK_KEYS);

		keys[i] = heap_alloc(pair);
		put(map, keys[i], inner);
		/* The inner one refers to its own key, and to the outer map. */
		put(inner, keys[i], map);
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
		struct smal_map *map = roots[0] = map_of((enum smal_map_kind)(i % 4));

		put(map, map, map);
		put(map, heap_alloc(pair), map);
		put(map, (void *)8, heap_alloc(pair));
	}
	roots[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* ---- Each ---- */

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
		put(tour->map, key, (void *)((uintptr_t)value + 8));
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

	roots[0] = tour.map = map_of(SMAL_MAP_STRONG);
	for (uintptr_t i = 0; i < count; i++)
		put(tour.map, (void *)(i * 8 + 1), (void *)(i * 16 + 1));
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

			put(tour->map, (void *)word, (void *)(word * 2));
		}
	if (tour->visits % 100 == 0)
		EXPECT(smal_collect(thread) == SMAL_OK);
	return 0;
}

START_TEST(test_each_grows)
{
	struct tour tour = { .map = roots[0] = map_of(SMAL_MAP_STRONG) };

	put(tour.map, (void *)16, (void *)32);
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

	roots[0] = tour.map = map_of(SMAL_MAP_WEAK_KEYS);
	for (uintptr_t i = 1; i <= 10; i++)
		put(tour.map, (void *)(i * 16), (void *)(i * 32));
	if (setjmp(out) != 0)
		jumps++;
	if (jumps < 50)
		smal_map_each(thread, tour.map, jump_visit, &tour);
	ck_assert_int_eq(jumps, 50);
	heap_collect();
	expect_numbers(tour.map, 1, 11);
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

/* ---- Failing ---- */

/* At the limit, and where there is no memory: nothing has changed. */
START_TEST(test_no_memory)
{
	struct smal_map *map = roots[0] = map_of((enum smal_map_kind)(_i % 4));
	enum smal_error expected = _i / 4 == 0 ? SMAL_ERROR_LIMIT : SMAL_ERROR_NO_MEMORY, error;
	struct smal_gc_stats stats;
	uintptr_t count = 0;

	put(map, (void *)16, (void *)32);
	smal_gc_get_stats(gc, &stats);
	if (expected == SMAL_ERROR_LIMIT)
		ck_assert_int_eq(smal_gc_set_limit(gc, stats.objects.heap_bytes + 300000), SMAL_OK);
	starving = expected == SMAL_ERROR_NO_MEMORY;
	for (count = 1;; count++) {
		uintptr_t word = (count + 1) * 16;

		error = smal_map_put(thread, map, (void *)word, (void *)(word * 2));
		if (error != SMAL_OK)
			break;
	}
	ck_assert_int_eq(error, expected);
	ck_assert_int_eq(smal_thread_error(thread), expected);
	starving = false;
	ck_assert_uint_eq(smal_map_count(map), count);
	expect_numbers(map, 1, count + 1);
	/* Keys that are there can be given values, and taken out. */
	put(map, (void *)16, (void *)24);
	ck_assert_ptr_eq(smal_map_remove(thread, map, (void *)16), (void *)24);
	ck_assert_int_eq(smal_gc_set_limit(gc, 0), SMAL_OK);
	for (uintptr_t i = count + 1; i < count + 3000; i++)
		put(map, (void *)(i * 16), (void *)(i * 32));
	expect_numbers(map, 2, count + 3000);
	heap_check();
}
END_TEST

START_TEST(test_refused)
{
	struct smal_map *map = roots[0] = map_of(SMAL_MAP_STRONG);
	void *object = roots[1] = heap_alloc(pair);

	ck_assert_ptr_null(smal_map_create(thread, (enum smal_map_kind)4, NULL, NULL, NULL));
	ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_map_create(thread, SMAL_MAP_STRONG, hash_text, NULL, NULL));
	told_once(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_map_create(thread, SMAL_MAP_STRONG, NULL, equal_text, NULL));
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_map_put(thread, map, NULL, object), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_map_put(thread, map, object, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_map_put(thread, object, object, object), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_map_get(thread, object, object));
	told_once(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_map_get(NULL, map, object));
	told_once(SMAL_ERROR_NOT_ATTACHED);
	ck_assert_ptr_null(smal_map_get(thread, map, NULL));
	ck_assert_ptr_null(smal_map_remove(thread, map, object));
	ck_assert_uint_eq(smal_map_count(map), 0);
}
END_TEST

static Suite *map_suite(void)
{
	Suite *suite = suite_create("map");
	TCase *models = tcase_create("model");
	TCase *sizes = tcase_create("sizes");
	TCase *keeping = tcase_create("keeping");
	TCase *failing = tcase_create("failing");

	tcase_add_checked_fixture(models, begin, heap_end);
	tcase_add_loop_test(models, test_model, 0, 12);
	suite_add_tcase(suite, models);

	tcase_add_checked_fixture(sizes, begin, heap_end);
	tcase_add_loop_test(sizes, test_growth, 0, 4);
	tcase_add_loop_test(sizes, test_places_used_again, 0, 4);
	tcase_add_loop_test(sizes, test_shrinks_with_deaths, 0, 2);
	tcase_add_test(sizes, test_symbols);
	tcase_add_test(sizes, test_strings);
	suite_add_tcase(suite, sizes);

	tcase_add_checked_fixture(keeping, begin, heap_end);
	tcase_add_test(keeping, test_values_refer_to_keys);
	tcase_add_loop_test(keeping, test_chains_in_a_map, 0, 4);
	tcase_add_test(keeping, test_maps_in_maps);
	tcase_add_test(keeping, test_dead_maps);
	tcase_add_loop_test(keeping, test_each, 0, 4);
	tcase_add_test(keeping, test_each_grows);
	tcase_add_test(keeping, test_each_jumps);
	suite_add_tcase(suite, keeping);

	tcase_add_checked_fixture(failing, begin, heap_end);
	tcase_add_loop_test(failing, test_no_memory, 0, 8);
	tcase_add_test(failing, test_refused);
	suite_add_tcase(suite, failing);
	return suite;
}

int main(void)
{
	return test_main(map_suite);
}
