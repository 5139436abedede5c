/* SPDX-License-Identifier: MIT */
/*
 * strings.c: a hash map from words to texts, that grows, is written, is erased.
 *
 * A step makes a random key; if the map has it, its text is appended to (and now
 * and then the entry is erased), otherwise the key is copied and inserted with
 * a first text. The array of chains doubles as the map grows. In the end the
 * lengths of all texts must be what was put in.
 *
 *   keys     that there can be (200,000)
 *   steps    of each thread (2,000,000)
 *   threads  each with a map of its own (1)
 */
#include "work.h"

#include <string.h>

enum { CHAINS_FIRST = 16, KEY_MOST = 64, TEXT_MOST = 512 };

struct entry {
	struct entry *next;
	char *key, *text;
	uint64_t hash;
};

struct map {
	struct entry **chains;
	uint64_t chain_count, entries, text_bytes;
	struct tally *tally;
};

static uint64_t keys, steps;

static void *bytes_copy(struct map *map, const void *from, size_t bytes)
{
	void *copy = malloc(bytes);

	if (!copy)
		measure_fail("no memory");
	tally_add(map->tally, bytes);
	return memcpy(copy, from, bytes);
}

static void bytes_drop(struct map *map, void *old, size_t bytes)
{
	map->tally->live_bytes -= (int64_t)bytes;
	free(old);
}

/* A key of 6 to 45 letters, the same for the same number. */
static size_t key_make(char key[KEY_MOST], uint64_t number)
{
	uint64_t random = number;
	size_t length = 6 + measure_random_below(&random, 8), i;

	if (measure_random_below(&random, 4) == 0)
		length += 32;
	for (i = 0; i < length; i++)
		key[i] = (char)('a' + measure_random_below(&random, 26));
	key[length] = '\0';
	return length;
}

static uint64_t key_hash(const char *key)
{
	uint64_t hash = 0xcbf29ce484222325u;

	while (*key)
		hash = (hash ^ (unsigned char)*key++) * 0x100000001b3u;
	return hash ^ hash >> 29;
}

static void map_grow(struct map *map)
{
	uint64_t count = map->chain_count ? 2 * map->chain_count : CHAINS_FIRST, i;
	struct entry **chains = table_new(count, sizeof *chains);

	for (i = 0; i < map->chain_count; i++)
		while (map->chains[i]) {
			struct entry *entry = map->chains[i];

			map->chains[i] = entry->next;
			entry->next = chains[entry->hash % count];
			chains[entry->hash % count] = entry;
		}
	free(map->chains);
	map->chains = chains;
	map->chain_count = count;
}

static struct entry **map_find(struct map *map, const char *key, uint64_t hash)
{
	struct entry **at = &map->chains[hash % map->chain_count];

	while (*at && ((*at)->hash != hash || strcmp((*at)->key, key)))
		at = &(*at)->next;
	return at;
}

static void map_insert(struct map *map, const char *key, size_t length, uint64_t hash)
{
	struct entry fresh = { NULL, NULL, NULL, hash }, *entry, **chain;

	if (map->entries >= map->chain_count)
		map_grow(map);
	chain = &map->chains[hash % map->chain_count];
	fresh.next = *chain;
	fresh.key = bytes_copy(map, key, length + 1);
	fresh.text = bytes_copy(map, key, length + 1);
	entry = bytes_copy(map, &fresh, sizeof fresh);
	*chain = entry;
	map->entries++;
	map->text_bytes += length;
}

static void map_erase(struct map *map, struct entry **at)
{
	struct entry *entry = *at;
	size_t length = strlen(entry->text);

	*at = entry->next;
	map->entries--;
	map->text_bytes -= length;
	bytes_drop(map, entry->text, length + 1);
	bytes_drop(map, entry->key, strlen(entry->key) + 1);
	bytes_drop(map, entry, sizeof *entry);
}

static void text_append(struct map *map, struct entry *entry, const char *more, size_t length)
{
	size_t old = strlen(entry->text);
	char *text = realloc(entry->text, old + length + 1);

	if (!text)
		measure_fail("no memory");
	memcpy(text + old, more, length + 1);
	tally_add(map->tally, length);
	entry->text = text;
	map->text_bytes += length;
}

static void map_drop(struct map *map)
{
	uint64_t i;

	for (i = 0; i < map->chain_count; i++)
		while (map->chains[i])
			map_erase(map, &map->chains[i]);
	if (map->entries || map->text_bytes)
		measure_fail("a map is damaged");
	free(map->chains);
}

static void work(struct worker *worker)
{
	struct map map = { .tally = &worker->tally };
	uint64_t i;

	map_grow(&map);
	for (i = 0; i < steps; i++) {
		char key[KEY_MOST];
		size_t length = key_make(key, measure_random_below(&worker->random, keys));
		uint64_t hash = key_hash(key);
		struct entry **at = map_find(&map, key, hash);

		if (!*at)
			map_insert(&map, key, length, hash);
		else if (strlen((*at)->text) > TEXT_MOST || i % 8 == 0)
			map_erase(&map, at);
		else
			text_append(&map, *at, key, length);
	}
	map_drop(&map);
}

void strings(void)
{
	unsigned threads = work_threads();

	keys = work_steps("keys", 200000);
	steps = work_steps("steps", 2000000);
	work_run(threads, work);
}
