/* SPDX-License-Identifier: MIT */
/* A pointer into a block of whole pages is freed. */
/* expect: smal: smal_heap_free: interior pointer: 0xADDR is 65536 bytes into a block of 102400
 * bytes */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 100000);
	smal_heap_free(heap, block + 65536);
	return 0;
}
