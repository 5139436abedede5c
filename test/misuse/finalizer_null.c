/* SPDX-License-Identifier: MIT */
/* A finalizer is registered for no object. */
/* expect: smal: smal_finalizer_add: not an object of this collector: no live object */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	smal_finalizer_add(thread, queue, NULL, NULL, 0);
	return 0;
}
