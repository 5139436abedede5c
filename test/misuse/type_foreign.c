/* SPDX-License-Identifier: MIT */
/* A type of another collector is used. */
/* expect: smal: smal_alloc: type of another collector: 0xADDR is type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_gc *other_gc;
	struct smal_thread *other;

	begin();
	expect_ok(smal_gc_create(NULL, &other_gc));
	expect_ok(smal_thread_attach(other_gc, &other));
	smal_alloc(other, pair_type);
	return 0;
}
