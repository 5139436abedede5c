/* SPDX-License-Identifier: MIT */
/* A weak function allocates. */
/* expect: smal: smal_alloc: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static void allocate(struct smal_marker *marker, enum smal_weak_stage stage, void *user)
{
	(void)marker;
	(void)stage;
	(void)user;
	smal_alloc(thread, pair_type);
}

int main(void)
{
	begin();
	expect_ok(smal_gc_set_weak(gc, allocate, NULL));
	smal_collect(thread);
	return 0;
}
