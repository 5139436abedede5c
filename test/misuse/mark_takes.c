/* SPDX-License-Identifier: MIT */
/* A root callback takes a notice. */
/* expect: smal: smal_queue_take: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static struct smal_queue *queue;

static void mark(struct smal_marker *marker, void *user)
{
	struct smal_notice notice;

	(void)marker;
	(void)user;
	smal_queue_take(thread, queue, &notice);
}

int main(void)
{
	begin();
	expect_ok(smal_queue_create(gc, &queue));
	expect_ok(smal_root_add_function(gc, mark, NULL, "mark"));
	smal_collect(thread);
	return 0;
}
