/* SPDX-License-Identifier: MIT */
/* A registration is cancelled whose notice waits on the queue. */
/* expect: smal: smal_finalizer_cancel: not a registration: 0xADDR is a notice that waits on its
 * queue */
/* ends: abort */
#include "test/misuse/misuse.h"

static struct smal_finalizer *finalizer;

int main(void)
{
	struct smal_gc_options options = { .exact_stacks = 1 };
	struct smal_type_desc desc = { .name = "port", .bytes = 16 };
	struct smal_type *type;
	struct smal_queue *queue;

	expect_ok(smal_gc_create(&options, &gc));
	expect_ok(smal_thread_attach(gc, &thread));
	expect_ok(smal_type_create(gc, &desc, &type));
	expect_ok(smal_queue_create(gc, &queue));
	finalizer = smal_finalizer_add(thread, queue, smal_alloc(thread, type), NULL, 0);
	expect_ok(smal_collect(thread));
	smal_finalizer_cancel(thread, finalizer);
	return 0;
}
