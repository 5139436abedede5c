/* SPDX-License-Identifier: MIT */
/*
 * check_finalizer.c: each registration gives one notice, at the collection that finds
 * its object unreached, with the object and its value whole; an order, if one was asked
 * for, goes from owners to what they own; nothing is lost for want of memory, and
 * nothing is left over: counts agree.
 */
#include "test/collector.h"
#include "test/fault.h"

#include <pthread.h>
#include <string.h>

static struct smal_type *pair, *array;
static struct smal_queue *queue;
static struct smal_collection last;
static uint64_t all_notices;

static void observe(const struct smal_collection *collection, void *user)
{
	(void)user;
	last = *collection;
	all_notices += collection->notices;
}

static void begin(void)
{
	heap_begin_exact();
	pair = heap_pair_type();
	array = heap_array_type();
	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	smal_gc_set_observer(gc, observe, NULL);
}

static struct smal_finalizer *add(void *object, void *value, unsigned flags)
{
	struct smal_finalizer *finalizer = smal_finalizer_add(thread, queue, object, value, flags);

	EXPECT(finalizer != NULL);
	return finalizer;
}

static struct smal_finalizer *watch(void *object, void *value)
{
	struct smal_finalizer *finalizer = smal_watch_add(thread, queue, object, value);

	EXPECT(finalizer != NULL);
	return finalizer;
}

static struct smal_notice take(void)
{
	struct smal_notice notice = { 0 };

	ck_assert_int_eq(smal_queue_take(thread, queue, &notice), 1);
	return notice;
}

static void expect_empty(void)
{
	struct smal_notice notice = { .value = &notice };

	ck_assert_uint_eq(smal_queue_count(queue), 0);
	ck_assert_int_eq(smal_queue_take(thread, queue, &notice), 0);
	ck_assert_ptr_eq(notice.value, &notice);
}

/* A collection after which so many notices wait. */
static void collect(size_t waiting)
{
	size_t before = smal_queue_count(queue);

	heap_collect();
	ck_assert_uint_eq(smal_queue_count(queue), waiting);
	ck_assert_uint_eq(last.notices, waiting - before);
}

static void *number(size_t n)
{
	return (void *)(n * 8 + 1);
}

/* ---- One notice ---- */

START_TEST(test_once)
{
	struct smal_finalizer *finalizer;
	struct smal_notice notice;
	void **object = roots[0] = heap_alloc(pair);

	object[1] = heap_alloc(pair);
	finalizer = add(object, number(5), 0);
	collect(0);
	roots[0] = NULL;
	collect(1);
	/* It and its registration wait, with all that it refers to. */
	for (int i = 0; i < 3; i++) {
		collect(1);
		ck_assert_uint_eq(heap_live(), 3);
	}
	notice = take();
	ck_assert_ptr_eq(notice.object, object);
	ck_assert_ptr_eq(notice.value, number(5));
	ck_assert_ptr_eq((const void *)notice.finalizer, finalizer);
	ck_assert_int_eq(notice.in_cycle, 0);
	ck_assert_ptr_eq(smal_type_of(object[1]), pair);
	expect_empty();
	/* The registration is over: it dies again, silently. */
	roots[0] = object;
	collect(0);
	ck_assert_uint_eq(heap_live(), 2);
	roots[0] = NULL;
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Guardians: who takes an object may register it again, and again. */
START_TEST(test_resurrection)
{
	void *object = roots[0] = heap_alloc(pair);

	for (size_t i = 0; i < 20; i++) {
		add(object, number(i), i % 3 == 0 ? SMAL_FINALIZER_ORDERED : 0);
		roots[0] = NULL;
		collect(1);
		roots[0] = take().object;
		ck_assert_ptr_eq(roots[0], object);
		collect(0);
	}
	roots[0] = NULL;
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

START_TEST(test_first_in_first_out)
{
	enum { ROUNDS = 50 };
	void **held = roots[0] = heap_alloc_bytes(array, ROUNDS * sizeof *held);

	for (size_t i = 0; i < ROUNDS; i++)
		add(held[i] = heap_alloc(pair), number(i), i % 2 == 0 ? SMAL_FINALIZER_ORDERED : 0);
	/* The last registered dies first. */
	for (size_t i = 0; i < ROUNDS; i++) {
		held[ROUNDS - 1 - i] = NULL;
		collect(i + 1);
	}
	for (size_t i = 0; i < ROUNDS; i++)
		ck_assert_ptr_eq(take().value, number(ROUNDS - 1 - i));
	expect_empty();
}
END_TEST

/* The value lives with the object, and until the notice is taken; it keeps neither
 * the object nor itself. */
START_TEST(test_value)
{
	void *object = roots[0] = heap_alloc(pair), **value;

	roots[1] = value = heap_alloc(pair);
	value[0] = heap_alloc(pair);
	value[1] = object;
	add(object, value, _i == 0 ? 0 : SMAL_FINALIZER_ORDERED);
	roots[1] = NULL;
	collect(0);
	ck_assert_uint_eq(heap_live(), 4);
	roots[0] = NULL;
	collect(1);
	collect(1);
	ck_assert_uint_eq(heap_live(), 4);
	ck_assert_ptr_eq(roots[1] = take().value, value);
	collect(0);
	ck_assert_ptr_eq(value[1], object);
	ck_assert_uint_eq(heap_live(), 3);
	/* The object as its own value. */
	roots[1] = NULL;
	add(object, object, _i == 0 ? 0 : SMAL_FINALIZER_ORDERED);
	collect(1);
	ck_assert_ptr_eq(take().value, object);
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Objects whose registrations' values are each other: both come. */
START_TEST(test_values_crossed)
{
	void *a = roots[0] = heap_alloc(pair), *b = roots[1] = heap_alloc(pair);

	add(a, b, 0);
	add(b, a, 0);
	roots[0] = NULL;
	collect(0);
	roots[0] = a;
	roots[0] = roots[1] = NULL;
	collect(2);
	take();
	take();
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

START_TEST(test_several_on_one)
{
	enum { EACH = 40 };
	bool came[EACH] = { false };
	void *object = roots[0] = heap_alloc(pair);
	struct smal_queue *other;

	ck_assert_int_eq(smal_queue_create(gc, &other), SMAL_OK);
	for (size_t i = 0; i < EACH; i++)
		ck_assert_ptr_nonnull(smal_finalizer_add(thread, i % 4 == 0 ? other : queue, object,
		                                         number(i), i % 3 == 0));
	roots[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(last.notices, EACH);
	ck_assert_uint_eq(smal_queue_count(other), EACH / 4);
	for (size_t i = 0; i < EACH; i++) {
		struct smal_notice notice;
		size_t n;

		EXPECT(smal_queue_take(thread, i < EACH / 4 ? other : queue, &notice) == 1);
		n = (size_t)notice.value / 8;
		EXPECT(notice.object == object && n < EACH && !came[n]);
		EXPECT((n % 4 == 0) == (i < EACH / 4));
		came[n] = true;
	}
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* What a finalizer's object refers to has its own finalizer: unordered, they come
 * together. */
START_TEST(test_unordered)
{
	void **at = NULL;

	for (size_t i = 0; i < 10; i++) {
		void **next = heap_alloc(pair);

		next[0] = at;
		roots[0] = at = next;
		add(at, number(i), 0);
	}
	roots[0] = NULL;
	collect(10);
	for (size_t i = 0; i < 10; i++)
		take();
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* ---- In order ---- */

/* Owners first, one a collection, whatever the order of registration. */
static void expect_chain(const size_t *registered, unsigned flags)
{
	void **object[3];

	for (int i = 2; i >= 0; i--) {
		roots[i] = object[i] = heap_alloc(pair);
		/* Not straight: by way of another object. */
		object[i][1] = roots[3] = heap_alloc(pair);
		((void **)roots[3])[0] = i < 2 ? object[i + 1] : NULL;
	}
	for (int i = 0; i < 3; i++)
		add(object[registered[i]], number(registered[i]), flags);
	roots[0] = roots[1] = roots[2] = roots[3] = NULL;
	for (size_t i = 0; i < 3; i++) {
		collect(1);
		/* As long as the owner waits, what it owns does. */
		collect(1);
		ck_assert_uint_eq(last.cyclic_finalizers, 0);
		ck_assert_ptr_eq(take().value, number(i));
	}
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}

START_TEST(test_ordered)
{
	static const size_t orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		                            { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	expect_chain(orders[_i], SMAL_FINALIZER_ORDERED);
	expect_chain(orders[_i], SMAL_FINALIZER_CYCLES);
	expect_chain(orders[_i], SMAL_FINALIZER_ORDERED | SMAL_FINALIZER_CYCLES);
}
END_TEST

/* An owner that is alive, or whose registration is not ordered, holds nobody up but
 * by being alive. */
START_TEST(test_ordered_below_unordered)
{
	void **owner = roots[0] = heap_alloc(pair), *owned = owner[0] = heap_alloc(pair);

	add(owned, number(1), SMAL_FINALIZER_ORDERED);
	add(owner, number(2), 0);
	collect(0);
	roots[0] = NULL;
	collect(2);
	take();
	take();
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Several registrations of one object do not wait for each other. */
START_TEST(test_ordered_twice)
{
	void *object = roots[0] = heap_alloc(pair);

	add(object, number(1), SMAL_FINALIZER_ORDERED);
	add(object, number(2), SMAL_FINALIZER_CYCLES);
	add(object, number(3), SMAL_FINALIZER_ORDERED);
	roots[0] = NULL;
	collect(3);
}
END_TEST

/* By way of an ephemeron, or of a map's entry, an owner owns too. */
START_TEST(test_ordered_by_pair)
{
	void *key = roots[0] = heap_alloc(pair), **owner = roots[1] = heap_alloc(pair);
	void *owned = roots[2] = heap_alloc(pair);

	if (_i % 2 == 0) {
		owner[0] = smal_ephemeron_create(thread, key, owned);
	} else {
		owner[0] = smal_map_create(thread, SMAL_MAP_WEAK_KEYS, NULL, NULL, NULL);
		ck_assert_int_eq(smal_map_put(thread, owner[0], key, owned), SMAL_OK);
	}
	if (_i / 2 == 0)
		add(owner, number(1), SMAL_FINALIZER_ORDERED);
	add(owned, number(2), SMAL_FINALIZER_ORDERED);
	if (_i / 2 != 0)
		add(owner, number(1), SMAL_FINALIZER_ORDERED);
	roots[1] = roots[2] = NULL;
	collect(1);
	ck_assert_ptr_eq(take().value, number(1));
	collect(1);
	ck_assert_ptr_eq(take().value, number(2));
}
END_TEST

/* ---- Cycles ---- */

/* A ring of objects; the first is roots[0]. */
static void make_ring(size_t count, size_t first_number, unsigned flags)
{
	void **first = roots[0] = heap_alloc(pair), **at = first;

	for (size_t i = 0; i < count; i++) {
		add(at, number(first_number + i), flags);
		at = at[0] = i + 1 < count ? heap_alloc(pair) : (void *)first;
	}
}

/* They stay, and the cycles are counted. */
START_TEST(test_cycles_stay)
{
	static const size_t counts[] = { 1, 2, 5 };
	size_t count = counts[_i];

	make_ring(count, 0, SMAL_FINALIZER_ORDERED);
	roots[1] = roots[0];
	make_ring(count, count, SMAL_FINALIZER_ORDERED);
	collect(0);
	ck_assert_uint_eq(last.cyclic_finalizers, 0);
	roots[0] = roots[1] = NULL;
	for (int i = 0; i < 3; i++) {
		collect(0);
		ck_assert_uint_eq(last.cyclic_finalizers, 2);
		ck_assert_uint_eq(heap_live(), 4 * count);
	}
}
END_TEST

/* One a collection, while what is left is a cycle; then all are gone. */
START_TEST(test_cycles_delivered)
{
	enum { RING = 5 };
	bool came[2 * RING] = { false };

	make_ring(RING, 0, SMAL_FINALIZER_CYCLES);
	roots[1] = roots[0];
	make_ring(RING, RING, SMAL_FINALIZER_CYCLES);
	roots[0] = roots[1] = NULL;
	for (int i = 0; i < RING; i++) {
		size_t n[2];

		collect(2);
		for (int j = 0; j < 2; j++) {
			struct smal_notice notice = take();

			n[j] = (size_t)notice.value / 8;
			ck_assert_int_eq(notice.in_cycle, 1);
			ck_assert(n[j] < 2 * RING && !came[n[j]]);
			came[n[j]] = true;
		}
		ck_assert((n[0] < RING) != (n[1] < RING));
	}
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* A cycle by way of an ephemeron is delivered, too. */
START_TEST(test_cycle_by_pair)
{
	void **object = roots[0] = heap_alloc(pair), **other;

	roots[1] = heap_alloc(pair);
	roots[2] = other = _i == 0 ? (void *)object : heap_alloc(pair);
	object[0] = smal_ephemeron_create(thread, roots[1], other);
	other[1] = object;
	add(object, number(1), SMAL_FINALIZER_CYCLES);
	roots[0] = roots[2] = NULL;
	collect(1);
	ck_assert_int_eq(take().in_cycle, 1);
	collect(0);
	ck_assert_uint_eq(heap_live(), 1);
}
END_TEST

/* An owner comes before the cycle that it owns. */
START_TEST(test_cycle_with_owner)
{
	void **owner = roots[1] = heap_alloc(pair);

	if (_i == 0)
		add(owner, number(9), SMAL_FINALIZER_CYCLES);
	make_ring(2, 0, SMAL_FINALIZER_CYCLES);
	if (_i != 0)
		add(owner, number(9), SMAL_FINALIZER_CYCLES);
	owner[0] = roots[0];
	roots[0] = roots[1] = NULL;
	collect(1);
	ck_assert_ptr_eq(take().value, number(9));
	collect(1);
	ck_assert_int_eq(take().in_cycle, 1);
}
END_TEST

/* ---- Watches ---- */

static unsigned freed;

static void count_free(void *object, void *user)
{
	(void)object;
	(void)user;
	freed++;
}

START_TEST(test_watch)
{
	struct smal_type_desc desc = { .name = "freed", .bytes = 48, .free = count_free };
	struct smal_finalizer *registration;
	struct smal_notice notice;

	freed = 0;
	roots[1] = heap_alloc(pair);
	roots[0] = heap_alloc(heap_type(&desc));
	registration = watch(roots[0], roots[1]);
	roots[1] = NULL;
	collect(0);
	roots[0] = NULL;
	collect(1);
	ck_assert_uint_eq(freed, 1);
	/* The registration and the value. */
	collect(1);
	ck_assert_uint_eq(heap_live(), 2);
	notice = take();
	ck_assert_ptr_null(notice.object);
	ck_assert_ptr_eq((const void *)notice.finalizer, registration);
	ck_assert_ptr_eq(smal_type_of(notice.value), pair);
	ck_assert_int_eq(notice.in_cycle, 0);
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Not while a finalizer brings the object back, nor while its notice waits. */
START_TEST(test_watch_after_finalizer)
{
	void **owner = roots[0] = heap_alloc(pair);

	watch(owner, number(1));
	owner[0] = heap_alloc(pair);
	watch(owner[0], number(2));
	add(owner, number(3), 0);
	roots[0] = NULL;
	collect(1);
	collect(1);
	roots[0] = take().object;
	collect(0);
	roots[0] = NULL;
	collect(2);
	take();
	take();
	ck_assert_uint_eq(smal_queue_count(queue), 0);
}
END_TEST

/* A watch's value is kept; so are objects whose watches are not due for that. */
START_TEST(test_watch_values)
{
	void *a = roots[0] = heap_alloc(pair), *b = roots[1] = heap_alloc(pair);
	void *c = roots[2] = heap_alloc(pair);

	if (_i == 0)
		watch(a, b);
	watch(b, c);
	if (_i != 0)
		watch(a, b);
	roots[0] = roots[1] = roots[2] = NULL;
	collect(1);
	ck_assert_ptr_eq(take().value, b);
	ck_assert_ptr_eq(smal_type_of(c), pair);
	collect(1);
	ck_assert_ptr_eq(take().value, c);
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Freed by hand, an object is gone: its watches say so at the next collection, its
 * finalizers are over. */
START_TEST(test_freed_object)
{
	for (int i = 0; i < 3; i++) {
		void *object = heap_alloc_bytes(array, i == 2 ? 200000 : 100);

		roots[0] = object;
		watch(object, number(1));
		if (i > 0)
			add(object, number(2), i == 1 ? 0 : SMAL_FINALIZER_ORDERED);
		roots[0] = NULL;
		ck_assert_int_eq(smal_free(thread, object), SMAL_OK);
		collect(1);
		ck_assert_ptr_eq(take().value, number(1));
		collect(0);
		ck_assert_uint_eq(heap_live(), 0);
	}
}
END_TEST

/* ---- Ends ---- */

START_TEST(test_cancel)
{
	struct smal_finalizer *finalizer[5];
	void *object = roots[0] = heap_alloc(pair);

	for (size_t i = 0; i < 4; i++)
		finalizer[i] = add(object, number(i), i & 1);
	finalizer[4] = watch(object, number(4));
	for (int i = 0; i < 5; i += 2)
		ck_assert_int_eq(smal_finalizer_cancel(thread, finalizer[i]), SMAL_OK);
	ck_assert_int_eq(smal_finalizer_cancel(thread, finalizer[0]), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	collect(0);
	ck_assert_uint_eq(heap_live(), 3);
	roots[0] = NULL;
	collect(2);
	ck_assert_int_eq(smal_finalizer_cancel(thread, finalizer[1]), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_uint_eq((size_t)take().value / 8 % 2, 1);
	ck_assert_uint_eq((size_t)take().value / 8 % 2, 1);
	ck_assert_int_eq(smal_finalizer_cancel(thread, finalizer[3]), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_finalizer_cancel(thread, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_finalizer_cancel(thread, object), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

START_TEST(test_queue_destroyed)
{
	struct smal_queue *other;
	void *object = roots[0] = heap_alloc(pair);

	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(smal_queue_create(gc, &other), SMAL_OK);
		/* One notice waits, one registration is to come, both with values. */
		roots[1] = heap_alloc(pair);
		ck_assert_ptr_nonnull(smal_finalizer_add(thread, other, roots[1], roots[1], 0));
		roots[1] = NULL;
		heap_collect();
		ck_assert_uint_eq(smal_queue_count(other), 1);
		ck_assert_ptr_nonnull(
			smal_finalizer_add(thread, other, object, heap_alloc(pair), 0));
		ck_assert_ptr_nonnull(smal_watch_add(thread, other, object, heap_alloc(pair)));
		add(object, number((size_t)i), 0);
		ck_assert_int_eq(smal_queue_destroy(other), SMAL_OK);
		collect(0);
		ck_assert_uint_eq(heap_live(), 1 + (uint64_t)i + 1);
	}
	ck_assert_int_eq(smal_queue_destroy(NULL), SMAL_OK);
	roots[0] = NULL;
	collect(10);
}
END_TEST

/* A collector may end with all of it. */
START_TEST(test_end)
{
	for (int i = 0; i < 1000; i++) {
		roots[0] = heap_alloc(pair);
		add(roots[0], number((size_t)i), (unsigned)i % 3);
		watch(roots[0], NULL);
		if (i % 250 == 0)
			heap_collect();
	}
	ck_assert_uint_gt(smal_queue_count(queue), 0);
}
END_TEST

START_TEST(test_refused)
{
	void *object = roots[0] = heap_alloc_bytes(array, 64);
	struct smal_queue *gone, *none = NULL;
	struct smal_notice notice;

	ck_assert_int_eq(smal_queue_create(gc, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_queue_create(NULL, &none), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_queue_create(gc, &gone), SMAL_OK);
	ck_assert_int_eq(smal_queue_destroy(gone), SMAL_OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_null(
			smal_finalizer_add(thread, i == 0 ? none : gone, object, NULL, 0));
		ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_INVALID);
		told_once(SMAL_ERROR_INVALID);
		ck_assert_int_eq(smal_queue_take(thread, i == 0 ? none : gone, &notice), 0);
		told_once(SMAL_ERROR_INVALID);
	}
	ck_assert_int_eq(smal_queue_destroy(gone), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_finalizer_add(thread, queue, NULL, NULL, 0));
	told_once(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_finalizer_add(thread, queue, (char *)object + 8, NULL, 0));
	told_once(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_watch_add(thread, queue, &notice, NULL));
	told_once(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_finalizer_add(thread, queue, object, NULL, 4));
	told_once(SMAL_ERROR_INVALID);
	collect(0);
	ck_assert_uint_eq(heap_live(), 1);
}
END_TEST

/* ---- Threads ---- */

enum { TAKERS = 4 };

static size_t taken[TAKERS], notices;
static unsigned char came[100000];
static volatile size_t left;

/* Takes until all have come. */
static void *taker(void *argument)
{
	struct smal_thread *self;
	struct smal_notice notice;
	size_t *count = argument;

	EXPECT(smal_thread_attach(gc, &self) == SMAL_OK);
	while (__atomic_load_n(&left, __ATOMIC_ACQUIRE) > 0) {
		if (!smal_queue_take(self, queue, &notice)) {
			smal_poll(self);
			continue;
		}
		EXPECT((size_t)notice.value / 8 < notices);
		EXPECT(__atomic_fetch_add(&came[(size_t)notice.value / 8], 1, __ATOMIC_RELAXED) ==
		       0);
		EXPECT(notice.object != NULL);
		EXPECT(*(void **)notice.object == notice.value);
		++*count;
		__atomic_fetch_sub(&left, 1, __ATOMIC_RELEASE);
	}
	EXPECT(smal_thread_detach(self) == SMAL_OK);
	return argument;
}

/* Objects come and go, collections run, and others take what comes: each notice is
 * somebody's, once, with its object whole. (Stacks are scanned.) */
START_TEST(test_takers)
{
	pthread_t ids[TAKERS];
	size_t takers = _i == 0 ? 1 : TAKERS, sum = 0;

	notices = heap_scale(test_long() ? 100000 : 20000);
	memset(taken, 0, sizeof taken);
	memset(came, 0, sizeof came);
	left = notices;
	for (size_t i = 0; i < takers; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, taker, &taken[i]), 0);
	for (size_t i = 0; i < notices; i++) {
		void **object = heap_alloc(pair);

		object[0] = number(i);
		roots[i % ROOTS] = object;
		add(object, number(i), i % 5 == 0 ? SMAL_FINALIZER_ORDERED : 0);
		if (i % 500 == 0)
			EXPECT(smal_collect(thread) == SMAL_OK);
	}
	memset(roots, 0, sizeof roots);
	while (__atomic_load_n(&left, __ATOMIC_ACQUIRE) > 0) {
		smal_alloc_bytes(thread, array, 2000);
		EXPECT(smal_collect(thread) == SMAL_OK);
	}
	ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
	for (size_t i = 0; i < takers; i++)
		ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
	ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
	for (size_t i = 0; i < takers; i++)
		sum += taken[i];
	ck_assert_uint_eq(sum, notices);
	heap_collect();
	expect_empty();
}
END_TEST

static void begin_scanned(void)
{
	heap_begin_scanned();
	pair = heap_pair_type();
	array = heap_array_type();
	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
}

/* ---- A script ---- */

enum { IDS = 1000 };

/* Thousand objects, by three tables of references, dropped in an order that the seed
 * says over several collections: the ids come once each, none before its time. */
START_TEST(test_script)
{
	void **held = roots[0] = heap_alloc_bytes(array, IDS * sizeof *held);
	size_t order[IDS], dropped = 0, seen = 0;
	int state[IDS] = { 0 };
	struct test_random random;

	test_random_init(&random, (uint64_t)_i);
	for (size_t i = 0; i < IDS; i++) {
		void **object = held[i] = heap_alloc(pair);

		object[0] = number(i);
		add(object, number(i), i % 3 == 0 ? SMAL_FINALIZER_ORDERED : 0);
		order[i] = i;
	}
	for (size_t i = IDS; i > 1; i--) {
		size_t j = test_random_below(&random, i), other = order[j];

		order[j] = order[i - 1];
		order[i - 1] = other;
	}
	while (seen < IDS) {
		size_t drop = test_random_below(&random, 100);

		for (; drop > 0 && dropped < IDS; drop--, dropped++) {
			held[order[dropped]] = NULL;
			state[order[dropped]] = 1;
		}
		heap_collect();
		ck_assert_uint_eq(smal_queue_count(queue), dropped - seen);
		/* Some stay on the queue over the next collection. */
		while (seen < dropped && test_random_below(&random, 30) != 0) {
			struct smal_notice notice = take();
			size_t id = (size_t)notice.value / 8;

			ck_assert_uint_lt(id, IDS);
			ck_assert_int_eq(state[id], 1);
			ck_assert_ptr_eq(((void **)notice.object)[0], notice.value);
			state[id] = 2;
			seen++;
		}
	}
	expect_empty();
	collect(0);
	ck_assert_uint_eq(heap_live(), 1);
}
END_TEST

/* ---- Without memory ---- */

/* A registration that fails changes nothing; one that does not, delivers, also where
 * there is no memory at all by then. */
START_TEST(test_no_memory)
{
	size_t most = heap_scale(20000), registered = 0, failures = 0, came_again = 0;
	void **held = roots[0] = heap_alloc_bytes(array, most * sizeof *held);
	struct smal_notice notice;

	for (size_t i = 0; i < most; i++)
		held[i] = heap_alloc(pair);
	for (size_t i = 0; i < most; i++) {
		struct smal_finalizer *finalizer;

		if (i % 1000 == 500)
			fault_begin(1, true);
		finalizer = smal_finalizer_add(thread, queue, held[i], number(i), _i == 0 ? 0 : 1);
		if (finalizer == NULL)
			EXPECT(smal_thread_error(thread) == SMAL_ERROR_NO_MEMORY);
		registered += finalizer != NULL;
		failures += finalizer == NULL;
		if (finalizer == NULL || i % 1000 == 999)
			fault_end();
	}
	ck_assert_uint_eq(registered + failures, most);
	memset(held, 0, most * sizeof *held);
	fault_begin(1, true);
	EXPECT(smal_collect(thread) == SMAL_OK);
	fault_end();
	ck_assert_uint_eq(smal_queue_count(queue), registered);
	heap_check();
	fault_begin(1, true);
	while (smal_queue_take(thread, queue, &notice))
		came_again += ((size_t)notice.value & 7) == 1 && notice.object != NULL;
	fault_end();
	ck_assert_uint_eq(came_again, registered);
	collect(0);
	ck_assert_uint_eq(heap_live(), 1);
}
END_TEST

/* The first registration of a collector, which makes a type, and the first queue,
 * with each call to the system failing. */
START_TEST(test_no_memory_at_first)
{
	struct fault_sweep sweep = { .calls = FAULT_MMAP | FAULT_MPROTECT };

	while (fault_sweep_next(&sweep)) {
		struct smal_queue *early = NULL;
		struct smal_finalizer *finalizer;
		enum smal_error error;

		begin();
		roots[0] = heap_alloc(pair);
		fault_sweep_begin(&sweep);
		error = smal_queue_create(gc, &early);
		finalizer = smal_finalizer_add(thread, queue, roots[0], NULL, 0);
		fault_end();
		ck_assert(error == SMAL_OK || (error == SMAL_ERROR_NO_MEMORY && early == NULL));
		ck_assert(finalizer != NULL || smal_thread_error(thread) == SMAL_ERROR_NO_MEMORY);
		roots[0] = NULL;
		collect(finalizer != NULL);
		heap_end();
	}
}
END_TEST

/* ---- Counts ---- */

START_TEST(test_statistics)
{
	struct smal_gc_stats before, after;

	all_notices = 0;
	smal_gc_get_stats(gc, &before);
	for (size_t i = 0; i < 300; i++) {
		roots[0] = heap_alloc(pair);
		add(roots[0], roots[0], 0);
		roots[0] = NULL;
		if (i % 100 != 99)
			continue;
		collect(100);
		/* Found alive, all of them, and their registrations. */
		ck_assert_uint_eq(last.live_objects, 200);
		ck_assert_uint_eq(heap_live(), 200);
		while (smal_queue_count(queue) > 0)
			take();
		heap_check();
		collect(0);
		/* Objects, and registrations that are over. */
		ck_assert_uint_eq(heap_live(), 0);
	}
	ck_assert_uint_eq(all_notices, 300);
	smal_gc_get_stats(gc, &after);
	ck_assert_uint_eq(after.objects.allocated_objects - before.objects.allocated_objects, 600);
	ck_assert_uint_eq(after.objects.freed_objects - before.objects.freed_objects, 600);
}
END_TEST

static void add_more_cases(Suite *suite)
{
	TCase *ends = tcase_create("ends");
	TCase *threads = tcase_create("threads");
	TCase *memory = tcase_create("memory");
	TCase *first = tcase_create("memory at first");

	tcase_add_checked_fixture(ends, begin, heap_end);
	tcase_add_test(ends, test_cancel);
	tcase_add_test(ends, test_queue_destroyed);
	tcase_add_test(ends, test_end);
	tcase_add_test(ends, test_refused);
	tcase_add_loop_test(ends, test_script, 0, 5);
	tcase_add_test(ends, test_statistics);
	suite_add_tcase(suite, ends);

	tcase_add_checked_fixture(threads, begin_scanned, heap_end);
	tcase_add_loop_test(threads, test_takers, 0, 2);
	suite_add_tcase(suite, threads);

	tcase_add_checked_fixture(memory, begin, heap_end);
	tcase_add_loop_test(memory, test_no_memory, 0, 2);
	suite_add_tcase(suite, memory);
	tcase_add_test(first, test_no_memory_at_first);
	suite_add_tcase(suite, first);
}

static Suite *finalizer_suite(void)
{
	Suite *suite = suite_create("finalizer");
	TCase *one = tcase_create("one notice");
	TCase *ordered = tcase_create("ordered");
	TCase *watches = tcase_create("watches");

	tcase_add_checked_fixture(one, begin, heap_end);
	tcase_add_test(one, test_once);
	tcase_add_test(one, test_resurrection);
	tcase_add_test(one, test_first_in_first_out);
	tcase_add_loop_test(one, test_value, 0, 2);
	tcase_add_test(one, test_values_crossed);
	tcase_add_test(one, test_several_on_one);
	tcase_add_test(one, test_unordered);
	suite_add_tcase(suite, one);

	tcase_add_checked_fixture(ordered, begin, heap_end);
	tcase_add_loop_test(ordered, test_ordered, 0, 6);
	tcase_add_test(ordered, test_ordered_below_unordered);
	tcase_add_test(ordered, test_ordered_twice);
	tcase_add_loop_test(ordered, test_ordered_by_pair, 0, 4);
	tcase_add_loop_test(ordered, test_cycles_stay, 0, 3);
	tcase_add_test(ordered, test_cycles_delivered);
	tcase_add_loop_test(ordered, test_cycle_by_pair, 0, 2);
	tcase_add_loop_test(ordered, test_cycle_with_owner, 0, 2);
	suite_add_tcase(suite, ordered);

	tcase_add_checked_fixture(watches, begin, heap_end);
	tcase_add_test(watches, test_watch);
	tcase_add_test(watches, test_watch_after_finalizer);
	tcase_add_loop_test(watches, test_watch_values, 0, 2);
	tcase_add_test(watches, test_freed_object);
	suite_add_tcase(suite, watches);
	add_more_cases(suite);
	return suite;
}

int main(void)
{
	return test_main(finalizer_suite);
}
