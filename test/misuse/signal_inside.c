/* SPDX-License-Identifier: MIT */
/* A signal handler that interrupts libsmal collects. */
/* expect: smal: smal_collect: not allowed now: inside of libsmal: by a signal handler, a function of a map's, or between hold and release */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <signal.h>

static void collect(int number)
{
	(void)number;
	smal_collect(thread);
}

/* The map calls it in the midst of its work. */
static uintptr_t hash(const void *key, void *user)
{
	(void)user;
	raise(SIGUSR1);
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
	signal(SIGUSR1, collect);
	smal_map_get(thread, smal_map_create(thread, SMAL_MAP_STRONG, hash, equal, NULL), &gc);
	return 0;
}
