/* SPDX-License-Identifier: MIT */
/* A pool is made with a disc and no map. */
/* expect: smal: smal_vector_pool_create: a disc needs a map */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	static char disc[65536];
	struct smal_vector_options options = { .disc = disc, .disc_bytes = sizeof disc };

	smal_vector_pool_create(&options, &pool);
	return 0;
}
