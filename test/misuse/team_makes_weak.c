/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's makes a weak reference. */
/* expect: smal: smal_weak_create: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	smal_weak_create(thread, thread, 0);
}

int main(void)
{
	return team_run();
}
