/* SPDX-License-Identifier: MIT */
/* A root is no variable. */
/* expect: smal: smal_root_add: NULL argument */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_root_add(gc, NULL, "nothing");
	return 0;
}
