/* SPDX-License-Identifier: MIT */
/* A weak reference is given another size. */
/* expect: smal: smal_resize: not for smal_resize: 0xADDR is a weak reference */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_resize(thread, smal_weak_create(thread, NULL, 0), 32);
	return 0;
}
