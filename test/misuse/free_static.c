/* SPDX-License-Identifier: MIT */
/* A static variable is freed. */
/* expect: smal: smal_free: foreign pointer: 0xADDR is no address of libsmal's */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	static long object;

	begin();
	smal_free(thread, &object);
	return 0;
}
