/* SPDX-License-Identifier: MIT */
/* A vector is freed twice. */
/* expect: smal: smal_vector_free: double free: 0xADDR is a free unit */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	char *vector;

	begin_pool();
	vector = smal_vector_alloc(pool, 100);
	smal_vector_free(pool, vector);
	smal_vector_free(pool, vector);
	return 0;
}
