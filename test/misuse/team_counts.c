/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's asks for counts. */
/* expect: smal: smal_gc_get_stats: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	struct smal_gc_stats stats;

	smal_gc_get_stats(gc, &stats);
}

int main(void)
{
	return team_run();
}
