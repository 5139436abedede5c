/* SPDX-License-Identifier: MIT */
/* A thread that has left names the variable of its stack. */
/* expect: smal: smal_thread_follow: not allowed now: the thread has left */
/* ends: abort */
#include "test/misuse/misuse.h"

static const void *volatile limit;

int main(void)
{
	begin();
	expect_ok(smal_thread_leave(thread));
	smal_thread_follow(thread, &limit);
	return 0;
}
