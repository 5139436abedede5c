/* SPDX-License-Identifier: MIT */
/* An address of nothing is freed. */
/* expect: smal: smal_heap_free: foreign pointer: 0xADDR is in no heap */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	begin_heap(0);
	smal_heap_free(heap, (void *)(uintptr_t)0x5a5a5a50);
	return 0;
}
