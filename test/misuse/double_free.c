/* SPDX-License-Identifier: MIT */
/* An object is freed twice. */
/* expect: smal: smal_free: double free or dead object: 0xADDR is a free slot of type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	void *object;

	begin();
	object = smal_alloc(thread, pair_type);
	smal_free(thread, object);
	smal_free(thread, object);
	return 0;
}
