/* SPDX-License-Identifier: MIT */
/* It is asked why an object lives that was freed. */
/* expect: smal: smal_retainers: double free or dead object: 0xADDR is a free slot of type pair
 * */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	void *object;

	begin();
	object = smal_alloc(thread, pair_type);
	expect_ok(smal_free(thread, object));
	smal_retainers(thread, object, NULL, 0);
	return 0;
}
