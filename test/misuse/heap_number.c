/* SPDX-License-Identifier: MIT */
/* A small number is freed. */
/* expect: smal: smal_heap_free: foreign pointer: 0xADDR is no address of memory */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	begin_heap(0);
	smal_heap_free(heap, (void *)(uintptr_t)16);
	return 0;
}
