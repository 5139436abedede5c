/* SPDX-License-Identifier: MIT */
/* A pointer into a large object is freed. */
/* expect: smal: smal_free: interior pointer: 0xADDR is 5000000 bytes into a slot of type text
 */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	char *object;

	begin();
	object = smal_alloc_bytes(thread, text_type, 10 * 1024 * 1024);
	smal_free(thread, object + 5000000);
	return 0;
}
