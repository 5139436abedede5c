/* SPDX-License-Identifier: MIT */
/* A pool in a caller's memory is ended twice. */
/* expect: smal: smal_vector_pool_destroy: not a pool of vectors: 0xADDR is a pool that has ended */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	static _Alignas(16) char disc[65536], map[4096];
	struct smal_vector_options options = {
		.disc = disc, .disc_bytes = sizeof disc, .map = map, .map_bytes = sizeof map
	};

	expect_ok(smal_vector_pool_create(&options, &pool));
	smal_vector_pool_destroy(pool);
	smal_vector_pool_destroy(pool);
	return 0;
}
