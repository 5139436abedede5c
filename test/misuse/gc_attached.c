/* SPDX-License-Identifier: MIT */
/* A collector is ended while a thread is attached. */
/* expect: smal: smal_gc_destroy: a thread is attached: 0xADDR is in use */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_gc_destroy(gc);
	return 0;
}
