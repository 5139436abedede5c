/* SPDX-License-Identifier: MIT */
/*
 * heaps.h: what the tests of the variable-size heap share: a heap with a sink that
 * remembers, blocks that must be there, contents that can be told
 * apart, threads that come and go, and the sums that must hold.
 */
#ifndef SMAL_TEST_HEAPS_H
#define SMAL_TEST_HEAPS_H

#include "test/support.h"

#include <smal/heap/heap.h>

/* The heap at hand. */
extern struct smal_heap *heap;

/* Makes the heap, and has the sink remember; NULL: no options. */
void heaps_begin(const struct smal_heap_options *options);
/* The sink remembers from now on. */
void heaps_listen(void);
/* The usual way, as a fixture. */
void heaps_begin_plain(void);
/* The heap is sound, nothing was told that was not asked for; destroys it. */
void heaps_end(void);

/* What the sink was told last, and how often it was told something. */
struct reported {
	unsigned count;
	char function[64], what[128], detail[256];
	const void *pointer;
	enum smal_error error;
};
extern struct reported reported;

/* One thing was told, with this error and these words (NULL: any), and is forgotten
 * now; nothing was told since. */
void heaps_told(enum smal_error error, const char *what);
void heaps_silent(void);

/* n; a tenth of it where the program is slow. */
size_t heaps_scale(size_t n);

/* False where a tool or guards watch: every call goes the slow way, no thread has a
 * cache, and free memory may not be touched. */
bool heaps_has_caches(void);

/* smal_heap_check finds nothing; used + free = buffers, what the space has handed
 * out is the heap's buffers (if it is the only heap), and used + free + metadata =
 * committed. */
void heaps_check(void);
/* The same; so many blocks are in use, in slots of so many bytes. */
void heaps_audit(uint64_t blocks, uint64_t bytes);

struct smal_heap_stats heaps_stats(void);
/* What the heaps' space has committed. */
uint64_t heaps_committed_bytes(void);

/* A block of the heap; a free that must succeed. */
void *heaps_alloc(size_t bytes);
void heaps_free(void *block);
/* The bytes of the slot that such a request gets. */
size_t heaps_slot_bytes(size_t bytes);

/* Writes a pattern that follows from the tag; fails the test if it has changed. */
void heaps_mark(void *block, size_t bytes, uint64_t tag);
void heaps_check_mark(const void *block, size_t bytes, uint64_t tag);

/* Permutes pointers at random. */
void heaps_shuffle(struct test_random *random, void **blocks, size_t count);

/* Runs work(argument) in a thread, and waits for its end. */
void heaps_in_thread(void *(*work)(void *argument), void *argument);

/* A thread's work: leaves blocks of many sizes in an array of HEAPS_LEFT. The other
 * checks them, and frees them. */
enum { HEAPS_LEFT = 100 };
void *heaps_leave(void *blocks);
void heaps_free_left(void **blocks);

/* Runs work in a child; the signal that ended it, or 0, or -1 if it failed. */
int heaps_in_child(void (*work)(void *argument), void *argument);

#endif
