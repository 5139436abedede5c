/* SPDX-License-Identifier: MIT */
/*
 * notice.c: what the tests of finalizers and watches share (notice.h).
 */
#include "test/notice.h"

struct smal_type *pair, *array;
struct smal_queue *queue;
struct smal_collection last_collection;
uint64_t all_notices;

static void observe(const struct smal_collection *collection, void *user)
{
	(void)user;
	last_collection = *collection;
	all_notices += collection->notices;
}

static void begin(void)
{
	pair = heap_pair_type();
	array = heap_array_type();
	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	smal_gc_set_observer(gc, observe, NULL);
}

void notice_begin(void)
{
	heap_begin_exact();
	begin();
}

void notice_begin_scanned(void)
{
	heap_begin_scanned();
	begin();
}

struct smal_finalizer *notice_add(void *object, void *value, unsigned flags)
{
	struct smal_finalizer *finalizer = smal_finalizer_add(thread, queue, object, value, flags);

	EXPECT(finalizer != NULL);
	return finalizer;
}

struct smal_finalizer *notice_watch(void *object, void *value)
{
	struct smal_finalizer *finalizer = smal_watch_add(thread, queue, object, value);

	EXPECT(finalizer != NULL);
	return finalizer;
}

struct smal_notice notice_take(void)
{
	struct smal_notice notice = { 0 };

	ck_assert_int_eq(smal_queue_take(thread, queue, &notice), 1);
	return notice;
}

void notice_none(void)
{
	struct smal_notice notice = { .value = &notice };

	ck_assert_uint_eq(smal_queue_count(queue), 0);
	ck_assert_int_eq(smal_queue_take(thread, queue, &notice), 0);
	ck_assert_ptr_eq(notice.value, &notice);
}

void notice_collect(size_t waiting)
{
	size_t before = smal_queue_count(queue);

	heap_collect();
	ck_assert_uint_eq(smal_queue_count(queue), waiting);
	ck_assert_uint_eq(last_collection.notices, waiting - before);
}

void *notice_number(size_t n)
{
	return (void *)(n * 8 + 1);
}
