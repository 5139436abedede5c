/* SPDX-License-Identifier: MIT */
/*
 * check_weak.c: weak references keep nothing and are cleared in the collection that
 * finds their targets dead, in the order of the steps in <smal/weak.h>; what is no
 * object is left alone. (Ephemerons have a program of their own.)
 */
#include <smal/gc/weak.h>

#include "test/collector.h"

static struct smal_type *pair, *array, *text;
static struct smal_queue *queue;

static void make_types(void)
{
	pair = heap_pair_type();
	array = heap_array_type();
	text = heap_text_type();
	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
}

static void begin(void)
{
	heap_begin_exact();
	make_types();
}

static void begin_scanned(void)
{
	heap_begin_scanned();
	make_types();
}

/* As begin; with low tag bits. */
static void begin_tagged(void)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF,
		                           .tag_mask = 7,
		                           .exact_stacks = 1 };

	heap_begin(&options);
	make_types();
}

static struct smal_weak *weak_of(void *target, unsigned flags)
{
	struct smal_weak *weak = smal_weak_create(thread, target, flags);

	EXPECT(weak != NULL);
	EXPECT(smal_weak_get(weak) == target);
	return weak;
}

static void **cons(void *a, void *b)
{
	return heap_cons(pair, a, b);
}

/* ---- Weak references ---- */

static const unsigned both_flags[] = { 0, SMAL_WEAK_LONG };

START_TEST(test_target_lives_and_dies)
{
	struct smal_weak *weak;

	roots[0] = cons(NULL, NULL);
	roots[1] = weak = weak_of(roots[0], both_flags[_i]);
	heap_collect();
	ck_assert_ptr_eq(smal_weak_get(weak), roots[0]);
	ck_assert_uint_eq(heap_live(), 2);
	roots[0] = NULL;
	ck_assert_ptr_nonnull(smal_weak_get(weak));
	heap_collect();
	ck_assert_ptr_null(smal_weak_get(weak));
	ck_assert_uint_eq(heap_live(), 1);
	ck_assert_uint_eq(smal_size(weak), 16);
}
END_TEST

/* What a weak reference gives is an ordinary pointer. */
START_TEST(test_got_target_lives)
{
	struct smal_weak *weak;

	roots[0] = cons(NULL, NULL);
	roots[1] = weak = weak_of(roots[0], both_flags[_i]);
	roots[0] = NULL;
	roots[2] = smal_weak_get(weak);
	heap_collect();
	ck_assert_ptr_eq(smal_weak_get(weak), roots[2]);
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

/* Objects behind a target, cycles through one, and a target that only another
 * weak reference, an ephemeron's key or the target itself refers to. */
START_TEST(test_unreached_targets)
{
	void **a = cons(NULL, NULL), **b;
	struct smal_weak *first, *second, *third;

	roots[0] = a;
	b = cons(a, NULL);
	a[0] = b;
	a[1] = a;
	roots[1] = first = weak_of(a, both_flags[_i]);
	roots[2] = second = weak_of(b, both_flags[_i]);
	/* The cycle refers to its own weak reference. */
	b[1] = third = weak_of(a, both_flags[_i]);
	roots[3] = weak_of(third, 0);
	roots[4] = heap_ephemeron(a, b);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 7);
	roots[0] = NULL;
	heap_collect();
	ck_assert_ptr_null(smal_weak_get(first));
	ck_assert_ptr_null(smal_weak_get(second));
	ck_assert_ptr_null(smal_weak_get(roots[3]));
	ck_assert_ptr_null(smal_ephemeron_key(roots[4]));
	ck_assert_ptr_null(smal_ephemeron_value(roots[4]));
	ck_assert_uint_eq(heap_live(), 4);
}
END_TEST

/* A weak reference is cleared before its target's slot can be had again. */
START_TEST(test_cleared_before_reuse)
{
	enum { WEAK = 300 };
	struct smal_weak **weak = roots[0] = heap_alloc_bytes(array, WEAK * sizeof *weak);
	uintptr_t was[WEAK];
	unsigned reused = 0;

	for (int i = 0; i < WEAK; i++) {
		weak[i] = weak_of(cons(NULL, NULL), both_flags[i % 2]);
		was[i] = HIDE(smal_weak_get(weak[i]));
	}
	smal_collect(thread);
	for (int i = 0; i < 20 * WEAK; i++) {
		void *object = heap_alloc(pair);

		for (int j = 0; j < WEAK; j++) {
			reused += HIDE(object) == was[j];
			EXPECT(smal_weak_get(weak[j]) == NULL);
		}
	}
	ck_assert_uint_gt(reused, 0);
}
END_TEST

/* A weak reference that is itself garbage, or dies with its target. */
START_TEST(test_dead_weak)
{
	for (int i = 0; i < 1000; i++) {
		roots[0] = cons(NULL, NULL);
		weak_of(roots[0], both_flags[i % 2]);
		heap_ephemeron(roots[0], roots[0]);
		if (i % 100 == 0)
			roots[0] = weak_of(weak_of(cons(NULL, NULL), 0), 0);
	}
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1);
	roots[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

static int a_static;

/* Foreign addresses, NULL, small numbers: they never die. */
START_TEST(test_foreign)
{
	int on_stack;
	void *targets[] = { NULL,
		            &a_static,
		            &on_stack,
		            (void *)8,
		            (void *)3,
		            (void *)UINTPTR_MAX,
		            (void *)(uintptr_t)-16,
		            queue };

	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		roots[0] = weak_of(targets[i], both_flags[i % 2]);
		roots[1] = cons(NULL, NULL);
		roots[1] = heap_ephemeron(targets[i], roots[1]);
		heap_collect();
		ck_assert_ptr_eq(smal_weak_get(roots[0]), targets[i]);
		ck_assert_ptr_eq(smal_ephemeron_key(roots[1]), targets[i]);
		/* A key of NULL is that of an ephemeron that has been cleared. */
		ck_assert_uint_eq(heap_live(), targets[i] != NULL ? 3 : 2);
	}
}
END_TEST

/* Tagged words: what is an object without its tags dies like one, with them;
 * immediates do not. */
START_TEST(test_tagged)
{
	for (uintptr_t tag = 0; tag < 8; tag++) {
		uintptr_t object = (uintptr_t)cons(NULL, NULL) | tag, number = 1600 | tag;

		roots[0] = (void *)object;
		roots[1] = weak_of((void *)object, both_flags[_i]);
		roots[2] = weak_of((void *)number, both_flags[_i]);
		roots[3] = heap_ephemeron((void *)object, (void *)number);
		roots[4] = cons(NULL, NULL);
		roots[4] = heap_ephemeron((void *)number, (char *)roots[4] + tag);
		heap_collect();
		ck_assert_uint_eq((uintptr_t)smal_weak_get(roots[1]), object);
		ck_assert_uint_eq(heap_live(), 6);
		roots[0] = NULL;
		heap_collect();
		ck_assert_ptr_null(smal_weak_get(roots[1]));
		ck_assert_uint_eq((uintptr_t)smal_weak_get(roots[2]), number);
		ck_assert_ptr_null(smal_ephemeron_key(roots[3]));
		ck_assert_uint_eq((uintptr_t)smal_ephemeron_key(roots[4]), number);
		ck_assert_uint_eq(heap_live(), 5);
	}
}
END_TEST

START_TEST(test_set)
{
	struct smal_weak *weak;
	void *a = roots[0] = cons(NULL, NULL);

	roots[1] = weak = weak_of(NULL, both_flags[_i]);
	ck_assert_int_eq(smal_weak_set(thread, weak, a), SMAL_OK);
	ck_assert_ptr_eq(smal_weak_get(weak), a);
	heap_collect();
	ck_assert_ptr_eq(smal_weak_get(weak), a);
	ck_assert_int_eq(smal_weak_set(thread, weak, &a_static), SMAL_OK);
	roots[0] = NULL;
	heap_collect();
	ck_assert_ptr_eq(smal_weak_get(weak), &a_static);
	ck_assert_uint_eq(heap_live(), 1);
	a = cons(NULL, NULL);
	ck_assert_int_eq(smal_weak_set(thread, weak, a), SMAL_OK);
	heap_collect();
	ck_assert_ptr_null(smal_weak_get(weak));
	/* It stays what it is, short or long. */
	roots[0] = cons(NULL, NULL);
	ck_assert_int_eq(smal_weak_set(thread, weak, roots[0]), SMAL_OK);
	ck_assert_ptr_nonnull(smal_finalizer_add(thread, queue, roots[0], NULL, 0));
	roots[0] = NULL;
	heap_collect();
	ck_assert_int_eq(smal_weak_get(weak) != NULL, both_flags[_i] == SMAL_WEAK_LONG);
	ck_assert_int_eq(smal_weak_set(thread, weak, NULL), SMAL_OK);
	ck_assert_ptr_null(smal_weak_get(weak));
}
END_TEST

/* A target that was freed by hand is gone at the next collection, and an ephemeron
 * whose key is freed is no trouble. */
START_TEST(test_freed_target)
{
	struct smal_weak *weak;

	roots[0] = weak = weak_of(heap_alloc_bytes(text, 100), both_flags[_i]);
	roots[1] = heap_ephemeron(smal_weak_get(weak), weak);
	roots[2] = heap_ephemeron(weak, smal_weak_get(weak));
	ck_assert_int_eq(smal_free(thread, smal_weak_get(weak)), SMAL_OK);
	heap_collect();
	ck_assert_ptr_null(smal_weak_get(weak));
	ck_assert_uint_eq(heap_live(), 3);
	/* Also where its slot lies in a buffer that has gone. */
	ck_assert_int_eq(smal_weak_set(thread, weak, heap_alloc_bytes(text, 200000)), SMAL_OK);
	ck_assert_int_eq(smal_free(thread, smal_weak_get(weak)), SMAL_OK);
	smal_trim(thread);
	heap_collect();
	ck_assert_ptr_null(smal_weak_get(weak));
}
END_TEST

START_TEST(test_refused)
{
	struct smal_gc_options options = { .exact_stacks = 1 };
	struct smal_weak *weak = roots[0] = weak_of(NULL, 0);
	char *object = roots[1] = heap_alloc_bytes(text, 64);
	struct smal_type_desc desc = { .name = "other", .bytes = 16 };
	struct smal_thread *other_thread;
	struct smal_type *other_type;
	struct smal_gc *other;
	void *bad[3];

	ck_assert_int_eq(smal_gc_create(&options, &other), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(other, &other_thread), SMAL_OK);
	ck_assert_int_eq(smal_type_create(other, &desc, &other_type), SMAL_OK);
	bad[0] = smal_alloc(other_thread, other_type);
	bad[1] = object + 8;
	bad[2] = heap_alloc_bytes(text, 64);
	ck_assert_int_eq(smal_free(thread, bad[2]), SMAL_OK);
	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_null(smal_weak_create(thread, bad[i], 0));
		ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_INVALID);
		told_once(SMAL_ERROR_INVALID);
		ck_assert_int_eq(smal_weak_set(thread, weak, bad[i]), SMAL_ERROR_INVALID);
		told_once(SMAL_ERROR_INVALID);
		ck_assert_ptr_null(smal_ephemeron_create(thread, bad[i], NULL));
		told_once(SMAL_ERROR_INVALID);
		/* A value may be any word. */
		heap_ephemeron(object, bad[i]);
	}
	ck_assert_ptr_null(smal_weak_create(thread, object, 2));
	told_once(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(smal_weak_create(NULL, object, 0));
	told_once(SMAL_ERROR_NOT_ATTACHED);
	ck_assert_ptr_null(smal_weak_get(weak));
	ck_assert_int_eq(smal_free(thread, weak), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_thread_detach(other_thread), SMAL_OK);
	ck_assert_int_eq(smal_gc_destroy(other), SMAL_OK);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

/* ---- Conservative stacks ---- */

static SMAL_NOINLINE void drop_thousand(struct smal_weak **weak)
{
	for (int i = 0; i < 1000; i++)
		weak[i] = weak_of(cons(NULL, NULL), both_flags[i % 2]);
}

static unsigned count_cleared(struct smal_weak **weak)
{
	unsigned cleared = 0;

	for (int i = 0; i < 1000; i++)
		cleared += smal_weak_get(weak[i]) == NULL;
	return cleared;
}

/* A target that the stack alone holds lives; of thousand that nothing holds, the
 * stack may by chance keep a few. */
START_TEST(test_scanned)
{
	struct smal_weak **weak = roots[0] = heap_alloc_bytes(array, 1000 * sizeof *weak);
	void *volatile held = cons(NULL, NULL);

	roots[1] = weak_of(held, 0);
	roots[2] = heap_ephemeron(held, cons(NULL, NULL));
	drop_thousand(weak);
	heap_collect();
	ck_assert_ptr_eq(smal_weak_get(roots[1]), held);
	ck_assert_ptr_nonnull(smal_type_of(smal_ephemeron_value(roots[2])));
	ck_assert_uint_ge(count_cleared(weak), 980);
	/* What was not cleared is still there. */
	for (int i = 0; i < 1000; i++)
		ck_assert(smal_weak_get(weak[i]) == NULL ||
		          smal_type_of(smal_weak_get(weak[i])) == pair);
}
END_TEST

/* ---- The order of a collection ---- */

static unsigned seen_by_free, freed;

/* At the time of the free callbacks (5) every reference is cleared (2, 4). */
static void look_back(void *object, void *user)
{
	(void)object;
	(void)user;
	freed++;
	for (int i = 1; i <= 4; i++)
		seen_by_free += roots[i] != NULL && *(void **)roots[i] != NULL;
}

static struct smal_type *look_back_type(void)
{
	struct smal_type_desc desc = { .name = "looks back",
		                       .bytes = 32,
		                       .marking = SMAL_MARK_CONSERVATIVE,
		                       .free = look_back };

	freed = seen_by_free = 0;
	return heap_type(&desc);
}

START_TEST(test_cleared_before_free)
{
	void *object = heap_alloc(look_back_type());

	roots[0] = object;
	roots[1] = weak_of(object, 0);
	roots[2] = weak_of(object, SMAL_WEAK_LONG);
	roots[3] = heap_ephemeron(object, object);
	roots[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(freed, 1);
	ck_assert_uint_eq(seen_by_free, 0);
	ck_assert_uint_eq(heap_live(), 3);
}
END_TEST

/* Dead, and its free callback still to run: cleared already. */
START_TEST(test_cleared_while_pending)
{
	struct smal_type *type = look_back_type();

	roots[1] = weak_of(heap_alloc(type), _i == 0 ? 0 : SMAL_WEAK_LONG);
	roots[2] = heap_ephemeron(smal_weak_get(roots[1]), (void *)8);
	smal_gc_set_torture(gc, 1);
	roots[5] = heap_alloc(pair);
	smal_gc_set_torture(gc, 0);
	ck_assert_uint_eq(freed, 0);
	ck_assert_ptr_null(smal_weak_get(roots[1]));
	ck_assert_ptr_null(smal_ephemeron_key(roots[2]));
	ck_assert_uint_eq(smal_run_frees(thread), 1);
	ck_assert_uint_eq(seen_by_free, 0);
}
END_TEST

/* Step 1: the value of a finalizer counts as reached while its object lives: no
 * reference to it is cleared. */
START_TEST(test_finalizer_value_is_reached)
{
	void *value;

	roots[0] = cons(NULL, NULL);
	roots[5] = value = cons(NULL, NULL);
	ck_assert_ptr_nonnull(smal_finalizer_add(thread, queue, roots[0], value, 0));
	roots[1] = weak_of(value, 0);
	roots[5] = NULL;
	heap_collect();
	ck_assert_ptr_eq(smal_weak_get(roots[1]), value);
	/* And when the object has died, it was not reached in step 1. */
	roots[0] = NULL;
	heap_collect();
	ck_assert_ptr_null(smal_weak_get(roots[1]));
	ck_assert_uint_eq(smal_queue_count(queue), 1);
	ck_assert_ptr_eq(smal_type_of(value), pair);
}
END_TEST

/* Steps 2, 3, 4: a short reference to an object with a finalizer, or to what that
 * refers to, is cleared before it is delivered; a long one when it has died again. */
START_TEST(test_short_and_long)
{
	struct smal_notice notice;
	struct smal_weak *weak[4];
	void **owner, *owned;

	roots[5] = owned = cons(NULL, NULL);
	roots[0] = owner = cons(owned, NULL);
	for (int i = 0; i < 4; i++)
		roots[1 + i] = weak[i] = weak_of(i < 2 ? (void *)owner : owned, both_flags[i % 2]);
	ck_assert_ptr_nonnull(smal_finalizer_add(thread, queue, owner, NULL, 0));
	roots[0] = roots[5] = NULL;
	heap_collect();
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(smal_weak_get(weak[i]) != NULL, i % 2);
	/* It waits: nothing changes. */
	heap_collect();
	ck_assert_ptr_eq(smal_weak_get(weak[1]), owner);
	ck_assert_int_eq(smal_queue_take(thread, queue, &notice), 1);
	ck_assert_ptr_eq(notice.object, owner);
	ck_assert_ptr_eq(owner[0], owned);
	heap_collect();
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_null(smal_weak_get(weak[i]));
	ck_assert_uint_eq(heap_live(), 4);
}
END_TEST

/* Step 2 again: ephemerons and map entries are cleared although step 3 reaches the
 * key; their values are not kept by that. */
START_TEST(test_ephemeron_before_finalizer)
{
	void *key = roots[0] = cons(NULL, NULL);
	struct smal_ephemeron *ephemeron;
	struct smal_map *map;

	roots[1] = cons(NULL, NULL);
	roots[1] = ephemeron = heap_ephemeron(key, roots[1]);
	roots[2] = map = smal_map_create(thread, SMAL_MAP_WEAK_KEYS, NULL, NULL, NULL);
	ck_assert_int_eq(smal_map_put(thread, map, key, cons(NULL, NULL)), SMAL_OK);
	ck_assert_ptr_nonnull(smal_finalizer_add(thread, queue, key, NULL, 0));
	roots[0] = NULL;
	heap_collect();
	ck_assert_ptr_eq(smal_type_of(key), pair);
	ck_assert_ptr_null(smal_ephemeron_key(ephemeron));
	ck_assert_ptr_null(smal_ephemeron_value(ephemeron));
	ck_assert_uint_eq(smal_map_count(map), 0);
	/* The key, its notice; the ephemeron; the map and its entries. */
	ck_assert_uint_eq(heap_live(), 5);
}
END_TEST

/* Step 4: what hangs on a finalizer's object alone. Its weak references to what step
 * 3 reaches too stay, to what is not they are cleared; its ephemerons' values live if
 * their keys do. */
START_TEST(test_behind_finalizer)
{
	void **object, **parts, *other;
	struct smal_weak *weak[4];
	struct smal_ephemeron *lives, *dies;

	roots[0] = object = cons(NULL, NULL);
	object[0] = parts = heap_alloc_bytes(array, 10 * sizeof *parts);
	parts[0] = cons(NULL, NULL);
	roots[5] = other = cons(NULL, NULL);
	for (int i = 0; i < 4; i++)
		parts[1 + i] = weak[i] = weak_of(i < 2 ? parts[0] : other, both_flags[i % 2]);
	parts[5] = lives = heap_ephemeron(parts[0], cons(NULL, NULL));
	parts[6] = dies = heap_ephemeron(other, cons(NULL, NULL));
	ck_assert_ptr_nonnull(smal_finalizer_add(thread, queue, object, NULL, 0));
	roots[0] = roots[5] = NULL;
	heap_collect();
	ck_assert_ptr_eq(smal_weak_get(weak[0]), parts[0]);
	ck_assert_ptr_eq(smal_weak_get(weak[1]), parts[0]);
	ck_assert_ptr_null(smal_weak_get(weak[2]));
	ck_assert_ptr_null(smal_weak_get(weak[3]));
	ck_assert_ptr_eq(smal_type_of(smal_ephemeron_value(lives)), pair);
	ck_assert_ptr_null(smal_ephemeron_key(dies));
	ck_assert_ptr_null(smal_ephemeron_value(dies));
	/* Object, array, part, 4 weak, 2 ephemerons, a value, the registration. */
	ck_assert_uint_eq(heap_live(), 11);
}
END_TEST

/* Step 4: a watch says so in the collection that clears the long reference, and not
 * in the one before. */
START_TEST(test_watch_with_long)
{
	struct smal_notice notice;
	void *object = roots[0] = cons(NULL, NULL);

	roots[1] = weak_of(object, SMAL_WEAK_LONG);
	ck_assert_ptr_nonnull(smal_finalizer_add(thread, queue, object, (void *)1, 0));
	ck_assert_ptr_nonnull(smal_watch_add(thread, queue, object, (void *)2));
	roots[0] = NULL;
	heap_collect();
	ck_assert_ptr_eq(smal_weak_get(roots[1]), object);
	ck_assert_uint_eq(smal_queue_count(queue), 1);
	ck_assert_int_eq(smal_queue_take(thread, queue, &notice), 1);
	ck_assert_ptr_eq(notice.value, (void *)1);
	heap_collect();
	ck_assert_ptr_null(smal_weak_get(roots[1]));
	ck_assert_int_eq(smal_queue_take(thread, queue, &notice), 1);
	ck_assert_ptr_eq(notice.value, (void *)2);
	ck_assert_ptr_null(notice.object);
}
END_TEST

static Suite *weak_suite(void)
{
	Suite *suite = suite_create("weak");
	TCase *weak = tcase_create("weak references");
	TCase *tagged = tcase_create("tagged");
	TCase *scanned = tcase_create("scanned stacks");
	TCase *order = tcase_create("order");

	tcase_add_checked_fixture(weak, begin, heap_end);
	tcase_add_loop_test(weak, test_target_lives_and_dies, 0, 2);
	tcase_add_loop_test(weak, test_got_target_lives, 0, 2);
	tcase_add_loop_test(weak, test_unreached_targets, 0, 2);
	tcase_add_test(weak, test_cleared_before_reuse);
	tcase_add_test(weak, test_dead_weak);
	tcase_add_test(weak, test_foreign);
	tcase_add_loop_test(weak, test_set, 0, 2);
	tcase_add_loop_test(weak, test_freed_target, 0, 2);
	tcase_add_test(weak, test_refused);
	suite_add_tcase(suite, weak);

	tcase_add_checked_fixture(tagged, begin_tagged, heap_end);
	tcase_add_loop_test(tagged, test_tagged, 0, 2);
	suite_add_tcase(suite, tagged);

	tcase_add_checked_fixture(order, begin, heap_end);
	tcase_add_test(order, test_cleared_before_free);
	tcase_add_loop_test(order, test_cleared_while_pending, 0, 2);
	tcase_add_test(order, test_finalizer_value_is_reached);
	tcase_add_test(order, test_short_and_long);
	tcase_add_test(order, test_ephemeron_before_finalizer);
	tcase_add_test(order, test_behind_finalizer);
	tcase_add_test(order, test_watch_with_long);
	suite_add_tcase(suite, order);

	tcase_add_checked_fixture(scanned, begin_scanned, heap_end);
	tcase_add_test(scanned, test_scanned);
	suite_add_tcase(suite, scanned);
	return suite;
}

int main(void)
{
	return test_main(weak_suite);
}
