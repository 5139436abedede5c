/* SPDX-License-Identifier: MIT */
/* A map is made of a kind that there is not. */
/* expect: smal: smal_map_create: unknown kind: 4 */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_map_create(thread, (enum smal_map_kind)4, NULL, NULL, NULL);
	return 0;
}
