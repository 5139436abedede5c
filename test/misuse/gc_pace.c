/* SPDX-License-Identifier: MIT */
/* A collector has a pace that does not exist. */
/* expect: smal: smal_gc_create: unknown pace: 17 */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_gc_options options = {
		.options_bytes = sizeof options,
		.pace = (enum smal_pace)17,
	};

	smal_gc_create(&options, &gc);
	return 0;
}
