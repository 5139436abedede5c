/* SPDX-License-Identifier: MIT */
/* A free callback attaches while its collector ends. */
/* expect: smal: smal_thread_attach: not allowed now: the collector ends */
/* ends: abort */
#include "test/misuse/misuse.h"

static void attach(void *object, void *user)
{
	(void)object;
	(void)user;
	smal_thread_attach(gc, &thread);
}

int main(void)
{
	struct smal_type_desc desc = { .name = "port", .bytes = 16, .free = attach };
	struct smal_type *type;

	begin();
	expect_ok(smal_type_create(gc, &desc, &type));
	smal_alloc(thread, type);
	expect_ok(smal_thread_detach(thread));
	smal_gc_destroy(gc);
	return 0;
}
