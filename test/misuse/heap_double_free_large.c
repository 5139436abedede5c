/* SPDX-License-Identifier: MIT */
/* A large block is freed twice; its memory is the library's again. */
/* expect: smal: smal_heap_free: foreign pointer: 0xADDR is memory of the library in which no block
 * is */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	void *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 10000000);
	smal_heap_free(heap, block);
	smal_heap_free(heap, block);
	return 0;
}
