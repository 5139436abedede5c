/* SPDX-License-Identifier: MIT */
/* A thread switches to a fiber that is gone. */
/* expect: smal: smal_fiber_switch: not a fiber of this collector: 0xADDR is a fiber that has
 * ended */
/* ends: abort */
#include "test/misuse/misuse.h"

static char stack[65536];
static struct smal_fiber *fiber;

int main(void)
{
	begin();
	expect_ok(smal_fiber_create(gc, stack, sizeof stack, &fiber));
	expect_ok(smal_fiber_destroy(fiber));
	smal_fiber_switch(thread, fiber);
	return 0;
}
