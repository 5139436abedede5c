/* SPDX-License-Identifier: MIT */
/* A block is freed again after a thousand others. */
/* expect: smal: smal_heap_free: double free: 0xADDR is slot 0 of size class 112, which is free */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	void *block, *others[1000];

	begin_heap(0);
	block = smal_heap_alloc(heap, 100);
	for (int i = 0; i < 1000; i++)
		others[i] = smal_heap_alloc(heap, 100);
	smal_heap_free(heap, block);
	for (int i = 0; i < 1000; i++)
		smal_heap_free(heap, others[i]);
	smal_heap_free(heap, block);
	return 0;
}
