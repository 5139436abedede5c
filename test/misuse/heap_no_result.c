/* SPDX-License-Identifier: MIT */
/* A heap is made, and nobody wants it. */
/* expect: smal: smal_heap_create: NULL argument */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	smal_heap_create(NULL, NULL);
	return 0;
}
