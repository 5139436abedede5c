/* SPDX-License-Identifier: MIT */
/*
 * check_own_final.c: finalizers of a runtime's own: what dies of a type is visited in the
 * weak function, each once; what it refers to can be marked without it, so that
 * finalizers may run in order; and what is marked lives.
 */
#include "test/own.h"

}

enum { NODES = 2000 };
static uintptr_t first, none[8];

/* ---- Referents ---- */

static void mark_below(struct smal_marker *marker, enum smal_weak_stage stage)
{
	if (stage != SMAL_WEAK_FINAL_STAGE)
		return;
	smal_mark_referents(marker, (void *)~first);
	EXPECT(!smal_is_marked(marker, (void *)~first));
	smal_mark_onward(marker);
}

static void *mark_one(struct smal_marker *marker, void *object)
{
	smal_mark(marker, ((void **)object)[0]);
	return ((void **)object)[1];
}

/* What an object refers to lives, by all ways of marking, and not the object itself; with
 * a reference to itself it does. */
START_TEST(test_referents)
{
	static const enum smal_marking ways[] = { SMAL_MARK_NOTHING, SMAL_MARK_LAYOUT,
		                                  SMAL_MARK_CONSERVATIVE, SMAL_MARK_CALLBACK };
	static const size_t bytes[] = { 16, 40, 200, 9000, 200000 };
	static const uintptr_t both = 3;

	for (int w = 0; w < 4; w++) {
		for (int b = 0; b < 5; b++) {
			struct smal_type_desc desc = { .name = "t", .bytes = bytes[b],
				                       .marking = ways[w],
				                       .layout = { &both, 2, 0 },
				                       .mark = mark_one };
			void **object = heap_alloc(heap_type(&desc));

			first = HIDE(object);
			object[0] = cons(cons(NULL, NULL), NULL);
			object[1] = heap_alloc_bytes(text, 200000);
			on_stage = mark_below;
			collect();
			ck_assert_int_eq(is_live(first), 0);
			ck_assert_uint_eq(heap_live(), w == 0 ? 0 : 3);
			object = heap_alloc(heap_type(&desc));
			first = HIDE(object);
			object[1] = object;
			if (w == 0) {
				collect();
				ck_assert_uint_eq(heap_live(), 0);
				continue;
			}
			on_stage = NULL;
			collect();
			ck_assert_uint_eq(heap_live(), 0);
		}
	}
}
END_TEST

static void mark_nothings(struct smal_marker *marker, enum smal_weak_stage stage)
{
	for (int i = 0; stage == SMAL_WEAK_FINAL_STAGE && i < 8; i++)
		smal_mark_referents(marker, (void *)~none[i]);
}

START_TEST(test_referents_of_nothing)
{
	void **object;

	object = roots[0] = heap_alloc_bytes(array, 100);
	none[0] = HIDE(object + 2);
	none[1] = HIDE((char *)object + smal_size(object));
	none[2] = HIDE(none);
	none[3] = HIDE(NULL);
	none[4] = HIDE(cons(cons(NULL, NULL), NULL));
	ck_assert_int_eq(smal_free(thread, (void *)~none[4]), SMAL_OK);
	none[5] = HIDE(8);
	none[6] = HIDE(UINTPTR_MAX);
	none[7] = HIDE(gc);
	on_stage = mark_nothings;
	collect();
	ck_assert_uint_eq(heap_live(), 1);
}
END_TEST

/* ---- All that is not marked ---- */

static uintptr_t visited[NODES];
static unsigned visits;

static void note_visit(struct smal_marker *marker, void *object, void *user)
{
	EXPECT(user == visited);
	EXPECT(!smal_is_marked(marker, object));
	EXPECT(visits < NODES);
	visited[visits++] = HIDE(object);
}

static struct smal_type *each_type;

static void visit_each(struct smal_marker *marker, enum smal_weak_stage stage)
{
	(void)stage;
	visits = 0;
	smal_each_unmarked(marker, each_type, note_visit, visited);
}

static bool was_visited(uintptr_t word)
{
	unsigned count = 0;

	for (unsigned i = 0; i < visits; i++)
		count += visited[i] == word;
	EXPECT(count <= 1);
	return count == 1;
}

static void count_free(void *object, void *user)
{
	(void)object;
	++*(unsigned *)user;
}

/* Each once: those of other types, that are marked, were freed, or wait for their free
 * callback are none. */
START_TEST(test_each)
{
	static const size_t bytes[] = { 16, 24, 40, 1000, 9000, 200000, 0, 0 };
	unsigned frees = 0;

	for (int b = 0; b < 8; b++) {
		struct smal_type_desc desc = { .name = "t", .bytes = bytes[b], .user = &frees,
			                       .free = b == 7 ? count_free : NULL };
		uintptr_t freed, mine[200];

		each_type = heap_type(&desc);
		for (unsigned i = 0; i < 200; i++) {
			void *object = bytes[b] != 0 ? heap_alloc(each_type)
			                             : heap_alloc_bytes(each_type, 1 + i * i * 7);

			mine[i] = HIDE(object);
			if (i < ROOTS)
				roots[i] = object;
			heap_alloc(pair);
		}
		freed = HIDE(bytes[b] != 0 ? heap_alloc(each_type)
		                           : heap_alloc_bytes(each_type, 100));
		ck_assert_int_eq(smal_free(thread, (void *)~freed), SMAL_OK);
		on_stage = visit_each;
		collect();
		ck_assert_uint_eq(visits, 200 - ROOTS);
		for (unsigned i = 0; i < 200; i++)
			EXPECT(was_visited(mine[i]) == (i >= ROOTS));
		collect();
		ck_assert_uint_eq(visits, 0);
		memset(roots, 0, sizeof roots);
	}
	on_stage = NULL;
}
END_TEST

static struct smal_type *pending_type;

/* In the second collection the dead of the first wait still. */
static void visit_pending(struct smal_marker *marker, enum smal_weak_stage stage)
{
	(void)stage;
	visits = 0;
	smal_each_unmarked(marker, pending_type, note_visit, visited);
}

START_TEST(test_each_pending)
{
	unsigned frees = 0;
	struct smal_type_desc desc = { .name = "t", .bytes = 32, .free = count_free,
		                       .user = &frees };

	ck_assert_int_eq(smal_gc_set_pace(gc, SMAL_PACE_FIXED, MIB, 0), SMAL_OK);
	pending_type = heap_type(&desc);
	for (int i = 0; i < 100; i++)
		heap_alloc(pending_type);
	on_stage = visit_pending;
	calls = 0;
	for (size_t i = 0; i < 8 * KIB && calls == 0; i++)
		heap_alloc_bytes(text, KIB);
	ck_assert_uint_eq(calls, STAGES);
	ck_assert_uint_eq(visits, 100);
	ck_assert_uint_eq(frees, 0);
	collect();
	ck_assert_uint_eq(visits, 0);
	ck_assert_uint_eq(frees, 100);
}
END_TEST

/* Marks each, with all that follows from it: a list's cells are found by its head alone,
 * wherever in the order of addresses that comes. */
static void keep(struct smal_marker *marker, void *object, void *user)
{
	note_visit(marker, object, user);
	smal_mark(marker, object);
	smal_mark_onward(marker);
	EXPECT(smal_is_marked(marker, object));
}

static void keep_each(struct smal_marker *marker, enum smal_weak_stage stage)
{
	if (stage != SMAL_WEAK_FINAL_STAGE)
		return;
	visits = 0;
	smal_each_unmarked(marker, pair, keep, visited);
}

START_TEST(test_each_marks)
{
	uintptr_t cells[100];

	for (int i = 0; i < 100; i++)
		cells[i] = HIDE(heap_alloc(pair));
	for (int i = 0; i < 99; i++)
		*(void **)~cells[_i == 0 ? i : i + 1] = (void *)~cells[_i == 0 ? i + 1 : i];
	on_stage = keep_each;
	collect();
	ck_assert_uint_eq(heap_live(), 100);
	/* Forwards the first has it all; backwards each has been seen before its own. */
	ck_assert_uint_eq(visits, _i == 0 ? 1 : 100);
	on_stage = NULL;
	collect();
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* ---- Finalizers in order, as runtimes have them ---- */

static uintptr_t due[NODES];
static unsigned due_count;

/* What is not reached from others that die is due, and lives on. */
static void order(struct smal_marker *marker, enum smal_weak_stage stage)
{
	if (stage != SMAL_WEAK_FINAL_STAGE)
		return;
	visits = due_count = 0;
	smal_each_unmarked(marker, pair, note_visit, visited);
	for (unsigned i = 0; i < visits; i++)
		smal_mark_referents(marker, (void *)~visited[i]);
	smal_mark_onward(marker);
	for (unsigned i = 0; i < visits; i++)
		if (!smal_is_marked(marker, (void *)~visited[i]))
			due[due_count++] = visited[i];
	for (unsigned i = 0; i < due_count; i++)
		smal_mark(marker, (void *)~due[i]);
}

START_TEST(test_order)
{
	uintptr_t chain[50];

	for (int i = 0; i < 50; i++)
		chain[i] = HIDE(cons(i != 0 ? (void *)~chain[i - 1] : NULL, NULL));
	on_stage = order;
	for (int i = 49; i >= 0; i--) {
		collect();
		ck_assert_uint_eq(due_count, 1);
		ck_assert(due[0] == chain[i]);
		ck_assert_uint_eq(heap_live(), (uint64_t)i + 1);
		/* It was finalized. */
		on_stage = NULL;
		ck_assert_int_eq(smal_free(thread, (void *)~chain[i]), SMAL_OK);
		on_stage = order;
	}
}
END_TEST

static Suite *own_final_suite(void)
{
	Suite *suite = suite_create("own final");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, begin, heap_end);
	tcase_add_test(all, test_referents);
	tcase_add_test(all, test_referents_of_nothing);
	tcase_add_test(all, test_each);
	tcase_add_test(all, test_each_pending);
	tcase_add_loop_test(all, test_each_marks, 0, 2);
	tcase_add_test(all, test_order);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return test_main(own_final_suite);
}
