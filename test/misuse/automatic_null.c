/* SPDX-License-Identifier: MIT */
/* Allocation of no collector is to collect. */
/* expect: smal: smal_gc_set_automatic: not a collector */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_gc_set_automatic(NULL, 1);
	return 0;
}
