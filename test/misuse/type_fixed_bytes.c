/* SPDX-License-Identifier: MIT */
/* A type of fixed size is used as one of variable size. */
/* expect: smal: smal_alloc_bytes: type has a fixed size: 0xADDR is type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_alloc_bytes(thread, pair_type, 16);
	return 0;
}
