/* SPDX-License-Identifier: MIT */
/*
 * check_notice.c: every notice comes to somebody, once: whatever ends first, whoever
 * takes them, in whatever order objects go, and however little memory there is.
 */
#include "test/fault.h"
#include "test/hidden.h"
#include "test/notice.h"

#include <pthread.h>
#include <string.h>

/* ---- Ends ---- */

START_TEST(test_cancel)
{
	struct smal_finalizer *finalizer[5];
	void *object = roots[0] = heap_alloc(pair);

	for (size_t i = 0; i < 4; i++)
		finalizer[i] = notice_add(object, notice_number(i), i & 1);
	finalizer[4] = notice_watch(object, notice_number(4));
	for (int i = 0; i < 5; i += 2)
		ck_assert_int_eq(smal_finalizer_cancel(thread, finalizer[i]), SMAL_OK);
	ck_assert_int_eq(smal_finalizer_cancel(thread, finalizer[0]), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 3);
	roots[0] = NULL;
	notice_collect(2);
	ck_assert_int_eq(smal_finalizer_cancel(thread, finalizer[1]), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_uint_eq((size_t)notice_take().value / 8 % 2, 1);
	ck_assert_uint_eq((size_t)notice_take().value / 8 % 2, 1);
	ck_assert_int_eq(smal_finalizer_cancel(thread, finalizer[3]), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_finalizer_cancel(thread, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_finalizer_cancel(thread, object), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	notice_collect(0);
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
		notice_add(object, notice_number((size_t)i), 0);
		ck_assert_int_eq(smal_queue_destroy(other), SMAL_OK);
		notice_collect(0);
		ck_assert_uint_eq(heap_live(), 1 + (uint64_t)i + 1);
	}
	ck_assert_int_eq(smal_queue_destroy(NULL), SMAL_OK);
	roots[0] = NULL;
	notice_collect(10);
}
END_TEST

/* A collector may end with all of it. */
START_TEST(test_end)
{
	for (int i = 0; i < 1000; i++) {
		roots[0] = heap_alloc(pair);
		notice_add(roots[0], notice_number((size_t)i), (unsigned)i % 3);
		notice_watch(roots[0], NULL);
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
	notice_collect(0);
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

/* In a frame of its own: none of the objects is to be found on the stack, or in a
 * register, after it. */
static __attribute__((noinline)) void register_all(void)
{
	for (size_t i = 0; i < notices; i++) {
		void **object = heap_alloc(pair);

		object[0] = notice_number(i);
		roots[i % ROOTS] = object;
		notice_add(object, notice_number(i), i % 5 == 0 ? SMAL_FINALIZER_ORDERED : 0);
		if (i % 500 == 0)
			EXPECT(smal_collect(thread) == SMAL_OK);
	}
	memset(roots, 0, sizeof roots);
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
	register_all();
	hidden_scribble();
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
	notice_none();
}
END_TEST

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

		object[0] = notice_number(i);
		notice_add(object, notice_number(i), i % 3 == 0 ? SMAL_FINALIZER_ORDERED : 0);
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
			struct smal_notice notice = notice_take();
			size_t id = (size_t)notice.value / 8;

			ck_assert_uint_lt(id, IDS);
			ck_assert_int_eq(state[id], 1);
			ck_assert_ptr_eq(((void **)notice.object)[0], notice.value);
			state[id] = 2;
			seen++;
		}
	}
	notice_none();
	notice_collect(0);
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
		finalizer = smal_finalizer_add(thread, queue, held[i], notice_number(i), _i == 0 ? 0 : 1);
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
	notice_collect(0);
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

		notice_begin();
		roots[0] = heap_alloc(pair);
		fault_sweep_begin(&sweep);
		error = smal_queue_create(gc, &early);
		finalizer = smal_finalizer_add(thread, queue, roots[0], NULL, 0);
		fault_end();
		ck_assert(error == SMAL_OK || (error == SMAL_ERROR_NO_MEMORY && early == NULL));
		ck_assert(finalizer != NULL || smal_thread_error(thread) == SMAL_ERROR_NO_MEMORY);
		roots[0] = NULL;
		notice_collect(finalizer != NULL);
		heap_end();
	}
}
END_TEST

static Suite *notice_suite(void)
{
	Suite *suite = suite_create("notice");
	TCase *ends = tcase_create("ends");
	TCase *threads = tcase_create("threads");
	TCase *memory = tcase_create("memory");
	TCase *first = tcase_create("memory at first");

	tcase_add_checked_fixture(ends, notice_begin, heap_end);
	tcase_add_test(ends, test_cancel);
	tcase_add_test(ends, test_queue_destroyed);
	tcase_add_test(ends, test_end);
	tcase_add_test(ends, test_refused);
	tcase_add_loop_test(ends, test_script, 0, 5);
	suite_add_tcase(suite, ends);

	tcase_add_checked_fixture(threads, notice_begin_scanned, heap_end);
	tcase_add_loop_test(threads, test_takers, 0, 2);
	suite_add_tcase(suite, threads);

	tcase_add_checked_fixture(memory, notice_begin, heap_end);
	tcase_add_loop_test(memory, test_no_memory, 0, 2);
	suite_add_tcase(suite, memory);
	tcase_add_test(first, test_no_memory_at_first);
	suite_add_tcase(suite, first);
	return suite;
}

int main(void)
{
	return test_main(notice_suite);
}
