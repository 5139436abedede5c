/* SPDX-License-Identifier: MIT */
/* A range of roots ends before it begins. */
/* expect: smal: smal_root_add_range: a range ends before it begins: 0xADDR is the base, 0xADDR
 * the limit */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	static void *slots[4];

	begin();
	smal_root_add_range(gc, slots + 4, slots, "slots");
	return 0;
}
