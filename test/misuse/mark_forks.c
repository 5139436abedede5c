/* SPDX-License-Identifier: MIT */
/* A root callback forks. */
/* expect: smal: fork: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <unistd.h>

static void mark(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	if (fork() == 0)
		_exit(0);
}

int main(void)
{
	begin();
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
