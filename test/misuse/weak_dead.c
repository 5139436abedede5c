/* SPDX-License-Identifier: MIT */
/* A weak reference is made to an object that was freed. */
/* expect: smal: smal_weak_create: not an object: 0xADDR is a free slot of type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	void *object;

	begin();
	object = smal_alloc(thread, pair_type);
	expect_ok(smal_free(thread, object));
	smal_weak_create(thread, object, 0);
	return 0;
}
