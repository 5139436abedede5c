/* SPDX-License-Identifier: MIT */
/* A variable on the stack is freed. */
/* expect: smal: smal_heap_free: foreign pointer: 0xADDR is on the stack of this thread */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	long local = 0;

	begin_heap(0);
	smal_heap_free(heap, &local);
	return 0;
}
