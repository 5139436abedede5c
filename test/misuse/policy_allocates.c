/* SPDX-License-Identifier: MIT */
/* A policy allocates. */
/* expect: smal: smal_alloc: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static size_t decide(const struct smal_pace_input *input, void *user)
{
	(void)user;
	smal_alloc(thread, pair_type);
	return input->target_bytes;
}

int main(void)
{
	begin();
	expect_ok(smal_gc_set_policy(gc, decide, NULL));
	smal_collect(thread);
	return 0;
}
