/* SPDX-License-Identifier: MIT */
/* A block is freed twice. */
/* expect: smal: smal_heap_free: double free: 0xADDR is slot 0 of size class 112, which is free */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	void *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 100);
	smal_heap_free(heap, block);
	smal_heap_free(heap, block);
	return 0;
}
