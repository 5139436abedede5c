/* SPDX-License-Identifier: MIT */
/*
 * process.h: the state of the process, all of it.
 *
 * Everything that is neither a collector's, a thread's nor a space's stands in
 * this one structure. What it points to belongs to higher floors; those fields
 * are opaque here. Its locks are leaves: nothing is called while one is held, but
 * for the list of collectors at a fork (os.h, smal_os_instances_lock).
 */
#ifndef SMAL_BASE_PROCESS_H
#define SMAL_BASE_PROCESS_H

#include <smal/base/atomic.h>
#include <smal/base/list.h>
#include <smal/base/option.h>

/* Numbers of collectors, heaps and their caches, as they stand in owner words. */
enum { SMAL_OWNERS = 65536 };

struct smal_process {
	/* error.h's sink: an smal_error_sink, or 0 for the default. */
	volatile AO_t sink;
	void *sink_user;

	/* What SMAL_OPTIONS said, once options_read. */
	struct smal_options options;
	volatile AO_t options_read;

	/* space/table.c: the current perfect-hash table of segments. */
	volatile AO_t table;

	/* gc/instance.c: the spaces that all collectors share, made at first use: of
	 * objects, and of the collectors' own structures. */
	volatile AO_t space, books;

	/* gc/instance.c: all collectors, of instances_lock. Its next is NULL before the
	 * first one. */
	struct smal_link instances;
	bool fork_handlers;

	/* heap/heap.c: the spaces that all heaps share, of blocks and of the heaps' own
	 * structures; the heap of who names none. */
	volatile AO_t heap_space, heap_books, default_heap;
	/* All heaps, and caches of heaps that have ended, of smal_os_heaps_lock. Their
	 * next is NULL before the first heap. */
	struct smal_link heaps, spare_caches;
	bool heap_fork_handled;
	/* heap/fork.c, with a lock there; its next is NULL before the first. */
	struct smal_link fork_locks;
	/* heap/empty.c: addresses without memory; with that lock. */
	void *empties;

	/* A bit for each owner number that is taken; 0 is nobody's. */
	volatile AO_t owners[SMAL_OWNERS / (sizeof(AO_t) * 8)];
};

extern struct smal_process smal_process;

/* A number that nobody has, or 0; and giving it back. Any thread. */
uint16_t smal_owner_take(void);
void smal_owner_give(uint16_t owner);

#endif
