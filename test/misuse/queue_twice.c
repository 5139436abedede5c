/* SPDX-License-Identifier: MIT */
/* A queue is ended twice. */
/* expect: smal: smal_queue_destroy: not a queue: 0xADDR is a queue that has ended */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	expect_ok(smal_queue_destroy(queue));
	smal_queue_destroy(queue);
	return 0;
}
