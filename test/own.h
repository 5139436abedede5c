/* SPDX-License-Identifier: MIT */
/*
 * own.h: a collector with a weak function, for tests of those: it counts its calls, and
 * hands them to what the test has put into on_stage.
 */
#ifndef SMAL_TEST_OWN_H
#define SMAL_TEST_OWN_H

#include <smal/gc/gc.h>

#include "test/collector.h"

#include <string.h>

enum { STAGES = SMAL_WEAK_LONG_STAGE + 1 };

static struct smal_type *pair, *text, *array;
/* Calls in this collection; the test's own part. */
static unsigned calls;
static void (*on_stage)(struct smal_marker *marker, enum smal_weak_stage stage);

static void weak(struct smal_marker *marker, enum smal_weak_stage stage, void *user)
{
	EXPECT(user == &calls);
	EXPECT(calls++ == (unsigned)stage);
	if (on_stage != NULL)
		on_stage(marker, stage);
}

/* Without torture: what is only hidden must stay until it is asked about. */
static void begin(void)
{
	heap_begin_exact();
	smal_gc_set_torture(gc, 0);
	pair = heap_pair_type();
	text = heap_text_type();
	array = heap_array_type();
	on_stage = NULL;
	ck_assert_int_eq(smal_gc_set_weak(gc, weak, &calls), SMAL_OK);
}

static void collect(void)
{
	calls = 0;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert_uint_eq(calls, STAGES);
	heap_check();
}

static void **cons(void *a, void *b)
{
	calls = 0;
	return heap_cons(pair, a, b);
}

static bool is_live(uintptr_t word)
{
	return smal_type_of((void *)~word) != NULL;

#endif
