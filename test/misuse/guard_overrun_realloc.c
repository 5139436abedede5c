/* SPDX-License-Identifier: MIT */
/* A block of a guarded heap that is overrun is made longer. */
/* expect: smal: smal_heap_realloc: overrun: 0xADDR is a block of 100 bytes; byte 104 was written */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(SMAL_HEAP_GUARDED);
	block = smal_heap_alloc(heap, 100);
	poke(block + 104, 1);
	smal_heap_realloc(heap, block, 200);
	return 0;
}
