/* SPDX-License-Identifier: MIT */
/*
 * index.h: bitmaps in which the lowest set bit is found by reading a word a level.
 *
 *   level 2   | word |
 *   level 1   | word | word | ...        a bit: the word below has one
 *   level 0   | word | word | word | ... a bit an entry
 *
 * Several bitmaps of the same length lie in one, the words of the same place side by
 * side, so that all of them grow at one end: word w of bitmap k is word w * maps + k.
 * The top level has one word of each.
 *
 * Who has the pool has these: no locks.
 */
#ifndef SMAL_VECTOR_INDEX_H
#define SMAL_VECTOR_INDEX_H

#include <smal/base/def.h>

enum { SMAL_INDEX_LEVELS = 6 };
#define SMAL_INDEX_NONE SIZE_MAX

struct smal_index {
	uint64_t *level[SMAL_INDEX_LEVELS];
	uint8_t levels, maps;
};

/* The words that a level needs for so many entries in so many maps; the number of
 * levels, or 0: more entries than any number of levels has. */
size_t smal_index_words(size_t entries, unsigned level, unsigned maps);
unsigned smal_index_levels(size_t entries);

static inline bool smal_index_test(const struct smal_index *index, unsigned map, size_t entry)
{
	return index->level[0][(entry >> 6) * index->maps + map] >> (entry & 63) & 1;
}

/* Both may be repeated. */
static inline void smal_index_set(struct smal_index *index, unsigned map, size_t entry)
{
	for (unsigned l = 0; l < index->levels; l++) {
		uint64_t *word = &index->level[l][(entry >> 6) * index->maps + map], had = *word;

		*word = had | (uint64_t)1 << (entry & 63);
		if (had != 0)
			return;
		entry >>= 6;
	}
}

static inline void smal_index_clear(struct smal_index *index, unsigned map, size_t entry)
{
	for (unsigned l = 0; l < index->levels; l++) {
		uint64_t *word = &index->level[l][(entry >> 6) * index->maps + map];

		*word &= ~((uint64_t)1 << (entry & 63));
		if (*word != 0)
			return;
		entry >>= 6;
	}
}

/* The lowest entry whose bit is set, or SMAL_INDEX_NONE. */
static inline size_t smal_index_find(const struct smal_index *index, unsigned map)
{
	size_t entry = 0;

	if (index->level[index->levels - 1][map] == 0)
		return SMAL_INDEX_NONE;
	for (unsigned l = index->levels; l-- > 0;)
		entry = entry << 6 |
		        (unsigned)__builtin_ctzll(index->level[l][entry * index->maps + map]);
	return entry;
}

/* True if each bit of a higher level says what the word below it has, for so many
 * entries. */
bool smal_index_check(const struct smal_index *index, size_t entries);

#endif
