/* SPDX-License-Identifier: MIT */
/* A block is unlocked once more than it was locked. */
/* expect: smal: smal_handle_unlock: block is not locked: handle 00000000:00000002 */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	smal_handle_lock(heap, first);
	expect_ok(smal_handle_unlock(heap, first));
	smal_handle_unlock(heap, first);
	return 0;
}
