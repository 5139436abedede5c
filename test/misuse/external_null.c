/* SPDX-License-Identifier: MIT */
/* Memory is accounted for no collector. */
/* expect: smal: smal_external: not a collector */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_external(NULL, 100);
	return 0;
}
