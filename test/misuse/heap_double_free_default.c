/* SPDX-License-Identifier: MIT */
/* A block of the default heap is freed twice. */
/* expect: smal: smal_heap_free: double free: 0xADDR is slot 0 of size class 112, which is free */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	void *block;

	block = smal_heap_alloc(NULL, 100);
	smal_heap_free(NULL, block);
	smal_heap_free(NULL, block);
	return 0;
}
