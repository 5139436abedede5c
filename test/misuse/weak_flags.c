/* SPDX-License-Identifier: MIT */
/* A weak reference is made with flags that mean nothing. */
/* expect: smal: smal_weak_create: unknown flags: 0xADDR */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_weak_create(thread, NULL, 6);
	return 0;
}
