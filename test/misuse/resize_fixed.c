/* SPDX-License-Identifier: MIT */
/* An object of a type of fixed size is resized. */
/* expect: smal: smal_resize: type has a fixed size: 0xADDR is of type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_resize(thread, smal_alloc(thread, pair_type), 8);
	return 0;
}
