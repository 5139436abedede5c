/* SPDX-License-Identifier: MIT */
/* A block of a guarded heap is overrun by one byte. */
/* expect: smal: smal_heap_free: overrun: 0xADDR is a block of 100 bytes; byte 100 was written */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(SMAL_HEAP_GUARDED);
	block = smal_heap_alloc(heap, 100);
	poke(block + 100, 1);
	smal_heap_free(heap, block);
	return 0;
}
