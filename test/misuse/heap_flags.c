/* SPDX-License-Identifier: MIT */
/* A heap is made with a flag that there is not. */
/* expect: smal: smal_heap_create: unknown flags: 0xADDR */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	struct smal_heap_options options = { .flags = SMAL_HEAP_GUARDED | 0x40 };

	smal_heap_create(&options, &heap);
	return 0;
}
