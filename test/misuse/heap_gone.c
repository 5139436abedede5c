/* SPDX-License-Identifier: MIT */
/* A heap is destroyed twice. */
/* expect: smal: smal_heap_destroy: not a heap: 0xADDR is a heap that has ended */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	begin_heap(0);
	smal_heap_destroy(heap);
	smal_heap_destroy(heap);
	return 0;
}
