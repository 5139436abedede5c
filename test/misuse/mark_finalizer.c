/* SPDX-License-Identifier: MIT */
/* A root callback registers a finalizer. */
/* expect: smal: smal_finalizer_add: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static struct smal_queue *queue;
static void *object;

static void mark(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	smal_finalizer_add(thread, queue, object, NULL, 0);
}

int main(void)
{
	begin();
	object = smal_alloc(thread, pair_type);
	expect_ok(smal_queue_create(gc, &queue));
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
