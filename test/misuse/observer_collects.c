/* SPDX-License-Identifier: MIT */
/* An observer collects. */
/* expect: smal: smal_collect: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static void observe(const struct smal_collection *collection, void *user)
{
	(void)collection;
	(void)user;
	smal_collect(thread);
}

int main(void)
{
	begin();
	smal_gc_set_observer(gc, observe, NULL);
	smal_collect(thread);
	return 0;
}
