/* SPDX-License-Identifier: MIT */
/* A free callback detaches its thread. */
/* expect: smal: smal_thread_detach: not allowed now: a free callback is running */
/* ends: abort */
#include "test/misuse/misuse.h"

static void detach(void *object, void *user)
{
	(void)object;
	(void)user;
	smal_thread_detach(thread);
}

int main(void)
{
	struct smal_type_desc desc = { .name = "port", .bytes = 16, .free = detach };
	struct smal_type *type;

	begin();
	expect_ok(smal_type_create(gc, &desc, &type));
	smal_free(thread, smal_alloc(thread, type));
	return 0;
}
