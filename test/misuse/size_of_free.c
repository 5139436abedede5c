/* SPDX-License-Identifier: MIT */
/* A freed object is asked for its size. */
/* expect: smal: smal_size: double free or dead object: 0xADDR is a free slot of type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	void *object;

	begin();
	object = smal_alloc(thread, pair_type);
	smal_free(thread, object);
	smal_size(object);
	return 0;
}
