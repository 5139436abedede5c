/* SPDX-License-Identifier: MIT */
/* An object of variable size is freed twice. */
/* expect: smal: smal_free: double free or dead object: 0xADDR is a free slot of type text */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	void *object;

	begin();
	object = smal_alloc_bytes(thread, text_type, 100);
	smal_free(thread, object);
	smal_free(thread, object);
	return 0;
}
