/* SPDX-License-Identifier: MIT */
/* A heap is made in a buffer that is not there. */
/* expect: smal: smal_handle_heap_create: buffer_bytes without a buffer: 0xADDR */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	struct smal_handle_options options = { .buffer_bytes = 8192 };

	smal_handle_heap_create(&options, &heap);
	return 0;
}
