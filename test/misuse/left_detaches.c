/* SPDX-License-Identifier: MIT */
/* A thread that has left is detached. */
/* expect: smal: smal_thread_detach: not allowed now: the thread has left */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_thread_leave(thread));
	smal_thread_detach(thread);
	return 0;
}
