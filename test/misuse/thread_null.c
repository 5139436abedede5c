/* SPDX-License-Identifier: MIT */
/* A call without a thread. */
/* expect: smal: smal_collect: thread is not attached */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_collect(NULL);
	return 0;
}
