/* SPDX-License-Identifier: MIT */
/* A block is freed twice by a thread that does not have its buffer. */
/* expect: smal: smal_heap_free: double free: 0xADDR is slot 0 of size class 112, which is free */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	void *block;

	begin_heap(0);
	in_other_thread(other_allocates, &block);
	smal_heap_free(heap, block);
	smal_heap_free(heap, block);
	return 0;
}
