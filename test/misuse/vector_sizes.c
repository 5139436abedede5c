/* SPDX-License-Identifier: MIT */
/* A pool is made with a class of 1,000 bytes. */
/* expect: smal: smal_vector_pool_create: sizes are no geometry: 16, 1000, growth 2 */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	struct smal_vector_options options = { .largest_bytes = 1000 };

	smal_vector_pool_create(&options, &pool);
	return 0;
}
