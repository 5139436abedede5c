/* SPDX-License-Identifier: MIT */
/*
 * check_limit.c: an allocation that is about to fail asks the program: it may find
 * memory, raise the limit, refuse, or leave by longjmp, from any depth and any kind of
 * allocation, and as often as it likes; what it allocates itself fails without asking.
 *
 * (The program is linked with --wrap=smal_space_take.)
 */
#include <smal/space/space.h>

#include "test/collector.h"
#include "test/starve.h"

#include <pthread.h>
#include <setjmp.h>
#include <string.h>

enum { LARGE = 2 * MIB, MANY = 60000 };

static void fail_at(int depth, int kind);

/* Calls fail_at; the compiler shall not know. */
static void (*volatile go_deeper)(int depth, int kind);

static struct smal_type *pair, *text;
static struct smal_queue *queue;

/* What the callback was told last; what it does. */
static struct {
	unsigned calls, retries;
	size_t bytes, raise;
	enum smal_error reason;
	bool jump, nest, collect, drop;
	int depth;
} shortage;

static jmp_buf out;

static size_t heap_bytes(void)
{
	struct smal_gc_stats stats;

	smal_gc_get_stats(gc, &stats);
	return stats.objects.heap_bytes;
}

static enum smal_shortage answer(struct smal_thread *who, size_t bytes, enum smal_error reason,
                                 void *user)
{
	EXPECT(who == thread && user == &shortage);
	shortage.calls++;
	shortage.bytes = bytes;
	shortage.reason = reason;
	EXPECT(shortage.depth++ == 0);
	if (shortage.nest)
		for (int i = 0; i < 3; i++)
			EXPECT(smal_alloc_bytes(thread, text, LARGE) == NULL);
	shortage.depth--;
	if (shortage.collect)
		EXPECT(smal_collect(thread) == SMAL_OK);
	if (shortage.drop)
		roots[0] = NULL;
	if (shortage.raise != 0)
		EXPECT(smal_gc_set_limit(gc, heap_bytes() + shortage.raise) == SMAL_OK);
	if (shortage.jump)
		longjmp(out, 1);
	if (shortage.raise != 0 || shortage.drop)
		return SMAL_SHORTAGE_RETRY;
	if (shortage.retries == 0)
		return SMAL_SHORTAGE_FAIL;
	shortage.retries--;
	return SMAL_SHORTAGE_RETRY;
}

static void begin_with(bool exact)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF,
		                           .limit_bytes = MIB,
		                           .exact_stacks = exact };

	heap_begin(&options);
	pair = heap_pair_type();
	text = heap_text_type();
	starving = false;
	memset(&shortage, 0, sizeof shortage);
	go_deeper = fail_at;
	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	ck_assert_int_eq(smal_gc_set_shortage(gc, answer, &shortage), SMAL_OK);
}

static void begin(void)
{
	begin_with(true);
}

static void begin_scanned(void)
{
	begin_with(false);
}

/* Until no small object can be had: all slots of pairs are taken. */
static void fill(void)
{
	void **object;

	shortage.retries = 0;
	while ((object = smal_alloc(thread, pair)) != NULL) {
		object[1] = roots[0];
		roots[0] = object;
	}
	shortage.calls = 0;
}

START_TEST(test_fail)
{
	for (unsigned i = 1; i <= 10; i++) {
		ck_assert_ptr_null(smal_alloc_bytes(thread, text, LARGE));
		ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_LIMIT);
		ck_assert_uint_eq(shortage.calls, i);
		ck_assert_uint_ge(shortage.bytes, LARGE);
		ck_assert_int_eq(shortage.reason, SMAL_ERROR_LIMIT);
	}
	shortage.calls = 0;
	fill();
	ck_assert_ptr_null(smal_alloc(thread, pair));
	ck_assert_uint_eq(shortage.calls, 1);
	ck_assert_uint_eq(shortage.bytes, 16);
	/* It is asked again for as long as it answers so. */
	shortage.calls = 0;
	shortage.retries = 7;
	ck_assert_ptr_null(smal_alloc(thread, pair));
	ck_assert_uint_eq(shortage.calls, 8);
	heap_check();
}
END_TEST

START_TEST(test_no_callback)
{
	ck_assert_int_eq(smal_gc_set_shortage(gc, NULL, NULL), SMAL_OK);
	ck_assert_ptr_null(smal_alloc_bytes(thread, text, LARGE));
	ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_LIMIT);
	ck_assert_uint_eq(shortage.calls, 0);
}
END_TEST

/* What succeeds in the end has not failed; a collection comes before the question. */
START_TEST(test_relief)
{
	struct smal_gc_stats before, after;

	shortage.raise = 2 * LARGE;
	smal_gc_get_stats(gc, &before);
	roots[1] = smal_alloc_bytes(thread, text, LARGE);
	ck_assert_ptr_nonnull(roots[1]);
	smal_gc_get_stats(gc, &after);
	ck_assert_uint_eq(shortage.calls, 1);
	ck_assert_int_eq(smal_thread_error(thread), SMAL_OK);
	ck_assert_uint_ge(after.paced_collections, before.paced_collections + 1);
	roots[1] = NULL;
	heap_collect();
	shortage.raise = 0;
	ck_assert_int_eq(smal_gc_set_limit(gc, MIB), SMAL_OK);
	fill();
	/* What it drops is found by the collection that follows. */
	shortage.drop = true;
	for (int i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(smal_alloc(thread, pair));
	ck_assert_uint_eq(shortage.calls, 1);
	heap_check();
}
END_TEST

START_TEST(test_no_memory)
{
	ck_assert_int_eq(smal_gc_set_limit(gc, 0), SMAL_OK);
	starving = true;
	ck_assert_ptr_null(smal_alloc_bytes(thread, text, LARGE));
	ck_assert_int_eq(shortage.reason, SMAL_ERROR_NO_MEMORY);
	ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_NO_MEMORY);
	ck_assert_uint_eq(shortage.calls, 1);
	starving = false;
	ck_assert_ptr_nonnull(smal_alloc_bytes(thread, text, LARGE));
	ck_assert_uint_eq(shortage.calls, 1);
}
END_TEST

/* Its own allocations fail without asking again; it may collect. */
START_TEST(test_nested)
{
	shortage.nest = shortage.collect = true;
	for (unsigned i = 1; i <= 5; i++) {
		ck_assert_ptr_null(smal_alloc_bytes(thread, text, LARGE));
		ck_assert_uint_eq(shortage.calls, i);
	}
	shortage.raise = 2 * LARGE;
	ck_assert_ptr_nonnull(smal_alloc_bytes(thread, text, LARGE));
	ck_assert_uint_eq(shortage.calls, 6);
	heap_check();
}
END_TEST

/* ---- Leaving by longjmp ---- */

static SMAL_NOINLINE void overwrite_stack(void)
{
	volatile unsigned char bytes[8000];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = 0x5a;
}

/* An allocation of some kind that can't succeed; at some depth. */
static SMAL_NOINLINE void fail_at(int depth, int kind)
{
	volatile char space[100];

	space[0] = (char)depth;
	if (depth > 0)
		go_deeper(depth - 1, kind);
	space[0]++;
	switch (kind) {
	case 0:
		smal_alloc_bytes(thread, text, LARGE);
		break;
	case 1:
		smal_alloc(thread, pair);
		break;
	case 2:
		for (size_t i = 0; i < MANY; i++)
			((void **)roots[4])[i] =
				smal_ephemeron_create(thread, (void *)16, roots[0]);
		break;
	case 3:
		for (;;)
			smal_finalizer_add(thread, queue, roots[0], roots[0], 0);
	case 4:
		for (uintptr_t i = 16;; i += 16)
			smal_map_put(thread, roots[3], (void *)i, (void *)i);
	default:
		for (size_t i = 0; i < MANY; i++)
			((void **)roots[4])[i] = smal_weak_create(thread, roots[0], 0);
	}
	ck_abort_msg("it did not leave: kind %d", kind);
}

/* Each is asked, also from deeper in the stack than the one that left before. */
START_TEST(test_jump)
{
	static const int depths[] = { 0, 30, 3, 30, 0, 1, 60, 10, 60, 61, 0 };
	static volatile unsigned i;

	fill();
	shortage.jump = true;
	for (i = 0; i < sizeof depths / sizeof *depths; i++) {
		if (setjmp(out) == 0)
			fail_at(depths[i], _i);
		ck_assert_uint_eq(shortage.calls, i + 1);
		overwrite_stack();
		shortage.jump = false;
		heap_check();
		shortage.jump = true;
	}
	shortage.jump = false;
	heap_collect();
	/* And when there is room, all is well. */
	ck_assert_int_eq(smal_gc_set_limit(gc, 0), SMAL_OK);
	roots[1] = heap_alloc_bytes(text, LARGE);
	heap_collect();
}
END_TEST

/* Ephemerons, registrations, entries: no frame of the library's stays behind. */
START_TEST(test_jump_from_inner)
{
	static volatile unsigned i;

	roots[3] = smal_map_create(thread, SMAL_MAP_WEAK_KEYS, NULL, NULL, NULL);
	roots[0] = heap_alloc(pair);
	roots[4] = heap_alloc_bytes(heap_array_type(), MANY * sizeof(void *));
	ck_assert_ptr_nonnull(roots[3]);
	shortage.jump = true;
	for (i = 0; i < 5; i++) {
		if (setjmp(out) == 0)
			fail_at((int)(i * 7 % 5), _i);
		ck_assert_uint_eq(shortage.calls, i + 1);
		overwrite_stack();
		heap_collect();
	}
	shortage.jump = false;
	ck_assert_int_eq(smal_gc_set_limit(gc, 0), SMAL_OK);
	ck_assert_ptr_nonnull(smal_weak_create(thread, roots[0], 0));
	heap_collect();
}
END_TEST

/* ---- Threads ---- */

static unsigned asked[4];

static enum smal_shortage answer_each(struct smal_thread *who, size_t bytes, enum smal_error reason,
                                      void *user)
{
	(void)user;
	EXPECT(who == smal_thread_self(gc) && bytes >= LARGE && reason == SMAL_ERROR_LIMIT);
	EXPECT(smal_alloc_bytes(who, text, LARGE) == NULL);
	return SMAL_SHORTAGE_FAIL;
}

/* Each thread is asked for itself, whatever the others do. */
static void *fail_often(void *argument)
{
	struct smal_thread *self;
	unsigned *count = argument;

	EXPECT(smal_thread_attach(gc, &self) == SMAL_OK);
	for (int i = 0; i < 200; i++) {
		EXPECT(smal_alloc_bytes(self, text, LARGE) == NULL);
		EXPECT(smal_thread_error(self) == SMAL_ERROR_LIMIT);
		++*count;
	}
	EXPECT(smal_thread_detach(self) == SMAL_OK);
	return NULL;
}

START_TEST(test_threads)
{
	pthread_t ids[4];

	ck_assert_int_eq(smal_gc_set_shortage(gc, answer_each, NULL), SMAL_OK);
	memset(asked, 0, sizeof asked);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, fail_often, &asked[i]), 0);
	ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
	ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(asked[i], 200);
	heap_check();
}
END_TEST

static Suite *limit_suite(void)
{
	Suite *suite = suite_create("limit");
	TCase *answers = tcase_create("answers");
	TCase *jumps = tcase_create("jumps");
	TCase *scanned = tcase_create("jumps, scanned stacks");

	tcase_add_checked_fixture(answers, begin, heap_end);
	tcase_add_test(answers, test_fail);
	tcase_add_test(answers, test_no_callback);
	tcase_add_test(answers, test_relief);
	tcase_add_test(answers, test_no_memory);
	tcase_add_test(answers, test_nested);
	tcase_add_test(answers, test_threads);
	suite_add_tcase(suite, answers);

	tcase_add_checked_fixture(jumps, begin, heap_end);
	tcase_add_loop_test(jumps, test_jump, 0, 2);
	tcase_add_loop_test(jumps, test_jump_from_inner, 2, 6);
	suite_add_tcase(suite, jumps);

	tcase_add_checked_fixture(scanned, begin_scanned, heap_end);
	tcase_add_loop_test(scanned, test_jump, 0, 2);
	tcase_add_loop_test(scanned, test_jump_from_inner, 2, 6);
	suite_add_tcase(suite, scanned);
	return suite;
}

int main(void)
{
	return test_main(limit_suite);
}
