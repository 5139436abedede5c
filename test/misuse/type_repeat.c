/* SPDX-License-Identifier: MIT */
/* A layout repeats more words than it has. */
/* expect: smal: smal_type_create: layout repeats more than it has: 3 of 2 words of type row */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	static const uintptr_t bits = 3;
	struct smal_type_desc desc = {
		.name = "row",
		.marking = SMAL_MARK_LAYOUT,
		.layout = { .bits = &bits, .words = 2, .repeat_words = 3 },
	};
	struct smal_type *type;

	begin();
	smal_type_create(gc, &desc, &type);
	return 0;
}
