/* SPDX-License-Identifier: MIT */
/* A pointer that is no multiple of 16 is freed. */
/* expect: smal: smal_heap_free: misaligned pointer: 0xADDR is 8 bytes into slot 0 of size class
 * 112, which is in use */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 100);
	smal_heap_free(heap, block + 8);
	return 0;
}
