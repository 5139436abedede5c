/* SPDX-License-Identifier: MIT */
/* NULL is put into a map. */
/* expect: smal: smal_map_put: NULL argument: the key */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_map *map;

	begin();
	map = smal_map_create(thread, SMAL_MAP_STRONG, NULL, NULL, NULL);
	smal_map_put(thread, map, NULL, &map);
	return 0;
}
