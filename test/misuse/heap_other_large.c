/* SPDX-License-Identifier: MIT */
/* Whole pages of another heap are freed. */
/* expect: smal: smal_heap_free: block of another heap: 0xADDR is a block of 102400 bytes */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	begin_heap(0);
	smal_heap_free(heap, smal_heap_alloc(NULL, 100000));
	return 0;
}
