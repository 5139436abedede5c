/* SPDX-License-Identifier: MIT */
/* A watch is registered for an object that was freed. */
/* expect: smal: smal_watch_add: not an object of this collector: 0xADDR is no live object */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;
	void *object;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	object = smal_alloc(thread, pair_type);
	expect_ok(smal_free(thread, object));
	smal_watch_add(thread, queue, object, NULL);
	return 0;
}
