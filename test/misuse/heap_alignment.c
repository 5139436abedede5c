/* SPDX-License-Identifier: MIT */
/* A block is asked for at a multiple of 24. */
/* expect: smal: smal_heap_alloc_aligned: alignment is no power of two: 24 */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	begin_heap(0);
	smal_heap_alloc_aligned(heap, 24, 100);
	return 0;
}
