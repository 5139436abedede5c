/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's makes a type. */
/* expect: smal: smal_type_create: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

static void mistake(void)
{
	struct smal_type_desc desc = { .name = "late", .bytes = 16 };
	struct smal_type *late;

	smal_type_create(gc, &desc, &late);
}

int main(void)
{
	return team_run();
}
