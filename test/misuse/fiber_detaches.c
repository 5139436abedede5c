/* SPDX-License-Identifier: MIT */
/* A thread is detached on a fiber. */
/* expect: smal: smal_thread_detach: not allowed now: the thread runs on a fiber */
/* ends: abort */
#include "test/misuse/misuse.h"

static char stack[65536];
static struct smal_fiber *fiber;

int main(void)
{
	begin();
	expect_ok(smal_fiber_create(gc, stack, sizeof stack, &fiber));
	expect_ok(smal_fiber_switch(thread, fiber));
	smal_thread_detach(thread);
	return 0;
}
