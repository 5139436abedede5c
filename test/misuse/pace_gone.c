/* SPDX-License-Identifier: MIT */
/* The soft limit of a collector is set that is none. */
/* expect: smal: smal_gc_set_soft_limit: not a collector: 0xADDR */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_gc_set_soft_limit((struct smal_gc *)thread, 100);
	return 0;
}
