/* SPDX-License-Identifier: MIT */
/* A variable on the stack is freed. */
/* expect: smal: smal_free: foreign pointer: 0xADDR is no address of libsmal's */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	long object = 0;

	begin();
	smal_free(thread, &object);
	return 0;
}
