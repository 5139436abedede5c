/* SPDX-License-Identifier: MIT */
/* A map of another collector is used. */
/* expect: smal: smal_map_get: not a map of this collector: 0xADDR is map */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_gc *other;
	struct smal_map *map;

	begin();
	map = smal_map_create(thread, SMAL_MAP_STRONG, NULL, NULL, NULL);
	expect_ok(smal_gc_create(NULL, &other));
	expect_ok(smal_thread_attach(other, &thread));
	smal_map_get(thread, map, &map);
	return 0;
}
