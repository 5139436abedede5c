/* SPDX-License-Identifier: MIT */
/* What is no handle at all is locked. */
/* expect: smal: smal_handle_lock: not a handle: handle 00000000:0001e240, no entry of the table */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	smal_handle_lock(heap, 123456);
	return 0;
}
