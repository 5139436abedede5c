/* SPDX-License-Identifier: MIT */
/* Nobody holds collections off. */
/* expect: smal: smal_thread_hold: thread is not attached */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_thread_hold(NULL);
	return 0;
}
