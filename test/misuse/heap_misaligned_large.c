/* SPDX-License-Identifier: MIT */
/* A pointer that is no multiple of 16, into whole pages, is freed. */
/* expect: smal: smal_heap_free: misaligned pointer: 0xADDR is 1 bytes into a block of 102400 bytes
 */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 100000);
	smal_heap_free(heap, block + 1);
	return 0;
}
