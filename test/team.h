/* SPDX-License-Identifier: MIT */
/*
 * team.h: what the tests of several markers share: a collector with so many of them,
 * witnesses, and heaps with enough in them for several threads.
 *
 * A witness is an object with a mark callback: it tells which threads marked.
 * Collections are repeated until helpers were seen, for it is the system that says
 * when a thread that was woken runs.
 */
#ifndef SMAL_TEST_TEAM_H
#define SMAL_TEST_TEAM_H

#include "test/crew.h"

/* Witnesses of a heap that is worth sharing; collections until helpers are seen. */
enum { TEAM_WITNESSES = 2000, TEAM_PATIENCE = 300 };

/* Loop tests are run with 2, 3 and 4 markers. */
enum { TEAM_MARKERS = 3 };
extern const unsigned team_markers[TEAM_MARKERS];

/* n, or few where the heap must be small: else enough for several threads, however
 * slow the program is. */
size_t team_many(size_t n);

/* Why one thread marks, whatever is asked for: a small heap is marked by one, and
 * Valgrind sees one. NULL: several may. */
const char *team_why_alone(void);

/* ---- Types of the collector at hand ---- */

struct witness {
	void *left, *right, *tail;
};

/* Mortals count in team_freed; they have three words, all taken for pointers. */
extern struct smal_type *team_pair, *team_array, *team_text, *team_witness, *team_mortal;

/* Witnesses that were marked by helpers, and by who collects; mortals that died. */
extern volatile uint32_t team_on_helpers, team_on_collector, team_freed;

/* Counts the thread that marks. */
void team_note_thread(void);
/* The callback of witnesses, for types of the tests' own. */
void *team_mark_witness(struct smal_marker *marker, void *object);

/* ---- Heaps ---- */

/* Makes the collector and the types. signal: that stops threads, and stacks are
 * scanned; 0: none. */
void team_begin(unsigned markers, int signal);

/* Collects until helpers were seen; each time, so many objects are live. */
void team_expect_live(uint64_t live);

/* After the heap is gone, so is everything; shared: and threads took part, if there
 * can be any. */
void team_end(bool shared);

/* A witness in front of two objects that are roots already. */
void *team_see(void *left, void *right);

/* n witnesses below an array, each with what `make` makes of its number, in a slot
 * that is a root; returns the objects. `make` returns those that it made. */
uint64_t team_fill(size_t n, uint64_t (*make)(void **slot, size_t i));
/* A list of 50 pairs; a tree of 63. */
uint64_t team_make_list(void **slot, size_t i);
uint64_t team_make_tree(void **slot, size_t i);

/* Work of a member that is attached: lists of witnesses, all of which are there after
 * a collection. */
void team_mutate(struct member *member);

#endif
