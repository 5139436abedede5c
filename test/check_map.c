/* SPDX-License-Identifier: MIT */
/*
 * check_map.c: maps grow and shrink with their entries, find keys by a program's own
 * functions, and fail whole. (A model of them, and what their entries keep, have
 * programs of their own.)
 *
 * (The program is linked with --wrap=smal_space_take.)
 */
#include "test/collector.h"
#include "test/starve.h"

#include <stdio.h>
#include <string.h>

static struct smal_type *pair, *array, *text;

static void begin(void)
{
	heap_begin_exact();
	pair = heap_pair_type();
	array = heap_array_type();
	text = heap_text_type();
	starving = false;
}

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

/* Immediates as keys and values: growth, and shrinking when entries are replaced by
 * a few others. */
START_TEST(test_growth)
{
	uintptr_t count = heap_scale(200000);
	struct smal_map *map = roots[0] = heap_map((enum smal_map_kind)_i);

	for (uintptr_t i = 1; i <= count; i++) {
		heap_map_put(map, (void *)(i * 16), (void *)(i * 32));
		EXPECT(smal_map_count(map) == i);
		if ((i & (i - 1)) == 0) {
			heap_collect();
			ck_assert_uint_le(live_bytes(), map_bytes(i));
			heap_map_expect(map, 1, i + 1);
		}
	}
	heap_collect();
	heap_map_expect(map, 1, count + 1);
	for (uintptr_t i = 1; i <= count - 100; i++)
		EXPECT(smal_map_remove(thread, map, (void *)(i * 16)) == (void *)(i * 32));
	/* Entries come and go: the table becomes as small as they are few. */
	for (uintptr_t i = 1; i <= 4 * count; i++) {
		heap_map_put(map, (void *)(i * 16 + 1), (void *)i);
		EXPECT(smal_map_remove(thread, map, (void *)(i * 16 + 1)) == (void *)i);
	}
	heap_collect();
	ck_assert_uint_eq(smal_map_count(map), 100);
	ck_assert_uint_le(live_bytes(), map_bytes(100));
	heap_map_expect(map, count - 99, count + 1);
}
END_TEST

/* A place that an entry has left is used again: an entry that comes and goes takes no
 * memory. */
START_TEST(test_places_used_again)
{
	struct smal_map *map = roots[0] = heap_map((enum smal_map_kind)_i);
	struct smal_gc_stats before, after;

	for (uintptr_t i = 1; i <= 5; i++)
		heap_map_put(map, (void *)(i * 16), (void *)(i * 32));
	smal_gc_get_stats(gc, &before);
	for (uintptr_t i = 0; i < 1000; i++) {
		EXPECT(smal_map_remove(thread, map, (void *)48) == (void *)96);
		heap_map_put(map, (void *)48, (void *)96);
	}
	smal_gc_get_stats(gc, &after);
	ck_assert_uint_eq(after.objects.allocated_objects, before.objects.allocated_objects);
	heap_map_expect(map, 1, 6);
}
END_TEST

/* As test_growth, where entries die. */
START_TEST(test_shrinks_with_deaths)
{
	size_t count = heap_scale(100000);
	struct smal_map *map = roots[0] =
		heap_map(_i == 0 ? SMAL_MAP_WEAK_KEYS : SMAL_MAP_WEAK_VALUES);
	void **held = roots[1] = heap_alloc_bytes(array, count * sizeof *held);

	for (size_t i = 0; i < count; i++) {
		held[i] = heap_alloc(pair);
		heap_map_put(map, _i == 0 ? held[i] : (void *)(i * 16 + 1),
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

		heap_map_put(map, key, key);
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
	heap_map_put(map, made, made);
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

	heap_map_put(map, first, (void *)1);
	second = roots[1] = strcpy(heap_alloc_bytes(text, 8), "one");
	ck_assert_ptr_ne(first, second);
	heap_map_put(map, second, (void *)2);
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

/* ---- Failing ---- */

/* At the limit, and where there is no memory: nothing has changed. */
START_TEST(test_no_memory)
{
	struct smal_map *map = roots[0] = heap_map((enum smal_map_kind)(_i % 4));
	enum smal_error expected = _i / 4 == 0 ? SMAL_ERROR_LIMIT : SMAL_ERROR_NO_MEMORY, error;
	struct smal_gc_stats stats;
	uintptr_t count = 0;

	heap_map_put(map, (void *)16, (void *)32);
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
	heap_map_expect(map, 1, count + 1);
	/* Keys that are there can be given values, and taken out. */
	heap_map_put(map, (void *)16, (void *)24);
	ck_assert_ptr_eq(smal_map_remove(thread, map, (void *)16), (void *)24);
	ck_assert_int_eq(smal_gc_set_limit(gc, 0), SMAL_OK);
	for (uintptr_t i = count + 1; i < count + 3000; i++)
		heap_map_put(map, (void *)(i * 16), (void *)(i * 32));
	heap_map_expect(map, 2, count + 3000);
	heap_check();
}
END_TEST

START_TEST(test_refused)
{
	struct smal_map *map = roots[0] = heap_map(SMAL_MAP_STRONG);
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
	TCase *sizes = tcase_create("sizes");
	TCase *failing = tcase_create("failing");

	tcase_add_checked_fixture(sizes, begin, heap_end);
	tcase_add_loop_test(sizes, test_growth, 0, 4);
	tcase_add_loop_test(sizes, test_places_used_again, 0, 4);
	tcase_add_loop_test(sizes, test_shrinks_with_deaths, 0, 2);
	tcase_add_test(sizes, test_symbols);
	tcase_add_test(sizes, test_strings);
	suite_add_tcase(suite, sizes);

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
