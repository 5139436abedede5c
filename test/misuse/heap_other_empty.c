/* SPDX-License-Identifier: MIT */
/* A block of no bytes of another heap is freed. */
/* expect: smal: smal_heap_free: block of another heap: 0xADDR is an empty block */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	begin_heap(0);
	smal_heap_free(heap, smal_heap_alloc(NULL, 0));
	return 0;
}
