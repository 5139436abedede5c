/* SPDX-License-Identifier: MIT */
/* It is asked why NULL lives. */
/* expect: smal: smal_retainers: foreign pointer: no address of libsmal's */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_retainers(thread, NULL, NULL, 0);
	return 0;
}
