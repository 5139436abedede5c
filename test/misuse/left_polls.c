/* SPDX-License-Identifier: MIT */
/* A thread that has left polls. */
/* expect: smal: smal_poll: not allowed now: the thread has left */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_thread_leave(thread));
	smal_poll(thread);
	return 0;
}
