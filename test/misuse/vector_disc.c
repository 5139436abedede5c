/* SPDX-License-Identifier: MIT */
/* A pool is made in a disc at an odd address. */
/* expect: smal: smal_vector_pool_create: disc is misaligned: 0xADDR is no multiple of 16 */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	static _Alignas(16) char disc[65536], map[4096];
	struct smal_vector_options options = {
		.disc = disc + 1, .disc_bytes = sizeof disc - 1, .map = map, .map_bytes = sizeof map
	};

	smal_vector_pool_create(&options, &pool);
	return 0;
}
