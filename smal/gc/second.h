/* SPDX-License-Identifier: MIT */
/*
 * second.h: a marker that is as simple as can be, for a second opinion
 * (smal_verify_marks) and for explanations (smal_retainers).
 *
 * It shares no fast path with the first: it finds the object that a word refers
 * to by a binary search over a sorted list of buffers and a division, remembers
 * objects in a hash set, and scans them in the order in which they were found, so
 * that it finds each by a shortest way.
 */
#ifndef SMAL_GC_SECOND_H
#define SMAL_GC_SECOND_H

#include <smal/gc/weak.h>

/* How an object was found. */
struct smal_found {
	uintptr_t object;
	/* The number of the one that refers to it, or NONE: a root of this name. */
	size_t parent;
	const char *root;
	/* Where the word stands, or 0. */
	uintptr_t place;
	/* By smal_mark_only: it is not scanned. */
	bool alone;
};

#define SMAL_FOUND_NONE SIZE_MAX

struct smal_second {
	struct smal_gc *gc;
	/* Registrations are roots; else they are only holders of pairs. */
	struct smal_marker marker;
	/* The collector's buffers, by address. */
	const struct smal_buffer **buffers;
	size_t buffer_count;
	struct smal_found *found;
	size_t found_count;
	/* A hash set: numbers of found objects plus 1. */
	size_t *set, set_slots;
	/* What is being scanned. */
	size_t parent;
	void *run;
	size_t run_bytes;
};

/* Finds all that the roots reach; the world is stopped, and windows are not among
 * the live. False: no memory. The second marker's frames are below its caller's. */
bool smal_second_init(struct smal_second *second, struct smal_gc *gc);
void smal_second_run(struct smal_second *second);
void smal_second_fini(struct smal_second *second);

/* The number of an object among those found, or NONE. */
size_t smal_second_number(const struct smal_second *second, uintptr_t object);

const struct smal_buffer *smal_second_buffer(const struct smal_second *second, uintptr_t address);

#endif
