/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's ends the collector. */
/* expect: smal: smal_gc_destroy: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	smal_gc_destroy(gc);
}

int main(void)
{
	return team_run();
}
