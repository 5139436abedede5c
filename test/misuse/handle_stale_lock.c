/* SPDX-License-Identifier: MIT */
/* A block that was freed is locked. */
/* expect: smal: smal_handle_lock: stale handle: handle 00000000:00000002, of a block that was
 * freed */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	smal_handle_free(heap, first);
	smal_handle_lock(heap, first);
	return 0;
}
