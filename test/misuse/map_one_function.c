/* SPDX-License-Identifier: MIT */
/* A map is made with one function alone. */
/* expect: smal: smal_map_create: only one function is given: hash without equal */
/* ends: abort */
#include "test/misuse/misuse.h"

static uintptr_t hash(const void *key, void *user)
{
	(void)user;
	return (uintptr_t)key;
}

int main(void)
{
	begin();
	smal_map_create(thread, SMAL_MAP_STRONG, hash, NULL, NULL);
	return 0;
}
