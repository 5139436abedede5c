/* SPDX-License-Identifier: MIT */
/* A root callback registers a stack. */
/* expect: smal: smal_fiber_create: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static char stack[65536];
static struct smal_fiber *fiber;

static void mark(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	smal_fiber_create(gc, stack, sizeof stack, &fiber);
}

int main(void)
{
	begin();
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
