/* SPDX-License-Identifier: MIT */
/*
 * team.h: what mistakes in mark callbacks on a thread of the library's own have in
 * common: a heap that several threads mark, until one of them makes the mistake. Where
 * there is no such thread, the collecting thread makes it in the end.
 */
#ifndef SMAL_TEST_MISUSE_TEAM_H
#define SMAL_TEST_MISUSE_TEAM_H

#include "test/misuse/misuse.h"

#include <pthread.h>

enum { TEAM_LISTS = 2000, TEAM_LENGTH = 20, TEAM_PATIENCE = 200 };

static pthread_t collecting;
static volatile int made, last;
static struct smal_type *team_type;

/* The mistake. */
static void mistake(void);

static void *team_mark(struct smal_marker *marker, void *object)
{
	void **words = object;

	smal_mark(marker, words[1]);
	if ((last || !pthread_equal(pthread_self(), collecting)) &&
	    !__atomic_exchange_n(&made, 1, __ATOMIC_ACQ_REL))
		mistake();
	return words[0];
}

/* Marks until the mistake has been made. */
static inline int team_run(void)
{
	struct smal_type_desc row = { .name = "row", .marking = SMAL_MARK_CONSERVATIVE };
	struct smal_type_desc desc = { .name = "link", .bytes = 2 * sizeof(void *),
		                       .marking = SMAL_MARK_CALLBACK, .mark = team_mark };
	struct smal_gc_options options = { .markers = 3, .pace = SMAL_PACE_OFF };
	struct smal_type *row_type;
	static void *root;
	void **heads;

	collecting = pthread_self();
	expect_ok(smal_gc_create(&options, &gc));
	expect_ok(smal_thread_attach(gc, &thread));
	expect_ok(smal_type_create(gc, &row, &row_type));
	expect_ok(smal_type_create(gc, &desc, &team_type));
	expect_ok(smal_root_add(gc, &root, NULL));
	heads = root = smal_alloc_bytes(thread, row_type, TEAM_LISTS * sizeof *heads);
	for (int i = 0; i < TEAM_LISTS; i++)
		for (int j = 0; j < TEAM_LENGTH; j++) {
			void **link = smal_alloc(thread, team_type);

			link[0] = heads[i];
			heads[i] = link;
		}
	for (int i = 0; i < TEAM_PATIENCE && !made; i++) {
		last = i == TEAM_PATIENCE - 1;
		smal_collect(thread);
	}
	return 0;
}

#endif
