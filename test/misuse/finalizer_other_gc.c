/* SPDX-License-Identifier: MIT */
/* A finalizer is registered for an object of another collector. */
/* expect: smal: smal_finalizer_add: not an object of this collector: 0xADDR is another
 * collector's */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;
	struct smal_gc *other;
	void *object;

	begin();
	object = smal_alloc(thread, pair_type);
	expect_ok(smal_gc_create(NULL, &other));
	expect_ok(smal_thread_attach(other, &thread));
	expect_ok(smal_queue_create(other, &queue));
	smal_finalizer_add(thread, queue, object, NULL, 0);
	return 0;
}
