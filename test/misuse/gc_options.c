/* SPDX-License-Identifier: MIT */
/* A collector has options of a size that none ever had. */
/* expect: smal: smal_gc_create: options_bytes is wrong: 5000 */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_gc_options options = { .options_bytes = 5000 };

	smal_gc_create(&options, &gc);
	return 0;
}
