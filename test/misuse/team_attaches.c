/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's attaches the thread. */
/* expect: smal: smal_thread_attach: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	struct smal_thread *helper;

	smal_thread_attach(gc, &helper);
}

int main(void)
{
	return team_run();
}
