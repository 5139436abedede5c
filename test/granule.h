/* SPDX-License-Identifier: MIT */
/*
 * granule.h: words that mean an object and are not its address: those of the granule
 * in which it begins, and any that leads into it where its type says so.
 *
 * Objects come in shapes for each of which the marker has a way of its own.
 */
#ifndef SMAL_TEST_GRANULE_H
#define SMAL_TEST_GRANULE_H

#include "test/collector.h"

enum { GRANULE_SHAPES = 9, GRANULE_WORDS = 16 };

/* After heap_begin: the shape's type. From now on, until granule_end, each marking of
 * this process is compared with a second one. */
struct smal_type *granule_begin(int shape);
void granule_end(void);

/* One of the words that mean an object of the shape, n below GRANULE_WORDS. */
void *granule_word(int shape, const void *object, unsigned n);

/* A word just behind those, which means nothing; NULL where interior pointers count. */
void *granule_beyond(int shape, const void *object);

/* True if an object of the shape that is live begins there. */
bool granule_is_live(int shape, const void *object);

#endif
