/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's enters. */
/* expect: smal: smal_thread_enter: thread is not attached: 0xADDR is another thread's attachment */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	smal_thread_enter(thread);
}

int main(void)
{
	return team_run();
}
