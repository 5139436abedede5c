/* SPDX-License-Identifier: MIT */
/* A pointer into what is free is freed. */
/* expect: smal: smal_vector_free: interior pointer: 0xADDR is 5 bytes into a free unit */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	char *vector;

	begin_pool();
	vector = smal_vector_alloc(pool, 100);
	smal_vector_free(pool, vector);
	smal_vector_free(pool, vector + 5);
	return 0;
}
