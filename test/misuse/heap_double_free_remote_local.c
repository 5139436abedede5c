/* SPDX-License-Identifier: MIT */
/* A block is freed by another thread, then by the one that has its buffer. */
/* expect: smal: smal_heap_free: double free: 0xADDR is slot 0 of size class 112, which is free */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	void *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 100);
	in_other_thread(other_frees, block);
	smal_heap_free(heap, block);
	return 0;
}
