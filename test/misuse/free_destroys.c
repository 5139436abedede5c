/* SPDX-License-Identifier: MIT */
/* A free callback ends the collector. */
/* expect: smal: smal_gc_destroy: not allowed now: a free callback is running */
/* ends: abort */
#include "test/misuse/misuse.h"

static void destroy(void *object, void *user)
{
	(void)object;
	(void)user;
	smal_gc_destroy(gc);
}

int main(void)
{
	struct smal_type_desc desc = { .name = "port", .bytes = 16, .free = destroy };
	struct smal_type *type;

	begin();
	expect_ok(smal_type_create(gc, &desc, &type));
	smal_free(thread, smal_alloc(thread, type));
	return 0;
}
