/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's detaches the collecting thread. */
/* expect: smal: smal_thread_detach: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	smal_thread_detach(thread);
}

int main(void)
{
	return team_run();
}
