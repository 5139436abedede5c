/* SPDX-License-Identifier: MIT */
/* A free block of a guarded heap is written to; a check finds it. */
/* expect: smal: smal_heap_check: write after free: 0xADDR is a block of 128 bytes; byte 0 was
 * written */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(SMAL_HEAP_GUARDED);
	block = smal_heap_alloc(heap, 100);
	smal_heap_free(heap, block);
	poke(block, 1);
	smal_heap_check(heap);
	return 0;
}
