/* SPDX-License-Identifier: MIT */
/* A finalizer is registered with flags that mean nothing. */
/* expect: smal: smal_finalizer_add: unknown flags: 0xADDR */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	smal_finalizer_add(thread, queue, smal_alloc(thread, pair_type), NULL, 0x80);
	return 0;
}
