/* SPDX-License-Identifier: MIT */
/*
 * model_map.c: maps of every kind do what a table does that is too simple to be
 * wrong, with keys compared by address, by a program's functions and where all of
 * them collide; entries go with what died and with nothing else.
 */
#include "test/collector.h"

#include <string.h>

static struct smal_type *array, *text;

static void begin(void)
{
	heap_begin_exact();
	array = heap_array_type();
	text = heap_text_type();
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
	heap_map_put(model.map, key, hold(model.values, held_values(), value));
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

static Suite *map_suite(void)
{
	Suite *suite = suite_create("model of maps");
	TCase *models = tcase_create("model");

	tcase_add_checked_fixture(models, begin, heap_end);
	tcase_add_loop_test(models, test_model, 0, 12);
	suite_add_tcase(suite, models);
	return suite;
}

int main(void)
{
	return test_main(map_suite);
}
