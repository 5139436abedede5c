/* SPDX-License-Identifier: MIT */
/*
 * check_finalizer.c: each registration gives one notice, at the collection that finds
 * its object unreached, with the object and its value whole; a watch, at the one that
 * finds it dead; and nothing is left over: counts agree. (The order of finalizers,
 * and how notices come to those who take them, have programs of their own.)
 */
#include "test/granule.h"
#include "test/notice.h"

/* ---- One notice ---- */

START_TEST(test_once)
{
	struct smal_finalizer *finalizer;
	struct smal_notice notice;
	void **object = roots[0] = heap_alloc(pair);

	object[1] = heap_alloc(pair);
	finalizer = notice_add(object, notice_number(5), 0);
	notice_collect(0);
	roots[0] = NULL;
	notice_collect(1);
	/* It and its registration wait, with all that it refers to. */
	for (int i = 0; i < 3; i++) {
		notice_collect(1);
		ck_assert_uint_eq(heap_live(), 3);
	}
	notice = notice_take();
	ck_assert_ptr_eq(notice.object, object);
	ck_assert_ptr_eq(notice.value, notice_number(5));
	ck_assert_ptr_eq((const void *)notice.finalizer, finalizer);
	ck_assert_int_eq(notice.in_cycle, 0);
	ck_assert_ptr_eq(smal_type_of(object[1]), pair);
	notice_none();
	/* The registration is over: it dies again, silently. */
	roots[0] = object;
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 2);
	roots[0] = NULL;
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Guardians: who takes an object may register it again, and again. */
START_TEST(test_resurrection)
{
	void *object = roots[0] = heap_alloc(pair);

	for (size_t i = 0; i < 20; i++) {
		notice_add(object, notice_number(i), i % 3 == 0 ? SMAL_FINALIZER_ORDERED : 0);
		roots[0] = NULL;
		notice_collect(1);
		roots[0] = notice_take().object;
		ck_assert_ptr_eq(roots[0], object);
		notice_collect(0);
	}
	roots[0] = NULL;
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

START_TEST(test_first_in_first_out)
{
	enum { ROUNDS = 50 };
	void **held = roots[0] = heap_alloc_bytes(array, ROUNDS * sizeof *held);

	for (size_t i = 0; i < ROUNDS; i++)
		notice_add(held[i] = heap_alloc(pair), notice_number(i), i % 2 == 0 ? SMAL_FINALIZER_ORDERED : 0);
	/* The last registered dies first. */
	for (size_t i = 0; i < ROUNDS; i++) {
		held[ROUNDS - 1 - i] = NULL;
		notice_collect(i + 1);
	}
	for (size_t i = 0; i < ROUNDS; i++)
		ck_assert_ptr_eq(notice_take().value, notice_number(ROUNDS - 1 - i));
	notice_none();
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
	notice_add(object, value, _i == 0 ? 0 : SMAL_FINALIZER_ORDERED);
	roots[1] = NULL;
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 4);
	roots[0] = NULL;
	notice_collect(1);
	notice_collect(1);
	ck_assert_uint_eq(heap_live(), 4);
	ck_assert_ptr_eq(roots[1] = notice_take().value, value);
	notice_collect(0);
	ck_assert_ptr_eq(value[1], object);
	ck_assert_uint_eq(heap_live(), 3);
	/* The object as its own value. */
	roots[1] = NULL;
	notice_add(object, object, _i == 0 ? 0 : SMAL_FINALIZER_ORDERED);
	notice_collect(1);
	ck_assert_ptr_eq(notice_take().value, object);
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Objects whose registrations' values are each other: both come. */
START_TEST(test_values_crossed)
{
	void *a = roots[0] = heap_alloc(pair), *b = roots[1] = heap_alloc(pair);

	notice_add(a, b, 0);
	notice_add(b, a, 0);
	roots[0] = NULL;
	notice_collect(0);
	roots[0] = a;
	roots[0] = roots[1] = NULL;
	notice_collect(2);
	notice_take();
	notice_take();
	notice_collect(0);
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
		                                         notice_number(i), i % 3 == 0));
	roots[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(last_collection.notices, EACH);
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
	notice_collect(0);
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
		notice_add(at, notice_number(i), 0);
	}
	roots[0] = NULL;
	notice_collect(10);
	for (size_t i = 0; i < 10; i++)
		notice_take();
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 0);
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
	registration = notice_watch(roots[0], roots[1]);
	roots[1] = NULL;
	notice_collect(0);
	roots[0] = NULL;
	notice_collect(1);
	ck_assert_uint_eq(freed, 1);
	/* The registration and the value. */
	notice_collect(1);
	ck_assert_uint_eq(heap_live(), 2);
	notice = notice_take();
	ck_assert_ptr_null(notice.object);
	ck_assert_ptr_eq((const void *)notice.finalizer, registration);
	ck_assert_ptr_eq(smal_type_of(notice.value), pair);
	ck_assert_int_eq(notice.in_cycle, 0);
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Not while a finalizer brings the object back, nor while its notice waits. */
START_TEST(test_watch_after_finalizer)
{
	void **owner = roots[0] = heap_alloc(pair);

	notice_watch(owner, notice_number(1));
	owner[0] = heap_alloc(pair);
	notice_watch(owner[0], notice_number(2));
	notice_add(owner, notice_number(3), 0);
	roots[0] = NULL;
	notice_collect(1);
	notice_collect(1);
	roots[0] = notice_take().object;
	notice_collect(0);
	roots[0] = NULL;
	notice_collect(2);
	notice_take();
	notice_take();
	ck_assert_uint_eq(smal_queue_count(queue), 0);
}
END_TEST

/* A watch's value is kept; so are objects whose watches are not due for that. */
START_TEST(test_watch_values)
{
	void *a = roots[0] = heap_alloc(pair), *b = roots[1] = heap_alloc(pair);
	void *c = roots[2] = heap_alloc(pair);

	if (_i == 0)
		notice_watch(a, b);
	notice_watch(b, c);
	if (_i != 0)
		notice_watch(a, b);
	roots[0] = roots[1] = roots[2] = NULL;
	notice_collect(1);
	ck_assert_ptr_eq(notice_take().value, b);
	ck_assert_ptr_eq(smal_type_of(c), pair);
	notice_collect(1);
	ck_assert_ptr_eq(notice_take().value, c);
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Values that are not their objects' addresses, but words that mean them: of a watch
 * and of a finalizer they are kept while the object lives, and while the notice waits. */
START_TEST(test_words_of_values)
{
	int shape = _i / 2;
	struct smal_type *type = granule_begin(shape);

	for (unsigned n = 0; n < GRANULE_WORDS; n++) {
		void *object = roots[0] = heap_alloc(pair), *value = roots[1] = heap_alloc(type);
		void *word = granule_word(shape, value, n);

		if (_i % 2 == 0)
			notice_watch(object, word);
		else
			notice_add(object, word, n % 2 == 0 ? SMAL_FINALIZER_ORDERED : 0);
		roots[1] = NULL;
		notice_collect(0);
		EXPECT(granule_is_live(shape, value));
		roots[0] = NULL;
		notice_collect(1);
		EXPECT(granule_is_live(shape, value));
		notice_collect(1);
		EXPECT(granule_is_live(shape, value));
		ck_assert_ptr_eq(notice_take().value, word);
		notice_collect(0);
		ck_assert_uint_eq(heap_live(), 0);
	}
	granule_end();
}
END_TEST

/* What nothing but the value of a watch that is due refers to has a watch itself. */
START_TEST(test_words_of_watches)
{
	struct smal_type *type = granule_begin(_i);

	for (unsigned n = 0; n < GRANULE_WORDS; n++) {
		void *a = roots[0] = heap_alloc(pair), *b = roots[1] = heap_alloc(type);
		void *c = roots[2] = heap_alloc(type);

		notice_watch(a, granule_word(_i, b, n));
		notice_watch(b, granule_word(_i, c, n));
		roots[0] = roots[1] = roots[2] = NULL;
		notice_collect(1);
		ck_assert_ptr_eq(notice_take().value, granule_word(_i, b, n));
		EXPECT(granule_is_live(_i, c));
		notice_collect(1);
		ck_assert_ptr_eq(notice_take().value, granule_word(_i, c, n));
		notice_collect(0);
		ck_assert_uint_eq(heap_live(), 0);
	}
	granule_end();
}
END_TEST

/* Freed by hand, an object is gone: its watches say so at the next collection, its
 * finalizers are over. */
START_TEST(test_freed_object)
{
	for (int i = 0; i < 3; i++) {
		void *object = heap_alloc_bytes(array, i == 2 ? 200000 : 100);

		roots[0] = object;
		notice_watch(object, notice_number(1));
		if (i > 0)
			notice_add(object, notice_number(2), i == 1 ? 0 : SMAL_FINALIZER_ORDERED);
		roots[0] = NULL;
		ck_assert_int_eq(smal_free(thread, object), SMAL_OK);
		notice_collect(1);
		ck_assert_ptr_eq(notice_take().value, notice_number(1));
		notice_collect(0);
		ck_assert_uint_eq(heap_live(), 0);
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
		notice_add(roots[0], roots[0], 0);
		roots[0] = NULL;
		if (i % 100 != 99)
			continue;
		notice_collect(100);
		/* Found alive, all of them, and their registrations. */
		ck_assert_uint_eq(last_collection.live_objects, 200);
		ck_assert_uint_eq(heap_live(), 200);
		while (smal_queue_count(queue) > 0)
			notice_take();
		heap_check();
		notice_collect(0);
		/* Objects, and registrations that are over. */
		ck_assert_uint_eq(heap_live(), 0);
	}
	ck_assert_uint_eq(all_notices, 300);
	smal_gc_get_stats(gc, &after);
	ck_assert_uint_eq(after.objects.allocated_objects - before.objects.allocated_objects, 600);
	ck_assert_uint_eq(after.objects.freed_objects - before.objects.freed_objects, 600);
}
END_TEST

static Suite *finalizer_suite(void)
{
	Suite *suite = suite_create("finalizer");
	TCase *one = tcase_create("one notice");
	TCase *watches = tcase_create("watches");

	tcase_add_checked_fixture(one, notice_begin, heap_end);
	tcase_add_test(one, test_once);
	tcase_add_test(one, test_resurrection);
	tcase_add_test(one, test_first_in_first_out);
	tcase_add_loop_test(one, test_value, 0, 2);
	tcase_add_test(one, test_values_crossed);
	tcase_add_test(one, test_several_on_one);
	tcase_add_test(one, test_unordered);
	tcase_add_test(one, test_statistics);
	suite_add_tcase(suite, one);

	tcase_add_checked_fixture(watches, notice_begin, heap_end);
	tcase_add_test(watches, test_watch);
	tcase_add_test(watches, test_watch_after_finalizer);
	tcase_add_loop_test(watches, test_watch_values, 0, 2);
	tcase_add_loop_test(watches, test_words_of_values, 0, 2 * GRANULE_SHAPES);
	tcase_add_loop_test(watches, test_words_of_watches, 0, GRANULE_SHAPES);
	tcase_add_test(watches, test_freed_object);
	suite_add_tcase(suite, watches);
	return suite;
}

int main(void)
{
	return test_main(finalizer_suite);
}
