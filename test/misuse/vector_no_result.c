/* SPDX-License-Identifier: MIT */
/* A pool is made, and nobody wants to know. */
/* expect: smal: smal_vector_pool_create: NULL argument */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	smal_vector_pool_create(NULL, NULL);
	return 0;
}
