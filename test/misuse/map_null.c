/* SPDX-License-Identifier: MIT */
/* No map is used. */
/* expect: smal: smal_map_get: not a map of this collector: no live object */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_map_get(thread, NULL, &gc);
	return 0;
}
