/* SPDX-License-Identifier: MIT */
/* The hash function of a map allocates. */
/* expect: smal: smal_alloc: not allowed now: inside of libsmal: by a signal handler, a function of a map's, or between hold and release */
/* ends: abort */
#include "test/misuse/misuse.h"

static uintptr_t hash(const void *key, void *user)
{
	(void)user;
	smal_alloc(thread, pair_type);
	return (uintptr_t)key;
}

static int equal(const void *key, const void *wanted, void *user)
{
	(void)user;
	return key == wanted;
}

int main(void)
{
	begin();
	smal_map_get(thread, smal_map_create(thread, SMAL_MAP_STRONG, hash, equal, NULL), &gc);
	return 0;
}
