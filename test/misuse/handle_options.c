/* SPDX-License-Identifier: MIT */
/* A heap is made with options that are larger than they can be. */
/* expect: smal: smal_handle_heap_create: options_bytes is larger than the library knows:
 * 0xADDR is 1000 */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	struct smal_handle_options options = { .options_bytes = 1000 };

	smal_handle_heap_create(&options, &heap);
	return 0;
}
