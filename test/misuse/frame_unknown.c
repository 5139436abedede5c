/* SPDX-License-Identifier: MIT */
/* A frame is popped that was not pushed. */
/* expect: smal: smal_frame_pop: no such frame: 0xADDR is not on the thread's chain */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_frame frame = { 0 };

	begin();
	smal_frame_pop(thread, &frame);
	return 0;
}
