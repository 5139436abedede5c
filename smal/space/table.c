/* SPDX-License-Identifier: MIT */
/*
 * table.c: keeping the hash of segments perfect (table.h).
 *
 *   address: [ high bits | index (mask) | unit_log2 bits inside the unit ]
 *
 * A segment fills a slot for each unit of addresses it reaches into; the unit
 * is the smallest alignment of any segment so far. If the slots of a new
 * segment are taken, a table of twice the size is tried, and so on: all
 * addresses of the machine are the limit, and segments lie close together. A
 * table never is smaller than the one before, so that all of them together are
 * less than two of the last, for each unit.
 *
 * Invariants:
 *   I1  each live segment stands in all slots of its units
 *   I2  a slot that is not NULL names a live segment that reaches into it
 * The process lock protects changes; readers are free.
 */
#include <smal/space/table.h>

enum { SMALLEST_SLOTS = 64 };
#define LARGEST_SLOTS ((size_t)1 << 26)

static size_t table_bytes(size_t slots)
{
	return smal_round_up(sizeof(struct smal_table) + slots * sizeof(AO_t),
	                     smal_os_page_bytes());
}

static struct smal_table *table_create(unsigned unit_log2, size_t slots)
{
	size_t bytes = table_bytes(slots);
	struct smal_table *table = smal_os_reserve(bytes);

	if (table == NULL)
		return NULL;
	if (!smal_os_commit(table, bytes)) {
		smal_os_release(table, bytes);
		return NULL;
	}
	table->unit_log2 = unit_log2;
	table->mask = slots - 1;
	return table;
}

/* The units that a segment reaches into. */
static void units_of(const struct smal_table *table, const struct smal_segment *segment,
                     uintptr_t *first, uintptr_t *last)
{
	*first = segment->base >> table->unit_log2;
	*last = (segment->base + segment->bytes - 1) >> table->unit_log2;
}

/* Puts a segment into its slots, or finds one taken by another. */
static bool table_put(struct smal_table *table, struct smal_segment *segment)
{
	uintptr_t first, last;

	units_of(table, segment, &first, &last);
	if (last - first > table->mask)
		return false;
	for (uintptr_t unit = first; unit <= last; unit++) {
		const void *there = smal_atomic_load_pointer(&table->slot[unit & table->mask]);

		if (there != NULL && there != segment)
			return false;
	}
	for (uintptr_t unit = first; unit <= last; unit++)
		smal_atomic_store_pointer(&table->slot[unit & table->mask], segment);
	return true;
}

/* Fills a table with all segments of an older one: each at its first slot there. */
static bool table_copy(struct smal_table *table, const struct smal_table *older)
{
	uintptr_t first, last;

	for (size_t i = 0; older != NULL && i <= older->mask; i++) {
		struct smal_segment *segment = smal_atomic_load_pointer(&older->slot[i]);

		if (segment == NULL)
			continue;
		units_of(older, segment, &first, &last);
		if ((first & older->mask) == i && !table_put(table, segment))
			return false;
	}
	return true;
}

bool smal_table_insert(struct smal_segment *segment)
{
	struct smal_table *table, *old;
	unsigned unit_log2 = segment->unit_log2;
	size_t slots = SMALLEST_SLOTS;
	bool done = false;

	smal_os_lock_take(&smal_os_process_lock);
	old = smal_atomic_load_pointer(&smal_process.table);
	if (old != NULL && unit_log2 >= old->unit_log2 && table_put(old, segment)) {
		smal_os_lock_give(&smal_os_process_lock);
		return true;
	}
	if (old != NULL) {
		slots = old->mask + 1;
		if (unit_log2 >= old->unit_log2) {
			unit_log2 = old->unit_log2;
			slots *= 2;
		}
	}
	while (!done && slots <= LARGEST_SLOTS) {
		table = table_create(unit_log2, slots);
		if (table == NULL)
			break;
		done = table_copy(table, old) && table_put(table, segment);
		if (done) {
			table->older = old;
			smal_atomic_store_pointer(&smal_process.table, table);
		} else {
			smal_os_release(table, table_bytes(slots));
			slots *= 2;
		}
	}
	smal_os_lock_give(&smal_os_process_lock);
	return done;
}

void smal_table_remove(struct smal_segment *segment)
{
	struct smal_table *table;
	uintptr_t first, last;

	smal_os_lock_take(&smal_os_process_lock);
	table = smal_atomic_load_pointer(&smal_process.table);
	units_of(table, segment, &first, &last);
	for (uintptr_t unit = first; unit <= last; unit++)
		smal_atomic_store_pointer(&table->slot[unit & table->mask], NULL);
	smal_os_lock_give(&smal_os_process_lock);
}

/* A slot against the segment that stands in it. */
static const char *check_slot(const struct smal_table *table, size_t slot)
{
	const struct smal_segment *segment = smal_atomic_load_pointer(&table->slot[slot]);
	uintptr_t first, last, unit;

	if (segment == NULL)
		return NULL;
	if (segment->magic != SMAL_MAGIC_SEGMENT)
		return "table I2: a slot names what is no live segment";
	units_of(table, segment, &first, &last);
	unit = first + ((slot - first) & table->mask);
	if (unit > last)
		return "table I2: a slot names a segment that does not reach into it";
	unit = unit < last ? unit + 1 : first;
	if (smal_atomic_load_pointer(&table->slot[unit & table->mask]) != segment)
		return "table I1: a segment lacks a slot";
	return NULL;
}

const char *smal_table_check(void)
{
	const struct smal_table *table;
	const char *why = NULL;

	smal_os_lock_take(&smal_os_process_lock);
	table = smal_atomic_load_pointer(&smal_process.table);
	for (size_t slot = 0; table != NULL && why == NULL && slot <= table->mask; slot++)
		why = check_slot(table, slot);
	smal_os_lock_give(&smal_os_process_lock);
	return why;
}
