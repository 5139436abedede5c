/* SPDX-License-Identifier: MIT */
/* A finalizer is registered with a queue of another collector. */
/* expect: smal: smal_finalizer_add: queue of another collector: 0xADDR */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;
	struct smal_gc *other;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	expect_ok(smal_gc_create(NULL, &other));
	expect_ok(smal_thread_attach(other, &thread));
	smal_finalizer_add(thread, queue, smal_weak_create(thread, NULL, 0), NULL, 0);
	return 0;
}
