/* SPDX-License-Identifier: MIT */
/* A type has no name. */
/* expect: smal: smal_type_create: a type needs a name */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_type_desc desc = { .bytes = 16 };
	struct smal_type *type;

	begin();
	smal_type_create(gc, &desc, &type);
	return 0;
}
