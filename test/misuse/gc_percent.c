/* SPDX-License-Identifier: MIT */
/* A heap is to grow by more than a hundredfold. */
/* expect: smal: smal_gc_set_pace: pace_percent is over 10000: 10001 */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	begin();
	smal_gc_set_pace(gc, SMAL_PACE_GROWTH, 0, 10001);
	return 0;
}
