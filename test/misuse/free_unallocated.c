/* SPDX-License-Identifier: MIT */
/* A slot that was never allocated is freed. */
/* expect: smal: smal_free: double free or dead object: 0xADDR is a free slot of type pair */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	char *object;

	begin();
	object = smal_alloc(thread, pair_type);
	smal_free(thread, object + 1024 * smal_type_stride(pair_type));
	return 0;
}
