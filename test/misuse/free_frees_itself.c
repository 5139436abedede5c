/* SPDX-License-Identifier: MIT */
/* A free callback frees its own object again. */
/* expect: smal: smal_free: double free or dead object: 0xADDR is an object of type port whose
 * free callback is running */
/* ends: abort */
#include "test/misuse/misuse.h"

static void free_again(void *object, void *user)
{
	(void)user;
	smal_free(thread, object);
}

int main(void)
{
	struct smal_type_desc desc = { .name = "port", .bytes = 16, .free = free_again };
	struct smal_type *type;

	begin();
	expect_ok(smal_type_create(gc, &desc, &type));
	smal_free(thread, smal_alloc(thread, type));
	return 0;
}
