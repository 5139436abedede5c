/* SPDX-License-Identifier: MIT */
/* A walk over all objects ends the collector. */
/* expect: smal: smal_gc_destroy: a thread is attached: 0xADDR is in use */
/* ends: abort */
#include "test/misuse/misuse.h"

static int destroy(void *object, struct smal_type *type, size_t bytes, void *user)
{
	(void)object;
	(void)type;
	(void)bytes;
	(void)user;
	return smal_gc_destroy(gc);
}

int main(void)
{
	begin();
	smal_alloc(thread, pair_type);
	smal_each_object(thread, destroy, NULL);
	return 0;
}
