/* SPDX-License-Identifier: MIT */
/* A pointer into a vector is freed. */
/* expect: smal: smal_vector_free: interior pointer: 0xADDR is 48 bytes into a vector of 128
 * bytes */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	char *vector;

	begin_pool();
	vector = smal_vector_alloc(pool, 100);
	smal_vector_free(pool, vector + 48);
	return 0;
}
