/* SPDX-License-Identifier: MIT */
/* A map is freed by hand. */
/* expect: smal: smal_free: not for smal_free: 0xADDR is a map */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_free(thread, smal_map_create(thread, SMAL_MAP_STRONG, NULL, NULL, NULL));
	return 0;
}
