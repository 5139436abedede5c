/* SPDX-License-Identifier: MIT */
/* A frame is popped twice. */
/* expect: smal: smal_frame_pop: no such frame: 0xADDR is not on the thread's chain */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_frame frame;
	void *slots[1] = { NULL };

	begin();
	smal_frame_push(thread, &frame, slots, 1);
	smal_frame_pop(thread, &frame);
	smal_frame_pop(thread, &frame);
	return 0;
}
