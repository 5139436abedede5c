/* SPDX-License-Identifier: MIT */
/* A notice is taken from a queue that is gone. */
/* expect: smal: smal_queue_take: not a queue: 0xADDR is a queue that has ended */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;
	struct smal_notice notice;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	expect_ok(smal_queue_destroy(queue));
	smal_queue_take(thread, queue, &notice);
	return 0;
}
