/* SPDX-License-Identifier: MIT */
/* A root callback makes a weak reference. */
/* expect: smal: smal_weak_create: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static void mark(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	smal_weak_create(thread, NULL, 0);
}

int main(void)
{
	begin();
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
