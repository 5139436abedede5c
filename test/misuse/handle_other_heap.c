/* SPDX-License-Identifier: MIT */
/* A block is freed in another heap. */
/* expect: smal: smal_handle_free: handle of another heap: handle 00000000:00000002, none of
 * this one's */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	expect_ok(smal_handle_heap_create(NULL, &heap));
	smal_handle_alloc(heap, 100, 0);
	smal_handle_free(heap, first);
	return 0;
}
