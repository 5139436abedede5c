/* SPDX-License-Identifier: MIT */
/* Memory of malloc is freed. */
/* expect: smal: smal_free: foreign pointer: 0xADDR is no address of libsmal's */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	void *object = malloc(16);

	begin();
	smal_free(thread, object);
	return 0;
}
