/* SPDX-License-Identifier: MIT */
/* A weak reference is made to a place inside an object. */
/* expect: smal: smal_weak_create: not an object: 0xADDR is inside of one of type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_weak_create(thread, (char *)smal_alloc(thread, pair_type) + 8, 0);
	return 0;
}
