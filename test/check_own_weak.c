/* SPDX-License-Identifier: MIT */
/*
 * check_own_weak.c: weak tables of a runtime's own: what the weak function is told of
 * marks is so, what it marks lives, with all that follows from it, and its stages come
 * when the library's own weak things are dealt with, as <smal/weak.h> says. (How it finds
 * what to mark is check_own_final.c.)
 */
#include "test/own.h"

}

/* ---- Stages ---- */

static struct smal_weak *references[3];
static uintptr_t dead, finalized, below;

/* Short references are cleared with step 2, finalizers' objects live from step 3 on, long
 * references are cleared with step 4. */
static void look_at_steps(struct smal_marker *marker, enum smal_weak_stage stage)
{
	EXPECT(smal_weak_get(references[0]) == NULL);
	EXPECT((smal_weak_get(references[1]) == NULL) == (stage == SMAL_WEAK_LONG_STAGE));
	EXPECT(smal_weak_get(references[2]) == (void *)~finalized);
	EXPECT(!smal_is_marked(marker, (void *)~dead));
	EXPECT(smal_is_marked(marker, (void *)~finalized) == (stage != SMAL_WEAK_SHORT_STAGE));
	EXPECT(smal_is_marked(marker, (void *)~below) == (stage != SMAL_WEAK_SHORT_STAGE));
	EXPECT(smal_is_marked(marker, roots[0]));
}

START_TEST(test_stages)
{
	struct smal_notice notice;
	struct smal_queue *queue;

	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	for (int i = 0; i < 3; i++) {
		roots[3] = heap_alloc(pair);
		dead = HIDE(roots[3]);
		roots[4] = cons(cons(NULL, NULL), NULL);
		finalized = HIDE(roots[4]);
		below = HIDE(*(void **)roots[4]);
		ck_assert_ptr_nonnull(smal_finalizer_add(thread, queue, roots[4], NULL, 0));
		roots[0] = references[0] = smal_weak_create(thread, roots[3], 0);
		roots[1] = references[1] = smal_weak_create(thread, roots[3], SMAL_WEAK_LONG);
		roots[2] = references[2] = smal_weak_create(thread, roots[4], SMAL_WEAK_LONG);
		roots[3] = roots[4] = NULL;
		on_stage = look_at_steps;
		collect();
		on_stage = NULL;
		ck_assert_int_eq(smal_queue_take(thread, queue, &notice), 1);
		collect();
	}
}
END_TEST

/* What the last stage finds unmarked is gone afterwards, and nothing else is. */
enum { NODES = 2000 };
static uintptr_t nodes[NODES];
static bool marked[NODES];

static void note_marks(struct smal_marker *marker, enum smal_weak_stage stage)
{
	for (int i = 0; stage == SMAL_WEAK_LONG_STAGE && i < NODES; i++)
		marked[i] = nodes[i] != 0 && smal_is_marked(marker, (void *)~nodes[i]);
}

START_TEST(test_last_word)
{
	struct test_random random;
	unsigned kept = 0;

	test_random_init(&random, 1);
	for (int i = 0; i < NODES; i++) {
		size_t to = i != 0 ? test_random_below(&random, (uint64_t)i) : 0;

		nodes[i] = HIDE(cons(i != 0 ? (void *)~nodes[to] : NULL, NULL));
		if (i % 100 == 0)
			nodes[i] = HIDE(heap_alloc_bytes(array, 300000));
	}
	for (int i = 0; i < ROOTS; i++)
		roots[i] = (void *)~nodes[test_random_below(&random, NODES)];
	on_stage = note_marks;
	collect();
	on_stage = NULL;
	for (int i = 0; i < NODES; i++) {
		EXPECT(is_live(nodes[i]) == marked[i]);
		kept += marked[i];
	}
	ck_assert_uint_eq(heap_live(), kept);
	ck_assert_uint_ge(kept, 1);
	ck_assert_uint_lt(kept, NODES);
}
END_TEST

/* ---- What is marked ---- */

static uintptr_t none[8];

static void look_at_none(struct smal_marker *marker, enum smal_weak_stage stage)
{
	(void)stage;
	EXPECT(smal_is_marked(marker, roots[0]) == 1);
	for (int i = 0; i < 8; i++)
		EXPECT(smal_is_marked(marker, (void *)~none[i]) == 0);
}

START_TEST(test_is_marked)
{
	static char in_static[32];
	struct smal_thread *other_thread;
	struct smal_gc *other;
	struct smal_type *type;
	struct smal_type_desc desc = { .name = "t" };
	char *object;

	ck_assert_int_eq(smal_gc_create(NULL, &other), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(other, &other_thread), SMAL_OK);
	ck_assert_int_eq(smal_type_create(other, &desc, &type), SMAL_OK);
	roots[0] = object = heap_alloc_bytes(text, 100);
	none[0] = HIDE(object + 16);
	none[1] = HIDE(object + smal_size(object));
	none[2] = HIDE(in_static);
	none[3] = HIDE(NULL);
	none[4] = HIDE(heap_alloc_bytes(text, 100));
	ck_assert_int_eq(smal_free(thread, (void *)~none[4]), SMAL_OK);
	none[5] = HIDE(heap_alloc(pair));
	none[6] = HIDE(smal_alloc_bytes(other_thread, type, 100));
	none[7] = HIDE(UINTPTR_MAX);
	on_stage = look_at_none;
	collect();
	on_stage = NULL;
	ck_assert_int_eq(smal_thread_detach(other_thread), SMAL_OK);
	ck_assert_int_eq(smal_gc_destroy(other), SMAL_OK);
}
END_TEST

/* ---- Marking ---- */

static uintptr_t first;

/* Until it is told to go on, only what was named is marked. */
static void revive(struct smal_marker *marker, enum smal_weak_stage stage)
{
	void **object = (void **)~first;

	if (stage == SMAL_WEAK_SHORT_STAGE)
		EXPECT(!smal_is_marked(marker, object));
	if (stage != SMAL_WEAK_FINAL_STAGE) {
		EXPECT(smal_is_marked(marker, object) == (stage == SMAL_WEAK_LONG_STAGE));
		return;
	}
	smal_mark(marker, object);
	EXPECT(smal_is_marked(marker, object));
	EXPECT(!smal_is_marked(marker, object[0]));
	if (calls % 2 == 0)
		smal_mark_onward(marker);
	EXPECT(smal_is_marked(marker, object[0]) == (calls % 2 == 0));
}

/* The same without asking for what follows: it is done all the same. */
static void revive_silently(struct smal_marker *marker, enum smal_weak_stage stage)
{
	if (stage == SMAL_WEAK_FINAL_STAGE)
		smal_mark(marker, (void *)~first);
}

/* An ephemeron's value follows from its key; what refers to the dead is cleared, be it
 * reached here alone. */
START_TEST(test_lives_on)
{
	for (int i = 0; i < 4; i++) {
		struct smal_ephemeron *ephemeron;
		struct smal_weak *lost, *kept;
		void **object, *key;

		roots[0] = key = cons(NULL, NULL);
		roots[1] = ephemeron = heap_ephemeron(key, cons(cons(NULL, NULL), NULL));
		roots[2] = heap_alloc_bytes(array, 400000);
		roots[3] = lost = smal_weak_create(thread, cons(NULL, NULL), 0);
		roots[4] = kept = smal_weak_create(thread, key, 0);
		((void **)roots[2])[40000] = lost;
		((void **)roots[2])[1] = kept;
		roots[5] = object = cons(key, roots[2]);
		first = HIDE(object);
		memset(roots, 0, sizeof roots);
		roots[1] = i >= 2 ? ephemeron : NULL;
		on_stage = i % 2 == 0 ? revive : revive_silently;
		collect();
		on_stage = NULL;
		ck_assert_ptr_eq(smal_type_of(object), pair);
		ck_assert_ptr_eq(object[0], key);
		ck_assert_ptr_eq(smal_type_of(key), pair);
		ck_assert_ptr_eq(((void **)object[1])[1], kept);
		ck_assert_ptr_eq(smal_weak_get(kept), key);
		ck_assert_ptr_null(smal_weak_get(lost));
		/* An ephemeron that was reached before is cleared like a short reference. */
		if (i >= 2)
			ck_assert_ptr_null(smal_ephemeron_key(ephemeron));
		ck_assert_uint_eq(heap_live(), i >= 2 ? 6 : 5);
		memset(roots, 0, sizeof roots);
		collect();
		ck_assert_uint_eq(heap_live(), 0);
	}
}
END_TEST

/* Values of ephemerons that are reached here, by keys that are. */
static void revive_pairs(struct smal_marker *marker, enum smal_weak_stage stage)
{
	void **object = (void **)~first;
	struct smal_ephemeron *ephemeron = object[1];

	if (stage != SMAL_WEAK_FINAL_STAGE)
		return;
	smal_mark(marker, object);
	smal_mark_onward(marker);
	EXPECT(smal_is_marked(marker, ephemeron));
	EXPECT(smal_is_marked(marker, ephemeron->value));
	EXPECT(smal_is_marked(marker, *(void **)ephemeron->value));
}

START_TEST(test_onward_to_values)
{
	struct smal_ephemeron *ephemeron;
	void *key;

	roots[0] = key = cons(NULL, NULL);
	roots[1] = cons(cons(NULL, NULL), NULL);
	roots[1] = ephemeron = heap_ephemeron(key, roots[1]);
	first = HIDE(roots[0] = cons(key, ephemeron));
	memset(roots, 0, sizeof roots);
	on_stage = revive_pairs;
	collect();
	on_stage = NULL;
	ck_assert_ptr_eq(smal_ephemeron_key(ephemeron), key);
	ck_assert_ptr_eq(smal_type_of(smal_ephemeron_value(ephemeron)), pair);
	ck_assert_uint_eq(heap_live(), 5);
}
END_TEST

/* ---- By the other ways to mark ---- */

static uintptr_t hidden[6];

static void mark_each_way(struct smal_marker *marker, enum smal_weak_stage stage)
{
	void *words[6];

	if (stage != SMAL_WEAK_FINAL_STAGE)
		return;
	for (int i = 0; i < 6; i++)
		words[i] = (void *)~hidden[i];
	words[1] = (char *)words[1] + 8;
	smal_mark_only(marker, words[0]);
	smal_mark_range(marker, words + 1, words + 2);
	smal_mark_array(marker, words + 2, 3);
	EXPECT(!smal_is_marked(marker, words[5]));
}

/* Each leads on to one more, but for the first, which is marked alone; the last is not. */
START_TEST(test_each_way)
{
	for (int i = 0; i < 6; i++)
		hidden[i] = HIDE(cons(cons(NULL, NULL), NULL));
	on_stage = mark_each_way;
	collect();
	ck_assert_uint_eq(heap_live(), 1 + 2 * 4);
	for (int i = 0; i < 6; i++)
		EXPECT(is_live(hidden[i]) == (i < 5));
}
END_TEST

/* ---- What is refused ---- */

static void try_all(struct smal_marker *marker, enum smal_weak_stage stage)
{
	(void)marker;
	(void)stage;
	EXPECT(smal_alloc_slow(thread, pair) == NULL);
	told_once(SMAL_ERROR_BUSY);
	EXPECT(smal_collect(thread) == SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	EXPECT(smal_gc_set_weak(gc, NULL, NULL) == SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	EXPECT(smal_find(gc, (uintptr_t)roots[0] + 8) == roots[0]);
	EXPECT(smal_type_of(roots[0]) == pair && smal_size(roots[0]) == 16);
}

START_TEST(test_refused)
{
	roots[0] = heap_alloc(pair);
	on_stage = try_all;
	collect();
	on_stage = NULL;
	ck_assert_int_eq(smal_gc_set_weak(NULL, weak, &calls), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(smal_gc_set_weak(gc, NULL, NULL), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	calls = 0;
	heap_collect();
	ck_assert_uint_eq(calls, 0);
}
END_TEST

static Suite *own_weak_suite(void)
{
	Suite *suite = suite_create("own weak");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, begin, heap_end);
	tcase_add_test(all, test_stages);
	tcase_add_test(all, test_last_word);
	tcase_add_test(all, test_is_marked);
	tcase_add_test(all, test_lives_on);
	tcase_add_test(all, test_onward_to_values);
	tcase_add_test(all, test_each_way);
	tcase_add_test(all, test_refused);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return test_main(own_weak_suite);
}
