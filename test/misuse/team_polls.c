/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's polls. */
/* expect: smal: smal_poll: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	smal_poll(thread);
}

int main(void)
{
	return team_run();
}
