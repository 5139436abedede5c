/* SPDX-License-Identifier: MIT */
/* A thread switches to a fiber that another thread runs on. */
/* expect: smal: smal_fiber_switch: fiber is current already: 0xADDR is another thread's */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <pthread.h>

static char stack[65536];
static struct smal_fiber *fiber;
static pthread_barrier_t running;

static void *run(void *argument)
{
	struct smal_thread *other;

	expect_ok(smal_thread_attach(gc, &other));
	expect_ok(smal_fiber_switch(other, fiber));
	pthread_barrier_wait(&running);
	/* Until the process ends. */
	for (;;)
		pthread_barrier_wait(&running);
	return argument;
}

int main(void)
{
	pthread_t other;

	begin();
	expect_ok(smal_fiber_create(gc, stack, sizeof stack, &fiber));
	pthread_barrier_init(&running, NULL, 2);
	pthread_create(&other, NULL, run, NULL);
	pthread_barrier_wait(&running);
	smal_fiber_switch(thread, fiber);
	return 0;
}
