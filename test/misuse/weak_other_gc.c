/* SPDX-License-Identifier: MIT */
/* A weak reference is made to an object of another collector. */
/* expect: smal: smal_weak_create: object of another collector: 0xADDR is of type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_gc *other;
	void *object;

	begin();
	object = smal_alloc(thread, pair_type);
	expect_ok(smal_gc_create(NULL, &other));
	expect_ok(smal_thread_attach(other, &thread));
	smal_weak_create(thread, object, 0);
	return 0;
}
