/* SPDX-License-Identifier: MIT */
/*
 * phases.c: a program whose sizes change: fill memory with blocks of one size,
 * free them, fill it with the next.
 *
 * With keep=K every Kth block of a phase survives, until its size has its turn
 * again; what lives then is spread over all the memory there was, and resident
 * over live bytes at the end of each phase of the last cycle is a figure.
 *
 *   bytes   that a phase fills (32M)
 *   cycles  of all sizes (2)
 *   keep    0, or that every so many blocks one is kept (0)
 */
#include "work.h"

enum { SIZES = 10 };

static const uint32_t sizes[SIZES] = { 32, 48, 96, 160, 384, 640, 1536, 5000, 12288, 40000 };

struct phase {
	struct block *table;
	uint64_t count;
};

static struct phase kept[SIZES];
static uint64_t bytes, keep;

static void phase_drop(struct phase *phase)
{
	uint64_t i;

	for (i = 0; i < phase->count; i++)
		block_drop(&workers[0].tally, &phase->table[i]);
	free(phase->table);
	*phase = (struct phase){ 0 };
}

static void phase_run(struct phase *phase, uint32_t size)
{
	uint64_t count = bytes / size, i;
	struct block *table = table_new(count, sizeof *table);

	phase_drop(phase);
	for (i = 0; i < count; i++)
		table[i] = block_new(&workers[0].tally, size);
	if (keep) {
		phase->count = count / keep;
		phase->table = table_new(phase->count + 1, sizeof *table);
	}
	for (i = 0; i < count; i++) {
		if (keep && i % keep == 0 && i / keep < phase->count)
			phase->table[i / keep] = table[i];
		else
			block_drop(&workers[0].tally, &table[i]);
	}
	free(table);
}

void phases(void)
{
	uint64_t cycles = work_steps("cycles", 2), cycle;
	int i;

	bytes = work_steps("bytes", 32 << 20);
	keep = measure_number("keep", 0);
	if (bytes < 1 << 20)
		bytes = 1 << 20;
	for (cycle = 0; cycle < cycles; cycle++)
		for (i = 0; i < SIZES; i++) {
			phase_run(&kept[i], sizes[i]);
			if (keep && cycle == cycles - 1)
				work_sample(work_live_bytes());
		}
	for (i = 0; i < SIZES; i++)
		phase_drop(&kept[i]);
}
