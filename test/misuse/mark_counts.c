/* SPDX-License-Identifier: MIT */
/* A root callback asks for counts. */
/* expect: smal: smal_gc_get_stats: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static void mark(struct smal_marker *marker, void *user)
{
	struct smal_gc_stats stats;

	(void)marker;
	(void)user;
	smal_gc_get_stats(gc, &stats);
}

int main(void)
{
	begin();
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
