/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's adds a root. */
/* expect: smal: smal_root_add: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	static void *slot;

	smal_root_add(gc, &slot, NULL);
}

int main(void)
{
	return team_run();
}
