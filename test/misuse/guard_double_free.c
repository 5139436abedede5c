/* SPDX-License-Identifier: MIT */
/* A block of a guarded heap is freed twice. */
/* expect: smal: smal_heap_free: double free: 0xADDR is slot 0 of size class 128, which is free */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	void *block;

	begin_heap(SMAL_HEAP_GUARDED);
	block = smal_heap_alloc(heap, 100);
	smal_heap_free(heap, block);
	smal_heap_free(heap, block);
	return 0;
}
