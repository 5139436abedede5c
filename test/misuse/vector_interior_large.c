/* SPDX-License-Identifier: MIT */
/* A pointer into a vector with addresses of its own is made longer. */
/* expect: smal: smal_vector_resize: interior pointer: 0xADDR is 4096 bytes into a vector of
 * 102400 bytes */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	char *vector;

	begin_pool();
	vector = smal_vector_alloc(pool, 100000);
	smal_vector_resize(pool, vector + 4096, 5);
	return 0;
}
