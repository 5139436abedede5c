/* SPDX-License-Identifier: MIT */
/* A type has a flag that is the library's own. */
/* expect: smal: smal_type_create: unknown flags: 0xADDR for type odd */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_type_desc desc = { .name = "odd", .bytes = 16, .flags = 0x80000000u };
	struct smal_type *type;

	begin();
	smal_type_create(gc, &desc, &type);
	return 0;
}
