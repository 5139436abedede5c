/* SPDX-License-Identifier: MIT */
/* A root callback detaches its thread. */
/* expect: smal: smal_thread_detach: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static void mark(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	smal_thread_detach(thread);
}

int main(void)
{
	begin();
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
