/* SPDX-License-Identifier: MIT */
/* A type has an alignment that is no power of two. */
/* expect: smal: smal_type_create: alignment is not a power of two up to 4096: 24 for type odd
 */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_type_desc desc = { .name = "odd", .bytes = 48, .alignment = 24 };
	struct smal_type *type;

	begin();
	smal_type_create(gc, &desc, &type);
	return 0;
}
