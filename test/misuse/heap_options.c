/* SPDX-License-Identifier: MIT */
/* A heap is made with options of a strange size. */
/* expect: smal: smal_heap_create: options_bytes is wrong: 1000000 */
/* ends: abort */
#include "test/misuse/heap.h"

int main(void)
{
	struct smal_heap_options options = { .options_bytes = 1000000 };

	smal_heap_create(&options, &heap);
	return 0;
}
