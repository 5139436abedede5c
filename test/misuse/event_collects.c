/* SPDX-License-Identifier: MIT */
/* An event collects. */
/* expect: smal: smal_collect: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/misuse.h"

static void collect(enum smal_event event, void *user)
{
	(void)user;
	if (event == SMAL_EVENT_STOPPED)
		smal_collect(thread);
}

int main(void)
{
	begin();
	expect_ok(smal_gc_set_events(gc, collect, NULL));
	smal_collect(thread);
	return 0;
}
