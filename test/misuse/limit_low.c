/* SPDX-License-Identifier: MIT */
/* A limit lies below what is live. */
/* expect: smal: smal_gc_set_limit: limit is below what is in use: 524288 bytes, and 1048576
 * are in use */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	static void *kept;

	begin();
	kept = smal_alloc_bytes(thread, text_type, 1024 * 1024);
	smal_gc_set_limit(gc, smal_size(kept) / 2);
	return 0;
}
