/* SPDX-License-Identifier: MIT */
/* A map is given another size. */
/* expect: smal: smal_resize: not for smal_resize: 0xADDR is a map */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_resize(thread, smal_map_create(thread, SMAL_MAP_STRONG, NULL, NULL, NULL), 64);
	return 0;
}
