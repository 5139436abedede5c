/* SPDX-License-Identifier: MIT */
/* A second thread is attached. */
/* expect: smal: smal_thread_attach: a thread is attached already: 0xADDR is another thread's
 */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <pthread.h>

static void *attach(void *argument)
{
	struct smal_thread *second;

	smal_thread_attach(gc, &second);
	return argument;
}

int main(void)
{
	pthread_t other;

	begin();
	pthread_create(&other, NULL, attach, NULL);
	pthread_join(other, NULL);
	return 0;
}
