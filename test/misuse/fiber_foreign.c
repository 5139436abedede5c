/* SPDX-License-Identifier: MIT */
/* A thread switches to a fiber of another collector. */
/* expect: smal: smal_fiber_switch: not a fiber of this collector: 0xADDR is another collector's
 * */
/* ends: abort */
#include "test/misuse/misuse.h"

static char stack[65536];
static struct smal_fiber *fiber;

int main(void)
{
	struct smal_gc *other;

	begin();
	expect_ok(smal_fiber_create(gc, stack, sizeof stack, &fiber));
	expect_ok(smal_gc_create(NULL, &other));
	expect_ok(smal_thread_attach(other, &thread));
	smal_fiber_switch(thread, fiber);
	return 0;
}
