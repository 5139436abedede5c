/* SPDX-License-Identifier: MIT */
/* A root callback attaches its thread. */
/* expect: smal: smal_thread_attach: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static void mark(struct smal_marker *marker, void *user)
{
	struct smal_thread *again;

	(void)marker;
	(void)user;
	smal_thread_attach(gc, &again);
}

int main(void)
{
	begin();
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
