/* SPDX-License-Identifier: MIT */
/* A root callback makes a collector. */
/* expect: smal: smal_gc_create: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static void mark(struct smal_marker *marker, void *user)
{
	struct smal_gc *other;

	(void)marker;
	(void)user;
	smal_gc_create(NULL, &other);
}

int main(void)
{
	begin();
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
