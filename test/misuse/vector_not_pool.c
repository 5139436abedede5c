/* SPDX-License-Identifier: MIT */
/* What is no pool is asked for a vector. */
/* expect: smal: smal_vector_alloc: not a pool of vectors: 0xADDR */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	static long words[100];

	smal_vector_alloc((void *)words, 1);
	return 0;
}
