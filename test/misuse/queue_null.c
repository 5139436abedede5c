/* SPDX-License-Identifier: MIT */
/* A finalizer is registered with no queue. */
/* expect: smal: smal_finalizer_add: not a queue */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_finalizer_add(thread, NULL, smal_alloc(thread, pair_type), NULL, 0);
	return 0;
}
