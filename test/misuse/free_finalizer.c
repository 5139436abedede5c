/* SPDX-License-Identifier: MIT */
/* A registration is freed by hand. */
/* expect: smal: smal_free: not for smal_free: 0xADDR is a finalizer */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_queue *queue;

	begin();
	expect_ok(smal_queue_create(gc, &queue));
	smal_free(thread,
	          smal_finalizer_add(thread, queue, smal_alloc(thread, pair_type), NULL, 0));
	return 0;
}
