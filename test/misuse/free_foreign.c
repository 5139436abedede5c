/* SPDX-License-Identifier: MIT */
/* An object is freed in another collector than its own. */
/* expect: smal: smal_free: object of another collector: 0xADDR is of type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_gc *other_gc;
	struct smal_thread *other;

	begin();
	expect_ok(smal_gc_create(NULL, &other_gc));
	expect_ok(smal_thread_attach(other_gc, &other));
	smal_free(other, smal_alloc(thread, pair_type));
	return 0;
}
