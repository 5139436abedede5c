/* SPDX-License-Identifier: MIT */
/* A collector is ended while another thread is attached. */
/* expect: smal: smal_gc_destroy: a thread is attached: 0xADDR is in use */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <pthread.h>

static pthread_barrier_t attached;

static void *attach(void *argument)
{
	struct smal_thread *other;

	expect_ok(smal_thread_attach(gc, &other));
	pthread_barrier_wait(&attached);
	/* Until the process ends. */
	for (;;)
		pthread_barrier_wait(&attached);
	return argument;
}

int main(void)
{
	pthread_t other;

	begin();
	pthread_barrier_init(&attached, NULL, 2);
	pthread_create(&other, NULL, attach, NULL);
	pthread_barrier_wait(&attached);
	expect_ok(smal_thread_detach(thread));
	smal_gc_destroy(gc);
	return 0;
}
