/* SPDX-License-Identifier: MIT */
/* What is no heap is destroyed. */
/* expect: smal: smal_heap_destroy: not a heap: 0xADDR */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	static long words[8];

	smal_heap_destroy((void *)words);
	return 0;
}
