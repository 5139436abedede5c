/* SPDX-License-Identifier: MIT */
/* A block of a heap is freed as an object of a collector. */
/* expect: smal: smal_free: foreign pointer: 0xADDR is memory of a heap */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	begin_heap(0);
	begin();
	smal_free(thread, smal_heap_alloc(heap, 100));
	return 0;
}
