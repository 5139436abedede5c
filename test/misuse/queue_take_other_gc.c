/* SPDX-License-Identifier: MIT */
/* A notice is taken from a queue of another collector. */
/* expect: smal: smal_queue_take: queue of another collector: 0xADDR */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;
	struct smal_gc *other;
	struct smal_notice notice;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	expect_ok(smal_gc_create(NULL, &other));
	expect_ok(smal_thread_attach(other, &thread));
	smal_queue_take(thread, queue, &notice);
	return 0;
}
