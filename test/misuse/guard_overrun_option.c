/* SPDX-License-Identifier: MIT */
/* An overrun is found because SMAL_OPTIONS says check=1. */
/* expect: smal: smal_heap_free: overrun: 0xADDR is a block of 10 bytes; byte 10 was written */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	setenv("SMAL_OPTIONS", "check=1", 1);
	block = smal_heap_alloc(NULL, 10);
	poke(block + 10, 1);
	smal_heap_free(NULL, block);
	return 0;
}
