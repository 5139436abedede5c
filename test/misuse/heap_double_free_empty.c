/* SPDX-License-Identifier: MIT */
/* A block of no bytes is freed twice. */
/* expect: smal: smal_heap_free: double free: 0xADDR is an empty block that is free */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	void *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 0);
	smal_heap_free(heap, block);
	smal_heap_free(heap, block);
	return 0;
}
