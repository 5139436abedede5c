/* SPDX-License-Identifier: MIT */
/* A pointer into an object is freed. */
/* expect: smal: smal_free: interior pointer: 0xADDR is 16 bytes into a slot of type text */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	char *object;

	begin();
	object = smal_alloc_bytes(thread, text_type, 100);
	smal_free(thread, object + 16);
	return 0;
}
