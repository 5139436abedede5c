/* SPDX-License-Identifier: MIT */
/* Whole pages of a guarded heap are overrun by one byte. */
/* expect: smal: smal_heap_free: overrun: 0xADDR is a block of 100000 bytes; byte 100000 was
 * written */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(SMAL_HEAP_GUARDED);
	block = smal_heap_alloc(heap, 100000);
	poke(block + 100000, 1);
	smal_heap_free(heap, block);
	return 0;
}
