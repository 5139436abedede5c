/* SPDX-License-Identifier: MIT */
/* A thread is attached twice. */
/* expect: smal: smal_thread_attach: this thread is attached already: 0xADDR is its collector */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_thread *again;

	begin();
	smal_thread_attach(gc, &again);
	return 0;
}
