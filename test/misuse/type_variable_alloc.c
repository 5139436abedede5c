/* SPDX-License-Identifier: MIT */
/* A type of variable size is used as one of fixed size. */
/* expect: smal: smal_alloc: type has no fixed size: 0xADDR is type text */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_alloc(thread, text_type);
	return 0;
}
