/* SPDX-License-Identifier: MIT */
/* A heap in a buffer is used when it has ended. */
/* expect: smal: smal_handle_lock: not a heap of handles: 0xADDR is one that has ended */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	static char buffer[8192];
	struct smal_handle_options options = { .buffer = buffer, .buffer_bytes = sizeof buffer };

	expect_ok(smal_handle_heap_create(&options, &heap));
	first = smal_handle_alloc(heap, 100, 0);
	expect_ok(smal_handle_heap_destroy(heap));
	smal_handle_lock(heap, first);
	return 0;
}
