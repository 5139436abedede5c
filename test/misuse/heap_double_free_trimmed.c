/* SPDX-License-Identifier: MIT */
/* A block is freed again after a trim has taken its memory. */
/* expect: smal: smal_heap_free: foreign pointer: 0xADDR is memory of the library in which no block
 * is */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	void *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 100);
	smal_heap_free(heap, block);
	smal_heap_trim(heap);
	smal_heap_free(heap, block);
	return 0;
}
