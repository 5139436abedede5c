/* SPDX-License-Identifier: MIT */
/* A thread allocates while it holds collections off. */
/* expect: smal: smal_alloc: not allowed now: inside of libsmal: by a signal handler, a
 * function of a map's, or between hold and release */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_thread_hold(thread));
	smal_alloc(thread, pair_type);
	return 0;
}
