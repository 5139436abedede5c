/* SPDX-License-Identifier: MIT */
/*
 * crew.h: what the tests with threads share: a crew of threads beside the one
 * that runs the test, words that they wait for, and a sink that each thread asks
 * about its own mistakes.
 *
 * Nobody waits while it holds a collection up: who waits polls. A watchdog ends
 * the program where Check does not (CK_FORK=no).
 */
#ifndef SMAL_TEST_CREW_H
#define SMAL_TEST_CREW_H

#include "test/collector.h"

#include <pthread.h>

/* Under ThreadSanitizer, which starts no threads after a fork, and knows of no stack
 * but those of threads. */
#if defined(__SANITIZE_THREAD__)
#define CREW_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CREW_UNDER_TSAN 1
#endif
#endif
#ifndef CREW_UNDER_TSAN
#define CREW_UNDER_TSAN 0
#endif

/* Under AddressSanitizer, which takes the frames of a canceled thread for in use, and
 * knows nothing of longjmp from stack to stack. */
#if defined(__SANITIZE_ADDRESS__)
#define CREW_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CREW_UNDER_ASAN 1
#endif
#endif
#ifndef CREW_UNDER_ASAN
#define CREW_UNDER_ASAN 0
#endif

enum { CREW = 64 };

struct member {
	unsigned index;
	void (*work)(struct member *member);
	/* Its attachment to gc of collector.h, if crew_start made one. */
	struct smal_thread *self;
	pthread_t id;
};

extern struct member crew[CREW];

/* After heap_begin: the watchdog, and a sink that counts for each thread. */
void crew_begin(void);

/* Nothing was told but what crew_told asked for. Before heap_end. */
void crew_end(void);

/* One thing was told to this thread, with this error, and is forgotten now. */
void crew_told(enum smal_error error);

/* Whether something was told to this thread; forgets it. */
bool crew_was_told(void);

/* Starts that many threads; attached: each attaches to gc for its work. Their
 * work uses EXPECT, and no assertions of Check's. */
void crew_start(unsigned count, bool attached, void (*work)(struct member *member));

/* Waits for the ends of all, while it has left gc if it is attached. */
void crew_join(void);

/* Waits until a word is at least `value`. NULL: not attached, or does not poll. */
void crew_wait(struct smal_thread *self, const volatile uint32_t *word, uint32_t value);

/* Waits until `count` threads are here. */
void crew_meet(struct smal_thread *self, unsigned count);

/* Waits a little: for what can't be seen, and decides nothing. */
void crew_yield(unsigned times);

#endif
