/* SPDX-License-Identifier: MIT */
/* A static variable is freed. */
/* expect: smal: smal_heap_free: foreign pointer: 0xADDR is in no heap */
/* ends: abort */
#include "test/misuse/heap.h"

static long variable;

int main(void)
{
	begin_heap(0);
	smal_heap_free(heap, &variable);
	return 0;
}
