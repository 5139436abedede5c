/* SPDX-License-Identifier: MIT */
/* A block is allocated with a flag that there is not. */
/* expect: smal: smal_handle_alloc: unknown flags: 0xADDR */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	smal_handle_alloc(heap, 100, 0x40);
	return 0;
}
