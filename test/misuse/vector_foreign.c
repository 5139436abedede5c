/* SPDX-License-Identifier: MIT */
/* A string is made a longer vector. */
/* expect: smal: smal_vector_reserve: foreign pointer: 0xADDR is in no vector of this pool */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	static char text[] = "text";

	begin_pool();
	smal_vector_reserve(pool, text, 1000);
	return 0;
}
