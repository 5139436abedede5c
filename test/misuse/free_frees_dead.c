/* SPDX-License-Identifier: MIT */
/* A free callback frees its object, which a collection has found dead. */
/* expect: smal: smal_free: double free or dead object: 0xADDR is a free slot of type port */
/* ends: abort */
#include "test/misuse/misuse.h"

static void *last;

static void free_again(void *object, void *user)
{
	(void)user;
	last = object;
	smal_free(thread, object);
}

int main(void)
{
	struct smal_gc_options options = { .exact_stacks = 1 };
	struct smal_type_desc desc = { .name = "port", .bytes = 16, .free = free_again };
	struct smal_type *type;

	expect_ok(smal_gc_create(&options, &gc));
	expect_ok(smal_thread_attach(gc, &thread));
	expect_ok(smal_type_create(gc, &desc, &type));
	smal_alloc(thread, type);
	smal_collect(thread);
	return last == NULL;
}
