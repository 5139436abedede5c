/* SPDX-License-Identifier: MIT */
/* A thread enters for another one. */
/* expect: smal: smal_thread_enter: thread is not attached: 0xADDR is another thread's
 * attachment */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <pthread.h>

static void *enter(void *argument)
{
	smal_thread_enter(thread);
	return argument;
}

int main(void)
{
	pthread_t other;

	begin();
	expect_ok(smal_thread_leave(thread));
	pthread_create(&other, NULL, enter, NULL);
	pthread_join(other, NULL);
	return 0;
}
