/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's collects. */
/* expect: smal: smal_collect: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	smal_collect(thread);
}

int main(void)
{
	return team_run();
}
