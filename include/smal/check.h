/* SPDX-License-Identifier: MIT */
/*
 * check.h: the library looks at itself.
 *
 * The environment variable SMAL_OPTIONS, read when the first collector is
 * made, switches checks on in any program: words separated by commas.
 *
 *     torture=N    collect at every Nth allocation of every collector
 *     markers=N    so many threads mark, where a collector's options do not say
 *     team=1       they share whatever there is, in the smallest heap: slow, and
 *                  finds objects that a mark callback can't mark on several threads
 *     check=mark   after each marking, mark a second time in the simplest
 *                  possible way, and report any difference
 *     check=all    check=mark, and smal_check after each collection
 *     check=1      guards on the blocks of all heaps (smal/heap.h): overruns and
 *                  writes after free are found when blocks are freed
 *     decay=MS     give free memory back after so many milliseconds
 *                  (default 1000; 0: at once)
 *     huge=auto    huge pages for blocks of heaps from 4 MiB on, if no thread can be
 *                  made to wait for one (the default); huge=off: for none; huge=on:
 *                  for them in any case, and for memory behind a heap's first 8 MiB
 *     tool=off     heaps and collectors do under Valgrind as they do without it, for
 *                  who counts their instructions
 *     log          a line on standard error for each collection
 */
#ifndef SMAL_CHECK_H
#define SMAL_CHECK_H

#include <smal/thread.h>

SMAL_BEGIN

/**
 * Checks every invariant of a collector, its buffers, its counts, and of the
 * space beneath. Takes time in proportion to the heap. The attached thread
 * only; not from callbacks.
 *
 * Returns SMAL_OK, or SMAL_ERROR_CORRUPT with the sink told of the first
 * invariant that does not hold.
 */
SMAL_API enum smal_error smal_check(struct smal_thread *thread);

/**
 * Collects at every Nth allocation from now on (1: at every one), which finds
 * roots that are missing; 0 stops it. The attached thread only.
 */
SMAL_API void smal_gc_set_torture(struct smal_gc *gc, unsigned every_allocations);

SMAL_END

#endif
