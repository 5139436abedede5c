/* SPDX-License-Identifier: MIT */
/* A thread that has left collects. */
/* expect: smal: smal_collect: not allowed now: the thread has left */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_thread_leave(thread));
	smal_collect(thread);
	return 0;
}
