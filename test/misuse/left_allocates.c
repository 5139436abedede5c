/* SPDX-License-Identifier: MIT */
/* A thread that has left allocates. */
/* expect: smal: smal_alloc: not allowed now: the thread has left */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_thread_leave(thread));
	smal_alloc(thread, pair_type);
	return 0;
}
