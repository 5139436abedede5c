/* SPDX-License-Identifier: MIT */
/* A thread switches to its own stack, on which it runs. */
/* expect: smal: smal_fiber_switch: fiber is current already: 0xADDR is this thread's */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_fiber_switch(thread, NULL);
	return 0;
}
