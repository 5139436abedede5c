/* SPDX-License-Identifier: MIT */
/* A type has an alignment above a page. */
/* expect: smal: smal_type_create: alignment is not a power of two up to 4096: 8192 for type
 * wide */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_type_desc desc = { .name = "wide", .bytes = 48, .alignment = 8192 };
	struct smal_type *type;

	begin();
	smal_type_create(gc, &desc, &type);
	return 0;
}
