/* SPDX-License-Identifier: MIT */
/* A weak reference is freed by hand. */
/* expect: smal: smal_free: not for smal_free: 0xADDR is a weak reference */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_free(thread, smal_weak_create(thread, NULL, 0));
	return 0;
}
