/* SPDX-License-Identifier: MIT */
/* A block of another heap is freed. */
/* expect: smal: smal_heap_free: block of another heap: 0xADDR is slot 0 of size class 112 */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	begin_heap(0);
	smal_heap_free(heap, smal_heap_alloc(NULL, 100));
	return 0;
}
