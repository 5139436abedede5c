/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's walks over all objects. */
/* expect: smal: smal_each_object: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static int visit(void *object, struct smal_type *type, size_t bytes, void *user)
{
	(void)object;
	(void)type;
	(void)bytes;
	(void)user;
	return 0;
}

static void mistake(void)
{
	smal_each_object(thread, visit, NULL);
}

int main(void)
{
	return team_run();
}
