/* SPDX-License-Identifier: MIT */
/* A root callback looks into a map. */
/* expect: smal: smal_map_get: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static struct smal_map *map;

static void mark(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	smal_map_get(thread, map, &map);
}

int main(void)
{
	begin();
	map = smal_map_create(thread, SMAL_MAP_STRONG, NULL, NULL, NULL);
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
