/* SPDX-License-Identifier: MIT */
/*
 * table.h: the perfect hash from an address to its segment.
 *
 * The table is as large as it must be for no two live segments to collide, so
 * a look-up is a shift, a mask, an index and a compare; a miss proves that the
 * address is not ours. Readers take no lock and may ask at any time, about any
 * word: replaced tables and metadata are never unmapped.
 *
 * Algorithm: a perfect hash on aligned buffer ids, after SMAL (K. Stephens).
 */
#ifndef SMAL_SPACE_TABLE_H
#define SMAL_SPACE_TABLE_H

#include <smal/base/process.h>
#include <smal/space/segment.h>

struct smal_table {
	unsigned unit_log2;
	size_t mask;
	/* The table that this one replaced. */
	struct smal_table *older;
	/* Segments, as AO_t: they change in place. */
	volatile AO_t slot[];
};

/* Adds a segment; false if there is no memory for a larger table. */
bool smal_table_insert(struct smal_segment *segment);
void smal_table_remove(struct smal_segment *segment);

/* The first invariant (of table.c) that does not hold, or NULL. */
const char *smal_table_check(void);

/* The segment that an address lies in, or NULL. About addresses whose segment
 * ends meanwhile, or is made, the answer may be that of before or after. */
static inline struct smal_segment *smal_table_find(uintptr_t address)
{
	const struct smal_table *table = smal_atomic_load_pointer(&smal_process.table);
	struct smal_segment *segment;
	uintptr_t bytes;

	if (SMAL_UNLIKELY(table == NULL))
		return NULL;
	segment = smal_atomic_load_pointer(&table->slot[address >> table->unit_log2 & table->mask]);
	if (segment == NULL)
		return NULL;
	bytes = smal_atomic_load(&segment->bytes);
	return address - smal_atomic_load_relaxed(&segment->base) < bytes ? segment : NULL;
}

#endif
