/* SPDX-License-Identifier: MIT */
/* A vector is made shorter while it is appended to. */
/* expect: smal: smal_vector_tail_end: stale tail: 0xADDR is a vector of 16 bytes now */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	struct smal_vector_tail tail;

	begin_pool();
	smal_vector_tail_begin(&tail, pool, NULL);
	smal_vector_push(&tail, "sixteen bytes and more", 22);
	smal_vector_shrink(pool, tail.base);
	smal_vector_tail_end(&tail);
	return 0;
}
