/* SPDX-License-Identifier: MIT */
/* A type of variable size is used after its end. */
/* expect: smal: smal_alloc_bytes: not a type: 0xADDR is a type that has ended */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_type_destroy(text_type));
	smal_alloc_bytes(thread, text_type, 100);
	return 0;
}
