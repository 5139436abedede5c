/* SPDX-License-Identifier: MIT */
/* A thread is used after it was detached. */
/* expect: smal: smal_collect: thread is not attached: 0xADDR is detached */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_thread_detach(thread);
	smal_collect(thread);
	return 0;
}
