/* SPDX-License-Identifier: MIT */
/* A pointer into a free block is freed. */
/* expect: smal: smal_heap_free: interior pointer: 0xADDR is 32 bytes into slot 0 of size class
 * 112, which is free */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 100);
	smal_heap_free(heap, block);
	smal_heap_free(heap, block + 32);
	return 0;
}
