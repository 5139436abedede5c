/* SPDX-License-Identifier: MIT */
/* A free vector is made longer. */
/* expect: smal: smal_vector_resize: double free: 0xADDR is a free unit */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	char *vector;

	begin_pool();
	vector = smal_vector_alloc(pool, 100);
	smal_vector_free(pool, vector);
	smal_vector_resize(pool, vector, 200);
	return 0;
}
