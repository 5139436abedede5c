/* SPDX-License-Identifier: MIT */
/* A layout has more words than memory has. */
/* expect: smal: smal_type_create: layout has no words or too many: 1000000000 words for type
 * row */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	static const uintptr_t bits = 1;
	struct smal_type_desc desc = {
		.name = "row",
		.marking = SMAL_MARK_LAYOUT,
		.layout = { .bits = &bits, .words = 1000000000 },
	};
	struct smal_type *type;

	begin();
	smal_type_create(gc, &desc, &type);
	return 0;
}
