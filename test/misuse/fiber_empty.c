/* SPDX-License-Identifier: MIT */
/* A fiber is made of a stack of no bytes. */
/* expect: smal: smal_fiber_create: not a stack: 0xADDR is the base of 0 bytes */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	static char stack[16];
	struct smal_fiber *fiber;

	begin();
	smal_fiber_create(gc, stack, 0, &fiber);
	return 0;
}
