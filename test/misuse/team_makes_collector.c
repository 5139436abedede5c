/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's makes a collector. */
/* expect: smal: smal_gc_create: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	struct smal_gc *other;

	smal_gc_create(NULL, &other);
}

int main(void)
{
	return team_run();
}
