/* SPDX-License-Identifier: MIT */
/* An overrun of a block in use is found by a check. */
/* expect: smal: smal_heap_check: overrun: 0xADDR is a block of 100 bytes; byte 100 was written */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(SMAL_HEAP_GUARDED);
	block = smal_heap_alloc(heap, 100);
	poke(block + 100, 1);
	smal_heap_check(heap);
	return 0;
}
