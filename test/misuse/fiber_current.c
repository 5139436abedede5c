/* SPDX-License-Identifier: MIT */
/* A thread switches to the fiber that it runs on. */
/* expect: smal: smal_fiber_switch: fiber is current already: 0xADDR is this thread's */
/* ends: abort */
#include "test/misuse/misuse.h"

static char stack[65536];
static struct smal_fiber *fiber;

int main(void)
{
	begin();
	expect_ok(smal_fiber_create(gc, stack, sizeof stack, &fiber));
	expect_ok(smal_fiber_switch(thread, fiber));
	smal_fiber_switch(thread, fiber);
	return 0;
}
