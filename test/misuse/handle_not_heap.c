/* SPDX-License-Identifier: MIT */
/* What is compacted is no heap. */
/* expect: smal: smal_compact: not a heap of handles: 0xADDR */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	static char zeros[1000];

	smal_compact((void *)zeros, 0);
	return 0;
}
