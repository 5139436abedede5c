/* SPDX-License-Identifier: MIT */
/*
 * vectors.h: what the tests of vectors share: a pool with a sink that remembers, in the
 * system's memory or in buffers with canaries on both sides, and vectors that must be
 * there. Reports, marks, threads and children are those of heaps.h.
 */
#ifndef SMAL_TEST_VECTORS_H
#define SMAL_TEST_VECTORS_H

#include "test/heaps.h"

#include <smal/vector/pool.h>

/* The pool at hand. */
extern struct smal_vector_pool *pool;

/* Makes the pool, and has the sink remember; NULL: no options. */
void vectors_begin(const struct smal_vector_options *options);
void vectors_begin_plain(void);
/* The pool is sound, nothing was told that was not asked for; destroys it. */
void vectors_end(void);

/* A disc and a map exactly as large as need be, at odd places, with canaries around
 * them; the pool is made in them. False: too small for one. */
bool vectors_begin_in(size_t disc_bytes, size_t smallest, size_t largest, unsigned growth);
/* As vectors_end; and no canary was written to. */
void vectors_end_in(void);

void vectors_check(void);
struct smal_vector_stats vectors_stats(void);

void *vectors_alloc(size_t capacity);
void vectors_free(void *vector);
void *vectors_resize(void *vector, size_t used);

/* What the system says of the bytes of a range that are resident; TEST_UNKNOWN. */
size_t vectors_resident(const void *base, size_t bytes);

#endif
