/* SPDX-License-Identifier: MIT */
/* A weak reference is set to a place inside an object. */
/* expect: smal: smal_weak_set: not an object: 0xADDR is inside of one of type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_weak_set(thread, smal_weak_create(thread, NULL, 0),
	              (char *)smal_alloc(thread, pair_type) + 8);
	return 0;
}
