/* SPDX-License-Identifier: MIT */
/* An ephemeron's key is a place inside an object. */
/* expect: smal: smal_ephemeron_create: not an object: 0xADDR is inside of one of type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_ephemeron_create(thread, (char *)smal_alloc(thread, pair_type) + 8, NULL);
	return 0;
}
