/* SPDX-License-Identifier: MIT */
/* A type of the library's own is ended. */
/* expect: smal: smal_type_destroy: not a type: 0xADDR is one of the library's own */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_type_destroy(smal_type_of(smal_weak_create(thread, NULL, 0)));
	return 0;
}
