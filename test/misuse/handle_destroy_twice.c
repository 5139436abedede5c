/* SPDX-License-Identifier: MIT */
/* A heap in a buffer is ended twice. */
/* expect: smal: smal_handle_heap_destroy: not a heap of handles: 0xADDR is one that has ended */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	static char buffer[8192];
	struct smal_handle_options options = { .buffer = buffer, .buffer_bytes = sizeof buffer };

	expect_ok(smal_handle_heap_create(&options, &heap));
	expect_ok(smal_handle_heap_destroy(heap));
	smal_handle_heap_destroy(heap);
	return 0;
}
