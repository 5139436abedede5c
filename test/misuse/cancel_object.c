/* SPDX-License-Identifier: MIT */
/* An object is cancelled that is no registration. */
/* expect: smal: smal_finalizer_cancel: not a registration: 0xADDR is one that is over */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	smal_finalizer_cancel(thread, smal_alloc(thread, pair_type));
	return 0;
}
