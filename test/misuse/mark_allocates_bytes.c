/* SPDX-License-Identifier: MIT */
/* A root callback allocates an object of variable size. */
/* expect: smal: smal_alloc_bytes: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static void mark(struct smal_marker *marker, void *user)
{
	(void)user;
	smal_mark(marker, smal_alloc_bytes(thread, text_type, 100));
}

int main(void)
{
	begin();
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
