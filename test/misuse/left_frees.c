/* SPDX-License-Identifier: MIT */
/* A thread that has left gives an object back. */
/* expect: smal: smal_free: not allowed now: the thread has left */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	void *object;

	begin();
	object = smal_alloc(thread, pair_type);
	expect_ok(smal_thread_leave(thread));
	smal_free(thread, object);
	return 0;
}
