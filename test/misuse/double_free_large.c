/* SPDX-License-Identifier: MIT */
/* A large object is freed twice. */
/* expect: smal: smal_free: foreign pointer: 0xADDR is no address of libsmal's */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	void *object;

	begin();
	object = smal_alloc_bytes(thread, text_type, 10 * 1024 * 1024);
	smal_free(thread, object);
	smal_free(thread, object);
	return 0;
}
