/* SPDX-License-Identifier: MIT */
/* A type is ended while there are objects of it. */
/* expect: smal: smal_type_destroy: objects are left: 0xADDR is type pair with 1 objects */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	static void *kept;

	begin();
	kept = smal_alloc(thread, pair_type);
	smal_type_destroy(smal_type_of(kept));
	return 0;
}
