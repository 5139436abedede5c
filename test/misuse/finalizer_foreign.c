/* SPDX-License-Identifier: MIT */
/* A finalizer is registered for a pointer that is no object. */
/* expect: smal: smal_finalizer_add: not an object of this collector: 0xADDR is no live object
 * */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	smal_finalizer_add(thread, queue, &gc, NULL, 0);
	return 0;
}
