/* SPDX-License-Identifier: MIT */
/* What is behind the last slot of a buffer is freed. */
/* expect: smal: smal_heap_free: foreign pointer: 0xADDR is behind the last slot of a buffer */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	begin_heap(0);
	block = smal_heap_alloc(heap, 100);
	/* 585 slots of 112 bytes leave 16 of 64 KiB. */
	smal_heap_free(heap, block + 585 * 112);
	return 0;
}
