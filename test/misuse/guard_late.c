/* SPDX-License-Identifier: MIT */
/* A free block of a guarded heap is written to; it leaves the queue. */
/* expect: smal: smal_heap_free: write after free: 0xADDR is a block of 128 bytes; byte 50 was
 * written */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(SMAL_HEAP_GUARDED);
	block = smal_heap_alloc(heap, 100);
	smal_heap_free(heap, block);
	poke(block + 50, 1);
	for (int i = 0; i < 2000; i++)
		smal_heap_free(heap, smal_heap_alloc(heap, 100));
	return 0;
}
