/* SPDX-License-Identifier: MIT */
/*
 * heap.h: what the mistakes with variable-size heaps have in common: a heap, calls by
 * another thread, and a write where none should be, past tools that would find it
 * first.
 */
#ifndef SMAL_TEST_MISUSE_HEAP_H
#define SMAL_TEST_MISUSE_HEAP_H

#include "test/misuse/misuse.h"

#include <pthread.h>

static struct smal_heap *heap;

static inline void begin_heap(unsigned flags)
{
	struct smal_heap_options options = { .flags = flags };

	expect_ok(smal_heap_create(&options, &heap));
}

/* A thread that does one thing, and stays: its cache is its own. */
static void *(*elsewhere)(void *argument);
static pthread_barrier_t done;

static inline void *stay(void *argument)
{
	elsewhere(argument);
	pthread_barrier_wait(&done);
	/* Until the process ends. */
	for (;;)
		pthread_barrier_wait(&done);
	return NULL;
}

static inline void in_other_thread(void *(*work)(void *argument), void *argument)
{
	pthread_t other;

	elsewhere = work;
	pthread_barrier_init(&done, NULL, 2);
	pthread_create(&other, NULL, stay, argument);
	pthread_barrier_wait(&done);
}

static inline void *other_frees(void *block)
{
	expect_ok(smal_heap_free(heap, block));
	return NULL;
}

static inline void *other_allocates(void *block)
{
	*(void **)block = smal_heap_alloc(heap, 100);
	return NULL;
}

/* Bytes that are nobody's. */
__attribute__((noinline, no_sanitize_address, unused)) static void
poke(volatile char *at, int bytes)
{
	while (bytes-- > 0)
		*at++ = 'A';
}

#endif
