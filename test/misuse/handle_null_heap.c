/* SPDX-License-Identifier: MIT */
/* There is no heap. */
/* expect: smal: smal_handle_alloc: not a heap of handles */
/* ends: abort */
#include "test/misuse/handle.h"

int main(void)
{
	smal_handle_alloc(NULL, 100, 0);
	return 0;
}
