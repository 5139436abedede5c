/* SPDX-License-Identifier: MIT */
/* A thread enters that has not left. */
/* expect: smal: smal_thread_enter: not allowed now: the thread has not left */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_thread_enter(thread);
	return 0;
}
