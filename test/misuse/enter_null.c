/* SPDX-License-Identifier: MIT */
/* No thread enters. */
/* expect: smal: smal_thread_enter: thread is not attached: no thread */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_thread_enter(NULL);
	return 0;
}
