/* SPDX-License-Identifier: MIT */
/* A type is to be swept more seldom than can be counted. */
/* expect: smal: smal_type_create: collections_per_sweep is over 65535: 65536 for type rare */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_type_desc desc = { .name = "rare",
		                       .bytes = 16,
		                       .collections_per_sweep = 65536 };
	struct smal_type *type;

	begin();
	smal_type_create(gc, &desc, &type);
	return 0;
}
