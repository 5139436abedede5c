/* SPDX-License-Identifier: MIT */
/*
 * values.c: a store of keys and values with a bound on its bytes, whose values
 * change their size: what fragments a Redis.
 *
 * A phase sets random keys to values of about one size, until it has written
 * twice the bound. A key that is there gets a new value; where the bound would be
 * exceeded, random keys are evicted, so values of the phase before leave holes in
 * all places, too small for the new ones. Resident over live bytes is taken
 * eight times in the second half of each phase but the first.
 *
 *   live    the bound in bytes (64M)
 *   phases  (6)
 *   first   bytes of a value in the first phase, up to a quarter more (80)
 *   factor  in percent, from one phase's size to the next's (160)
 */
#include "work.h"

enum { SAMPLES = 8, KEY_BYTES_MIN = 12, KEY_BYTES_MAX = 40 };

struct entry {
	struct block key, value;
};

static struct entry *table;
static uint64_t places, live;
static struct tally *const tally = &workers[0].tally;

static void entry_evict(struct entry *entry)
{
	block_drop(tally, &entry->key);
	block_drop(tally, &entry->value);
}

static void make_room(uint64_t *random, uint64_t bytes)
{
	while ((uint64_t)tally->live_bytes + bytes > live)
		entry_evict(&table[measure_random_below(random, places)]);
}

static uint64_t entry_set(uint64_t *random, uint64_t size)
{
	struct entry *entry = &table[measure_random_below(random, places)];
	uint64_t bytes = size + measure_random_below(random, size / 4);
	uint64_t key_bytes = KEY_BYTES_MIN +
	                     measure_random_below(random, KEY_BYTES_MAX - KEY_BYTES_MIN);

	block_drop(tally, &entry->value);
	make_room(random, bytes + KEY_BYTES_MAX);
	if (!entry->key.base)
		entry->key = block_new(tally, key_bytes);
	entry->value = block_new(tally, bytes);
	return bytes;
}

static void phase_run(uint64_t *random, uint64_t size, int counts)
{
	uint64_t total = 2 * live, written = 0, next = live;

	while (written < total) {
		written += entry_set(random, size);
		if (counts && written >= next) {
			work_sample(tally->live_bytes);
			next += live / SAMPLES;
		}
	}
}

void values(void)
{
	uint64_t phases_count = measure_number("phases", 6);
	uint64_t size = measure_number("first", 80), factor_percent = measure_number("factor", 160);
	uint64_t random = 1, i;

	live = work_steps("live", 64 << 20);
	if (size < 4 || live < 1 << 20)
		measure_fail("first or live out of range");
	places = live / size;
	table = table_new(places, sizeof *table);
	for (i = 0; i < phases_count; i++, size = size * factor_percent / 100)
		phase_run(&random, size, i > 0);
	for (i = 0; i < places; i++)
		entry_evict(&table[i]);
	free(table);
}
