/* SPDX-License-Identifier: MIT */
/* A thread holds collections off twice. */
/* expect: smal: smal_thread_hold: not allowed now: inside of libsmal: by a signal handler, a function of a map's, or between hold and release */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_thread_hold(thread));
	smal_thread_hold(thread);
	return 0;
}
