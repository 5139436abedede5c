/* SPDX-License-Identifier: MIT */
/* A block that was freed is said to be purgeable. */
/* expect: smal: smal_handle_set_purgeable: stale handle: handle 00000000:00000002, of a block
 * that was freed */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	smal_handle_free(heap, first);
	smal_handle_set_purgeable(heap, first, true);
	return 0;
}
