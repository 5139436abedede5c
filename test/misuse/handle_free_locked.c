/* SPDX-License-Identifier: MIT */
/* A block is freed while it is locked, twice. */
/* expect: smal: smal_handle_free: block is locked: handle 00000000:00000002, locked 2 times */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	smal_handle_lock(heap, first);
	smal_handle_lock(heap, first);
	smal_handle_free(heap, first);
	return 0;
}
