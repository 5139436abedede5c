/* SPDX-License-Identifier: MIT */
/*
 * index.c: how large an index is, and its checker (index.h).
 */
#include <smal/vector/index.h>

static size_t words_of(size_t entries, unsigned level)
{
	for (unsigned l = 0; l <= level; l++)
		entries = entries / 64 + (entries % 64 != 0);
	return entries;
}

size_t smal_index_words(size_t entries, unsigned level, unsigned maps)
{
	return words_of(entries, level) * maps;
}

unsigned smal_index_levels(size_t entries)
{
	for (unsigned l = 0; l < SMAL_INDEX_LEVELS; l++)
		if (words_of(entries, l) <= 1)
			return l + 1;
	return 0;
}

bool smal_index_check(const struct smal_index *index, size_t entries)
{
	for (unsigned l = 0; l + 1u < index->levels; l++) {
		size_t words = words_of(entries, l);

		for (size_t i = 0; i < words * index->maps; i++) {
			size_t word = i / index->maps, map = i % index->maps;
			uint64_t above = index->level[l + 1][word / 64 * index->maps + map];

			if ((above >> (word % 64) & 1) != (index->level[l][i] != 0))
				return false;
		}
	}
	return true;
}
