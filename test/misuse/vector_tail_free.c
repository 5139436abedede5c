/* SPDX-License-Identifier: MIT */
/* A vector is freed while it is appended to. */
/* expect: smal: smal_vector_tail_end: double free: 0xADDR is a free unit */
/* ends: abort */
#include "test/misuse/vector.h"

int main(void)
{
	struct smal_vector_tail tail;

	begin_pool();
	smal_vector_tail_begin(&tail, pool, NULL);
	smal_vector_push(&tail, "text", 4);
	smal_vector_free(pool, tail.base);
	smal_vector_tail_end(&tail);
	return 0;
}
