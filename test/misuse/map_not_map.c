/* SPDX-License-Identifier: MIT */
/* An object is used as a map that is none. */
/* expect: smal: smal_map_put: not a map of this collector: 0xADDR is pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_map_put(thread, smal_alloc(thread, pair_type), &gc, &gc);
	return 0;
}
