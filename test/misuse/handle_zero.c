/* SPDX-License-Identifier: MIT */
/* No handle is locked. */
/* expect: smal: smal_handle_lock: not a handle: handle 00000000:00000000, no entry of the table */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	smal_handle_lock(heap, 0);
	return 0;
}
