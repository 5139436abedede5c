/* SPDX-License-Identifier: MIT */
/* A block that has vanished is resized. */
/* expect: smal: smal_handle_resize: block was purged: handle 00000000:00000003 */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	begin_handles();
	smal_handle_purge(heap);
	smal_handle_resize(heap, second, 10);
	return 0;
}
