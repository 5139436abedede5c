/* SPDX-License-Identifier: MIT */
/* A write after free is found because SMAL_OPTIONS says check=1. */
/* expect: smal: smal_heap_check: write after free: 0xADDR is a block of 32 bytes; byte 5 was
 * written */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	char *block;

	setenv("SMAL_OPTIONS", "check=1", 1);
	block = smal_heap_alloc(NULL, 10);
	smal_heap_free(NULL, block);
	poke(block + 5, 1);
	smal_heap_check(NULL);
	return 0;
}
