/* SPDX-License-Identifier: MIT */
/* A type is used after its end. */
/* expect: smal: smal_alloc: not a type: 0xADDR is a type that has ended */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	expect_ok(smal_type_destroy(pair_type));
	smal_alloc(thread, pair_type);
	return 0;
}
