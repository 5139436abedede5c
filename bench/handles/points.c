/* SPDX-License-Identifier: MIT */
/*
 * points.c: the room that is left within a budget, taken a hundred times in a trace.
 *
 * The budget is of memory: no more than that may be resident (for handles: may be
 * in blocks). What malloc could still hand out within it, as one block, it does not
 * say; but no more than the budget less what is resident, whatever it has in its
 * lists, unless a list holds a block of that size. Handles are given that figure too,
 * table and all, beside the longest block that is really there.
 */
#include "replay.h"

#include <stdio.h>

enum { KINDS = 3 };

static const char *const kinds[KINDS] = { "resident_room", "before", "after" };

static uint64_t budget;
static double now[KINDS], sums[KINDS], least[KINDS];
static unsigned points;
static FILE *out;

void points_open(uint64_t budget_bytes)
{
	const char *path = measure_word("points", NULL);

	budget = budget_bytes;
	if (path && !(out = fopen(path, "w")))
		measure_fail("the file of points cannot be written");
	if (out) {
		static char buffer[1 << 16];

		setvbuf(out, buffer, _IOFBF, sizeof buffer);
		fprintf(out, "percent live resident_room before after\n");
	}
}

/* Large blocks, which are not in the heap, and its holes may together be more than the
 * budget; it leaves no more for that. */
static double share(double bytes, uint64_t live_bytes)
{
	double percent = 100 * bytes / (double)(budget - live_bytes);

	return bytes < 0 ? -1 : percent < 100 ? percent : 100;
}

void points_before(uint64_t live_bytes)
{
	now[1] = share(shim_allocatable(budget), live_bytes);
}

void points_after(unsigned percent, uint64_t live_bytes, uint64_t resident)
{
	unsigned i;

	now[0] = share(budget > resident ? (double)(budget - resident) : 0, live_bytes);
	now[2] = share(shim_allocatable(budget), live_bytes);
	for (i = 0; i < KINDS; i++) {
		sums[i] += now[i];
		if (points == 0 || now[i] < least[i])
			least[i] = now[i];
	}
	points++;
	if (out)
		fprintf(out, "%u %llu %.2f %.2f %.2f\n", percent, (unsigned long long)live_bytes,
		        now[0], now[1], now[2]);
}

void points_report(void)
{
	char name[64];
	unsigned i;

	for (i = 0; i < KINDS; i++) {
		if (least[i] < 0)
			continue;
		snprintf(name, sizeof name, "%s_mean", kinds[i]);
		measure_line(name, sums[i] / points, "percent");
		snprintf(name, sizeof name, "%s_least", kinds[i]);
		measure_line(name, least[i], "percent");
	}
	if (out && fclose(out))
		measure_fail("the file of points cannot be written");
}
