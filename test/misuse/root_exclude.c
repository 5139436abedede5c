/* SPDX-License-Identifier: MIT */
/* What is taken out of static data ends before it begins. */
/* expect: smal: smal_root_exclude: a range ends before it begins: 0xADDR is the base, 0xADDR the
 * limit */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	static char data[2];

	begin();
	smal_root_exclude(gc, data + 1, data);
	return 0;
}
