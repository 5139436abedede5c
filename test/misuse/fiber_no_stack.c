/* SPDX-License-Identifier: MIT */
/* A fiber is made of no memory. */
/* expect: smal: smal_fiber_create: not a stack: the base of 65536 bytes */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_fiber *fiber;

	begin();
	smal_fiber_create(gc, NULL, 65536, &fiber);
	return 0;
}
