/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's frees. */
/* expect: smal: smal_free: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	smal_free(thread, thread);
}

int main(void)
{
	return team_run();
}
