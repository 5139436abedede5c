/* SPDX-License-Identifier: MIT */
/* A heap in a buffer is given a limit. */
/* expect: smal: smal_handle_heap_create: limit_bytes is for the system's memory: 0xADDR */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	static char buffer[8192];
	struct smal_handle_options options = { .buffer = buffer,
		                               .buffer_bytes = sizeof buffer,
		                               .limit_bytes = 4096 };

	smal_handle_heap_create(&options, &heap);
	return 0;
}
