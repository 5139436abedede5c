/* SPDX-License-Identifier: MIT */
/* A root is removed twice. */
/* expect: smal: smal_root_remove: no such root: 0xADDR is not a root's address */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	static void *slot;

	begin();
	expect_ok(smal_root_add(gc, &slot, "slot"));
	expect_ok(smal_root_remove(gc, &slot));
	smal_root_remove(gc, &slot);
	return 0;
}
