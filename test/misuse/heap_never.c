/* SPDX-License-Identifier: MIT */
/* A slot that has never been a block is freed. */
/* expect: smal: smal_heap_free: double free: 0xADDR is slot 100 of size class 112, which is free */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 100);
	smal_heap_free(heap, block + 100 * 112);
	return 0;
}
