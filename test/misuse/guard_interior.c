/* SPDX-License-Identifier: MIT */
/* A pointer into a block of a guarded heap is freed. */
/* expect: smal: smal_heap_free: interior pointer: 0xADDR is 16 bytes into slot 0 of size class
 * 128, which is in use */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(SMAL_HEAP_GUARDED);
	block = smal_heap_alloc(heap, 100);
	smal_heap_free(heap, block + 16);
	return 0;
}
