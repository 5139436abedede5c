/* SPDX-License-Identifier: MIT */
/* A layout is larger than its object. */
/* expect: smal: smal_type_create: layout is larger than its object: 5 words for 16 bytes of
 * type short */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	static const uintptr_t bits = 31;
	struct smal_type_desc desc = {
		.name = "short",
		.bytes = 16,
		.marking = SMAL_MARK_LAYOUT,
		.layout = { .bits = &bits, .words = 5 },
	};
	struct smal_type *type;

	begin();
	smal_type_create(gc, &desc, &type);
	return 0;
}
