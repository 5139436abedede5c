/* SPDX-License-Identifier: MIT */
/*
 * map.h: hash tables whose keys or values are weak.
 *
 *   SMAL_MAP_STRONG       keeps keys and values
 *   SMAL_MAP_WEAK_KEYS    an entry goes when its key has died; until then it
 *                         keeps its value, but not its key, also if the value
 *                         refers to it (ephemerons)
 *   SMAL_MAP_WEAK_VALUES  keeps its keys; an entry goes when its value has died:
 *                         symbol tables, caches
 *   SMAL_MAP_WEAK_BOTH    keeps nothing; an entry goes when either has died
 *
 * A map is an object of the collector: it dies when nothing refers to it. Keys
 * and values are words: objects of the same collector, or foreign addresses and
 * tagged immediates, which never die. NULL is neither a key nor a value.
 *
 * Open addressing with linear probing; three words an entry, at most three
 * quarters full; grows and shrinks as entries come and go.
 *
 * A map is used by one attached thread at a time (lock it otherwise); a
 * collection at any moment is taken care of. Hash and equality functions must
 * not allocate, collect, touch the map, wait for a lock, or leave by longjmp.
 */
#ifndef SMAL_MAP_H
#define SMAL_MAP_H

#include <smal/thread.h>

SMAL_BEGIN

struct smal_map;

enum smal_map_kind {
	SMAL_MAP_STRONG,
	SMAL_MAP_WEAK_KEYS,
	SMAL_MAP_WEAK_VALUES,
	SMAL_MAP_WEAK_BOTH
};

/** The hash of a key. All bits count; they are mixed once more. */
typedef uintptr_t smal_map_hash(const void *key, void *user);

/** True if a key of the map is the one that is looked for. */
typedef int smal_map_equal(const void *key, const void *wanted, void *user);

/**
 * Makes a map. hash and equal are both NULL (keys are compared by address,
 * which never changes) or both given; user is handed to them.
 *
 * Returns it, or NULL as smal_alloc does; SMAL_ERROR_INVALID, with the sink
 * told, if kind is none of the above or only one function is given. May collect.
 */
SMAL_API struct smal_map *smal_map_create(struct smal_thread *thread, enum smal_map_kind kind,
                                          smal_map_hash *hash, smal_map_equal *equal,
                                          void *user);

/** The value of a key, or NULL. */
SMAL_API void *smal_map_get(struct smal_thread *thread, struct smal_map *map, const void *key);

/**
 * Looks a key up by something that is not a key itself: a symbol by its text.
 * `wanted` is handed to equal; hash is what the map's hash function gives for
 * the key. Returns the value or NULL; *key, if key is not NULL, is the key
 * that the map holds.
 */
SMAL_API void *smal_map_find(struct smal_thread *thread, struct smal_map *map, uintptr_t hash,
                             smal_map_equal *equal, const void *wanted, void **key);

/**
 * Gives a key a value; an equal key that is there already stays, with the new
 * value. Returns SMAL_OK, SMAL_ERROR_NO_MEMORY or SMAL_ERROR_LIMIT (nothing has
 * changed), or SMAL_ERROR_INVALID (key or value is NULL; the sink is told). May
 * collect; key and value survive that.
 */
SMAL_API enum smal_error smal_map_put(struct smal_thread *thread, struct smal_map *map,
                                      void *key, void *value);

/** Removes a key; returns the value that it had, or NULL. */
SMAL_API void *smal_map_remove(struct smal_thread *thread, struct smal_map *map,
                               const void *key);

/** Entries at this moment. */
SMAL_API size_t smal_map_count(const struct smal_map *map);

/**
 * Calls visit for every entry, in no order; a result other than 0 stops and is
 * returned. The callback may allocate, collect, leave by longjmp, and change
 * values of and remove what it is given; an entry that is put meanwhile may be
 * visited or not, and if the map grows by that, entries may be visited twice.
 * Something must hold the map meanwhile.
 */
typedef int smal_map_visitor(void *key, void *value, void *user);
SMAL_API int smal_map_each(struct smal_thread *thread, struct smal_map *map,
                           smal_map_visitor *visit, void *user);

SMAL_END

#endif
