/* SPDX-License-Identifier: MIT */
/* A block is locked 256 times. */
/* expect: smal: smal_handle_lock: too many locks: handle 00000000:00000002, locked 255 times */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	for (int i = 0; i < 256; i++)
		smal_handle_lock(heap, first);
	return 0;
}
