/* SPDX-License-Identifier: MIT */
/* A pointer into a block is made longer. */
/* expect: smal: smal_heap_realloc: interior pointer: 0xADDR is 16 bytes into slot 0 of size class
 * 112, which is in use */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 100);
	smal_heap_realloc(heap, block + 16, 200);
	return 0;
}
