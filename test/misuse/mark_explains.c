/* SPDX-License-Identifier: MIT */
/* A root callback asks why an object lives. */
/* expect: smal: smal_retainers: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static void *object;

static void mark(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	smal_retainers(thread, object, NULL, 0);
}

int main(void)
{
	begin();
	object = smal_alloc(thread, pair_type);
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
