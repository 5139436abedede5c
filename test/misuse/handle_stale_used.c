/* SPDX-License-Identifier: MIT */
/* A handle is used when its place in the table is another block's. */
/* expect: smal: smal_handle_free: stale handle: handle 00000000:00000002, another block's by now */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	smal_handle_free(heap, first);
	smal_handle_alloc(heap, 100, 0);
	smal_handle_free(heap, first);
	return 0;
}
