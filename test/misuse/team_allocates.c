/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's allocates. */
/* expect: smal: smal_alloc: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	smal_alloc(thread, team_type);
}

int main(void)
{
	return team_run();
}
