/* SPDX-License-Identifier: MIT */
/*
 * collector.h: what the tests of the collector share: a collector with this
 * thread attached, roots, a sink that remembers, and the sums that must hold.
 *
 * Environment: SMAL_TEST_SMALL=1 asks for heaps of at most 10^4 objects, so
 * that a program can be run with a collection at every allocation.
 */
#ifndef SMAL_TEST_COLLECTOR_H
#define SMAL_TEST_COLLECTOR_H

#include "test/support.h"

#include <smal.h>

/* The collector at hand, and this thread's attachment to it. */
extern struct smal_gc *gc;
extern struct smal_thread *thread;

/* Words that are roots of it, each a slot. */
enum { ROOTS = 8 };
extern void *roots[ROOTS];

/* What the sink was told last, and how often it was told something. */
struct told {
	unsigned count;
	char function[64], what[128], detail[256];
	const void *pointer;
	enum smal_error error;
};
extern struct told told;

/* The sink remembers instead of aborting; forgets what it was told. */
void told_begin(void);

/* Nothing was told since told_begin, or since told_once. */
void told_nothing(void);

/* One thing was told, with this error, and is forgotten now. */
void told_once(enum smal_error error);

/* Makes the collector, attaches, declares the roots. NULL: exact stacks, and
 * collections on demand alone. */
void heap_begin(const struct smal_gc_options *options);

/* The two usual ways, as fixtures. */
void heap_begin_exact(void);
void heap_begin_scanned(void);

/* Checks, detaches and ends; nothing was told that was not asked for. */
void heap_end(void);

/* smal_check finds nothing; the counts of the collector, of its types and of a
 * walk over all objects agree. */
void heap_check(void);

/* Collects, and heap_check. */
void heap_collect(void);

/* Objects that are live: neither found dead nor pending. */
uint64_t heap_live(void);

struct smal_type *heap_type(const struct smal_type_desc *desc);

/* Types that most tests need: two pointers; bytes of any number; words of any
 * number that are all taken for pointers. */
struct smal_type *heap_pair_type(void);
struct smal_type *heap_text_type(void);
struct smal_type *heap_array_type(void);

/* An object, which must not fail. */
void *heap_alloc(struct smal_type *type);
void *heap_alloc_bytes(struct smal_type *type, size_t bytes);

/* A pair that refers to a and b, which are roots until it is there (words 6 and 7 of
 * roots). */
void **heap_cons(struct smal_type *pair, void *a, void *b);

/* Puts pairs of so many bytes in front of the list that a word of roots leads to. */
void heap_keep(struct smal_type *pair, int root, size_t bytes);

/* An ephemeron, which must not fail. */
struct smal_ephemeron *heap_ephemeron(void *key, void *value);

/* A map, empty, with keys compared by address; an entry, which must not fail; the words
 * 16 n lead to the words 32 n in it, for n of [first, limit). */
struct smal_map *heap_map(enum smal_map_kind kind);
void heap_map_put(struct smal_map *map, void *key, void *value);
void heap_map_expect(struct smal_map *map, uintptr_t first, uintptr_t limit);

/* n; a tenth of it where the program is slow; at most 10^4 objects where the
 * heap must stay small. */
size_t heap_scale(size_t n);
bool heap_must_be_small(void);

/* An address that no conservative scan recognises. */
#define HIDE(pointer) (~(uintptr_t)(pointer))

#endif
