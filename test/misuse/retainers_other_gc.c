/* SPDX-License-Identifier: MIT */
/* It is asked why an object of another collector lives. */
/* expect: smal: smal_retainers: object of another collector: 0xADDR is of type pair */
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
	smal_retainers(thread, object, NULL, 0);
	return 0;
}
