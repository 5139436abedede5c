/* SPDX-License-Identifier: MIT */
/* An object of a collector is freed as a block. */
/* expect: smal: smal_heap_free: foreign pointer: 0xADDR is an object of a collector */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	begin_heap(0);
	begin();
	smal_heap_free(heap, smal_alloc(thread, pair_type));
	return 0;
}
