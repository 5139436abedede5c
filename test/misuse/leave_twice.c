/* SPDX-License-Identifier: MIT */
/* A thread leaves twice. */
/* expect: smal: smal_thread_leave: not allowed now: the thread has left */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_thread_leave(thread));
	smal_thread_leave(thread);
	return 0;
}
