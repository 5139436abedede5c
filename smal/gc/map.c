/* SPDX-License-Identifier: MIT */
/*
 * map.c: hash tables with weak keys or values (<smal/map.h>).
 *
 *   map --> entries: kind, capacity, used, gone | key value hash | key value hash ...
 *
 * The map is an object of fixed size that refers to its entries, an object of
 * variable size. What the entries keep is their mark function's business (strong
 * keys, strong values) and pair.c's (values of weak keys); what has died is taken
 * out by the collection, which leaves "gone" behind, as a removal does: entries
 * never change places but when the table is made anew.
 *
 * Invariants: capacity is a power of two; used + gone <= 3/4 capacity; an entry
 * with bit 0 of hash is in use; every used entry is reached from its hash's place
 * without passing one that was never used.
 */
#include <smal/gc/weak.h>
#include <smal/gc/world.h>
#include <smal/base/fail.h>

enum { LEAST_CAPACITY = 8 };

struct smal_map {
	struct smal_entries *entries;
	smal_map_hash *hash;
	smal_map_equal *equal;
	void *user;
	uintptr_t kind;
};

static const uintptr_t map_bits = 1;

static const struct smal_type_desc map_desc = {
	.name = "map",
	.bytes = sizeof(struct smal_map),
	.marking = SMAL_MARK_LAYOUT,
	.layout = { .bits = &map_bits, .words = 1 },
	.flags = SMAL_TYPE_INNER
};

static void *mark_entries(struct smal_marker *marker, void *object)
{
	const struct smal_entries *entries = object;
	bool keys = entries->kind == SMAL_MAP_STRONG || entries->kind == SMAL_MAP_WEAK_VALUES;
	bool values = entries->kind == SMAL_MAP_STRONG;

	for (size_t i = 0; keys && i < entries->capacity; i++) {
		if ((entries->entry[i].hash & 1) == 0)
			continue;
		smal_mark(marker, entries->entry[i].key);
		if (values)
			smal_mark(marker, entries->entry[i].value);
	}
	return NULL;
}

static const struct smal_type_desc entries_desc = {
	.name = "map entries",
	.marking = SMAL_MARK_CALLBACK,
	.mark = mark_entries,
	.flags = SMAL_TYPE_INNER
};

/* ---- In a collection ---- */

static bool is_dead(const struct smal_marker *marker, const void *word)
{
	return smal_mark_fate(marker, (uintptr_t)word) == SMAL_FATE_UNMARKED;
}

static void entry_remove(struct smal_entries *entries, struct smal_entry *entry)
{
	*entry = (struct smal_entry){ .hash = SMAL_ENTRY_GONE };
	entries->used--;
	entries->gone++;
}

void smal_entries_clear(struct smal_marker *marker, struct smal_entries *entries)
{
	bool keys = entries->kind == SMAL_MAP_WEAK_KEYS || entries->kind == SMAL_MAP_WEAK_BOTH;
	bool values = entries->kind == SMAL_MAP_WEAK_VALUES || entries->kind == SMAL_MAP_WEAK_BOTH;

	for (size_t i = 0; (keys || values) && i < entries->capacity; i++) {
		struct smal_entry *entry = &entries->entry[i];

		if ((entry->hash & 1) != 0 && ((keys && is_dead(marker, entry->key)) ||
		                               (values && is_dead(marker, entry->value))))
			entry_remove(entries, entry);
	}
}

/* ---- Making, growing ---- */

/* A thread in the middle of a table is not stopped; the table's functions, which
 * are the program's, are called in there. */
static struct smal_attached *begin(struct smal_thread *thread, const struct smal_map *map,
                                   const char *function)
{
	const struct smal_type *type;

	if (smal_thread_check(thread, SMAL_FREEING, function) != SMAL_OK)
		return NULL;
	type = smal_type_of(map);
	if (type == NULL || smal_owned(type) != smal_attached(thread)->gc->inner[SMAL_INNER_MAP]) {
		smal_fail(SMAL_ERROR_INVALID, function, "not a map of this collector", map, "%s",
		          type != NULL ? smal_owned(type)->desc.name : "no live object");
		return NULL;
	}
	smal_gc_begin(smal_attached(thread));
	return smal_attached(thread);
}

struct smal_map *smal_map_create(struct smal_thread *thread, enum smal_map_kind kind,
                                 smal_map_hash *hash, smal_map_equal *equal, void *user)
{
	enum smal_error error = smal_thread_check(thread, SMAL_FREEING, __func__);
	void *held[SMAL_HELD_WORDS] = { NULL };
	struct smal_map *map;

	if (error != SMAL_OK)
		return NULL;
	if ((unsigned)kind > SMAL_MAP_WEAK_BOTH)
		error = smal_fail(SMAL_ERROR_INVALID, __func__, "unknown kind", NULL, "%d", (int)kind);
	else if ((hash == NULL) != (equal == NULL))
		error = smal_fail(SMAL_ERROR_INVALID, __func__, "only one function is given", NULL,
		                  "%s", hash == NULL ? "equal without hash" : "hash without equal");
	if (error != SMAL_OK) {
		smal_attached(thread)->error = error;
		return NULL;
	}
	map = smal_inner_alloc(smal_attached(thread), SMAL_INNER_MAP, &map_desc, 0, held);
	if (map == NULL)
		return NULL;
	map->hash = hash;
	map->equal = equal;
	map->user = user;
	map->kind = (uintptr_t)kind;
	return map;
}

static uintptr_t mix(uintptr_t hash)
{
	uint64_t mixed = (uint64_t)hash * 0x9e3779b97f4a7c15u;

	return (uintptr_t)(mixed ^ mixed >> 32) | 1;
}

static uintptr_t hash_of(const struct smal_map *map, const void *key)
{
	return mix(map->hash != NULL ? map->hash(key, map->user) : (uintptr_t)key >> 4);
}

static size_t home(const struct smal_entries *entries, uintptr_t mixed)
{
	return (size_t)(mixed >> 1) & (entries->capacity - 1);
}

static void rehash(struct smal_entries *to, const struct smal_entries *from)
{
	for (size_t i = 0; from != NULL && i < from->capacity; i++) {
		size_t at;

		if ((from->entry[i].hash & 1) == 0)
			continue;
		at = home(to, from->entry[i].hash);
		while (to->entry[at].hash != 0)
			at = (at + 1) & (to->capacity - 1);
		to->entry[at] = from->entry[i];
		to->used++;
	}
}

/* Makes room for one more entry. The thread is outside: this may collect, and that
 * may take entries out. */
static enum smal_error grow(struct smal_attached *attached, struct smal_map *map, void *key,
                            void *value)
{
	struct smal_entries *old = map->entries, *entries;
	size_t used = old != NULL ? old->used : 0, capacity = LEAST_CAPACITY;
	void *held[SMAL_HELD_WORDS] = { map, key, value };

	/* Half full: it doubles, stays as it is, or shrinks, as the living need. */
	while (capacity < (used + 1) * 2)
		capacity *= 2;
	entries = smal_inner_alloc(attached, SMAL_INNER_ENTRIES, &entries_desc,
	                           sizeof *entries + capacity * sizeof(struct smal_entry), held);
	if (entries == NULL)
		return attached->error;
	smal_gc_begin(attached);
	entries->capacity = capacity;
	entries->kind = map->kind;
	rehash(entries, map->entries);
	map->entries = entries;
	smal_gc_end(attached);
	return SMAL_OK;
}

/* ---- Looking up ---- */

static struct smal_entry *find(const struct smal_map *map, uintptr_t mixed, smal_map_equal *equal,
                               const void *wanted)
{
	struct smal_entries *entries = map->entries;

	if (entries == NULL)
		return NULL;
	for (size_t at = home(entries, mixed); entries->entry[at].hash != 0;
	     at = (at + 1) & (entries->capacity - 1)) {
		struct smal_entry *entry = &entries->entry[at];

		if (entry->hash == mixed &&
		    (equal != NULL ? equal(entry->key, wanted, map->user) : entry->key == wanted))
			return entry;
	}
	return NULL;
}

void *smal_map_get(struct smal_thread *thread, struct smal_map *map, const void *key)
{
	struct smal_attached *attached = begin(thread, map, __func__);
	const struct smal_entry *entry;
	void *value;

	if (attached == NULL)
		return NULL;
	entry = find(map, hash_of(map, key), map->equal, key);
	value = entry != NULL ? entry->value : NULL;
	smal_gc_end(attached);
	return value;
}

void *smal_map_find(struct smal_thread *thread, struct smal_map *map, uintptr_t hash,
                    smal_map_equal *equal, const void *wanted, void **key)
{
	struct smal_attached *attached = begin(thread, map, __func__);
	const struct smal_entry *entry;
	void *value = NULL;

	if (attached == NULL)
		return NULL;
	entry = find(map, mix(hash), equal, wanted);
	if (entry != NULL) {
		value = entry->value;
		if (key != NULL)
			*key = entry->key;
	}
	smal_gc_end(attached);
	return value;
}

/* Sets the value of a key that is there, or puts it where there is room. */
static bool put(struct smal_map *map, uintptr_t mixed, void *key, void *value)
{
	struct smal_entry *entry = find(map, mixed, map->equal, key);
	struct smal_entries *entries = map->entries;
	size_t at;

	if (entry != NULL) {
		entry->value = value;
		return true;
	}
	if (entries == NULL || (entries->used + entries->gone + 1) > entries->capacity / 4 * 3)
		return false;
	for (at = home(entries, mixed); (entries->entry[at].hash & 1) != 0;
	     at = (at + 1) & (entries->capacity - 1))
		;
	entries->gone -= entries->entry[at].hash == SMAL_ENTRY_GONE;
	entries->used++;
	entries->entry[at] = (struct smal_entry){ key, value, mixed };
	return true;
}

enum smal_error smal_map_put(struct smal_thread *thread, struct smal_map *map, void *key, void *value)
{
	struct smal_attached *attached = begin(thread, map, __func__);
	enum smal_error error = SMAL_OK;
	uintptr_t mixed;
	bool done;

	if (attached == NULL)
		return SMAL_ERROR_INVALID;
	if (key == NULL || value == NULL) {
		smal_gc_end(attached);
		return smal_fail(SMAL_ERROR_INVALID, __func__, "NULL argument", NULL, "%s",
		                 key == NULL ? "the key" : "the value");
	}
	mixed = hash_of(map, key);
	done = put(map, mixed, key, value);
	smal_gc_end(attached);
	while (!done && error == SMAL_OK) {
		error = grow(attached, map, key, value);
		smal_gc_begin(attached);
		done = error == SMAL_OK && put(map, mixed, key, value);
		smal_gc_end(attached);
	}
	return error;
}

void *smal_map_remove(struct smal_thread *thread, struct smal_map *map, const void *key)
{
	struct smal_attached *attached = begin(thread, map, __func__);
	struct smal_entry *entry;
	void *value = NULL;

	if (attached == NULL)
		return NULL;
	entry = find(map, hash_of(map, key), map->equal, key);
	if (entry != NULL) {
		value = entry->value;
		entry_remove(map->entries, entry);
	}
	smal_gc_end(attached);
	return value;
}

size_t smal_map_count(const struct smal_map *map)
{
	return map->entries != NULL ? map->entries->used : 0;
}

int smal_map_each(struct smal_thread *thread, struct smal_map *map, smal_map_visitor *visit,
                  void *user)
{
	struct smal_attached *attached = begin(thread, map, __func__);
	int result = 0;

	if (attached == NULL)
		return 0;
	for (size_t i = 0; map->entries != NULL && i < map->entries->capacity && result == 0; i++) {
		struct smal_entry entry = map->entries->entry[i];

		if ((entry.hash & 1) == 0)
			continue;
		smal_gc_end(attached);
		result = visit(entry.key, entry.value, user);
		smal_gc_begin(attached);
	}
	smal_gc_end(attached);
	return result;
}
