/* SPDX-License-Identifier: MIT */
/* A collector is ended twice. */
/* expect: smal: smal_gc_destroy: not a collector: 0xADDR is a collector that has ended */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_thread_detach(thread);
	expect_ok(smal_gc_destroy(gc));
	smal_gc_destroy(gc);
	return 0;
}
