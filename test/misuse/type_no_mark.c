/* SPDX-License-Identifier: MIT */
/* A type is to be marked by a callback, and has none. */
/* expect: smal: smal_type_create: mark function is missing: type node */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_type_desc desc = {
		.name = "node",
		.bytes = 16,
		.marking = SMAL_MARK_CALLBACK,
	};
	struct smal_type *type;

	begin();
	smal_type_create(gc, &desc, &type);
	return 0;
}
