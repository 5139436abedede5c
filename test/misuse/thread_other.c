/* SPDX-License-Identifier: MIT */
/* A thread calls with the attachment of another one. */
/* expect: smal: smal_collect: thread is not attached: 0xADDR is another thread's attachment */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <pthread.h>

static void *collect(void *argument)
{
	smal_collect(thread);
	return argument;
}

int main(void)
{
	pthread_t other;

	begin();
	pthread_create(&other, NULL, collect, NULL);
	pthread_join(other, NULL);
	return 0;
}
