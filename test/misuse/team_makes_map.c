/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's makes a map. */
/* expect: smal: smal_map_create: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	smal_map_create(thread, SMAL_MAP_STRONG, NULL, NULL, NULL);
}

int main(void)
{
	return team_run();
}
