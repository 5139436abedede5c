/* SPDX-License-Identifier: MIT */
/* A vector of another pool is freed. */
/* expect: smal: smal_vector_free: foreign pointer: 0xADDR is in no vector of this pool */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	void *vector;

	begin_pool();
	vector = smal_vector_alloc(pool, 100);
	begin_pool();
	smal_vector_free(pool, vector);
	return 0;
}
