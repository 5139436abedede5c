/* SPDX-License-Identifier: MIT */
/* A registration is cancelled twice. */
/* expect: smal: smal_finalizer_cancel: not a registration: 0xADDR is one that is over */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;
	struct smal_finalizer *finalizer;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	finalizer = smal_finalizer_add(thread, queue, smal_alloc(thread, pair_type), NULL, 0);
	expect_ok(smal_finalizer_cancel(thread, finalizer));
	smal_finalizer_cancel(thread, finalizer);
	return 0;
}
