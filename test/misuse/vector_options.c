/* SPDX-License-Identifier: MIT */
/* A pool is made with options of a strange size. */
/* expect: smal: smal_vector_pool_create: options_bytes is wrong: 1000000 */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	struct smal_vector_options options = { .options_bytes = 1000000 };

	smal_vector_pool_create(&options, &pool);
	return 0;
}
