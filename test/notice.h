/* SPDX-License-Identifier: MIT */
/*
 * notice.h: what the tests of finalizers and watches share: a collector with a queue,
 * registrations that must not fail, and notices one by one.
 */
#ifndef SMAL_TEST_NOTICE_H
#define SMAL_TEST_NOTICE_H

#include "test/collector.h"

/* The types of heap_pair_type and heap_array_type; the queue that all notices of
 * these tests go to. */
extern struct smal_type *pair, *array;
extern struct smal_queue *queue;

/* What the observer saw: the last collection, and the notices of all. */
extern struct smal_collection last_collection;
extern uint64_t all_notices;

/* Fixtures, in place of heap_begin_exact and heap_begin_scanned. */
void notice_begin(void);
void notice_begin_scanned(void);

/* A registration. */
struct smal_finalizer *notice_add(void *object, void *value, unsigned flags);
struct smal_finalizer *notice_watch(void *object, void *value);

/* The next notice, which is there; there is none. */
struct smal_notice notice_take(void);
void notice_none(void);

/* A collection after which so many notices wait. */
void notice_collect(size_t waiting);

/* A value that is a number, and no object. */
void *notice_number(size_t n);

#endif
