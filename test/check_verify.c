/* SPDX-License-Identifier: MIT */
/*
 * check_verify.c: the checker of the collector is checked: each invariant (G1 to
 * G7, smal/gc/gc.h) is broken in one place, smal_check names it, and is content
 * again when the place is mended; the second marker reports what the first one
 * missed and what it marked in excess.
 */
#include <smal/gc/attach.h>

#include "test/collector.h"

#include <string.h>

enum { OBJECTS = 1000 };

static struct smal_type *pair, *text, *freed;
static struct smal_kind *kind, *freed_kind, *large_kind;
static struct smal_attached *attached;
static struct smal_hole *hole, *freed_hole;
static struct smal_parcel *parcel;

static void free_nothing(void *object, void *user)
{
	(void)object;
	(void)user;
}

/* Pairs, with a hole between them that is open and has windows to come, and
 * slots that were freed last; texts, some large; and things that are pending. */
static void begin(void)
{
	struct smal_type_desc desc = { .name = "freed", .bytes = 32, .free = free_nothing };

	heap_begin_exact();
	pair = heap_pair_type();
	text = heap_text_type();
	freed = heap_type(&desc);
	roots[1] = heap_alloc_bytes(text, 300000);
	roots[2] = heap_alloc_bytes(text, 300);
	for (int i = 0; i < OBJECTS; i++) {
		void **object = heap_alloc(pair);

		object[1] = roots[0];
		if (i < OBJECTS / 10 || i >= OBJECTS / 10 * 9)
			roots[0] = object;
		heap_alloc(freed);
	}
	heap_collect();
	for (int i = 0; i < 10; i++)
		heap_alloc(freed);
	smal_gc_set_torture(gc, 1);
	heap_alloc_bytes(text, 16);
	smal_gc_set_torture(gc, 0);
	smal_free(thread, heap_alloc(pair));
	heap_alloc(pair);
	smal_free(thread, heap_alloc(pair));
	roots[3] = heap_alloc(freed);
	smal_free(thread, heap_alloc(freed));
	attached = smal_attached(thread);
	kind = gc->kinds[smal_owned(pair)->first_kind];
	freed_kind = gc->kinds[smal_owned(freed)->first_kind];
	large_kind = gc->kinds[smal_owned(text)->first_kind + SMAL_CLASSES];
	hole = &attached->holes[kind->index];
	freed_hole = &attached->holes[freed_kind->index];
	parcel = smal_thread_parcel(thread, pair);
	heap_check();
	ck_assert_uint_lt(hole->next, hole->limit);
	ck_assert_uint_ge(hole->recent_count, 1);
	ck_assert_uint_eq(freed_kind->pending_slots, 10);
}

/* smal_check reports, and what it says begins so. */
static void expect_corrupt(const char *what)
{
	ck_assert_int_eq(smal_check(thread), SMAL_ERROR_CORRUPT);
	ck_assert_str_eq(told.function, "smal_check");
	ck_assert_msg(strncmp(told.what, what, strlen(what)) == 0, "\"%s\", not \"%s\"", told.what,
	              what);
	told_once(SMAL_ERROR_CORRUPT);
}

static void expect_sound(void)
{
	ck_assert_int_eq(smal_check(thread), SMAL_OK);
}

#define BREAK(field, value, what) TEST_BREAK(field, value, expect_corrupt(what), expect_sound())

/* The same for a bit of a mask. */
static void flip(smal_word *mask, size_t bit)
{
	mask[bit >> SMAL_WORD_LOG2] ^= (smal_word)1 << (bit & (SMAL_WORD_BITS - 1));
}

static void expect_flip(const struct smal_buffer *buffer, unsigned mask, uintptr_t slot,
                        const char *what)
{
	smal_word *words = smal_buffer_mask(buffer, mask);

	flip(words, smal_buffer_bit(buffer, slot));
	expect_corrupt(what);
	flip(words, smal_buffer_bit(buffer, slot));
	ck_assert_int_eq(smal_check(thread), SMAL_OK);
}

START_TEST(test_magic)
{
	BREAK(gc->magic, SMAL_MAGIC_THREAD, "gc: bad magic");
}
END_TEST

/* ---- G1: windows and cursors ---- */

START_TEST(test_g1_cursor)
{
	BREAK(parcel->cursor, parcel->limit + 16, "gc G1");
	BREAK(parcel->limit, parcel->limit + 16, "gc G1");
	BREAK(parcel->limit, parcel->limit - 16, "gc G1");
	BREAK(hole->window_limit, hole->window_limit + 16, "gc G1");
	/* libsmal may empty a parcel at any time. */
	parcel->limit = 0;
	ck_assert_int_eq(smal_check(thread), SMAL_OK);
	parcel->limit = hole->window_limit;
}
END_TEST

/* A window's slot that is not live; a cursor inside of a slot. */
START_TEST(test_g1_window)
{
	if (gc->tool_watches)
		return; /* windows are single slots, and used at once */
	ck_assert_uint_lt(parcel->cursor, parcel->limit);
	BREAK(parcel->cursor, parcel->cursor + 8, "gc G1");
	expect_flip(smal_buffer_find(parcel->cursor), gc->live, parcel->cursor, "gc G1");
}
END_TEST

START_TEST(test_g1_live_mask)
{
	/* Every kind agrees with its collector. */
	gc->live ^= 1;
	expect_corrupt("gc G1");
	gc->live ^= 1;
	BREAK(attached->parcels[gc->kinds_top - 1].limit, 64, "gc G1");
	BREAK(attached->parcels[0].cursor, 0, "gc G1");
}
END_TEST

/* ---- G2, G3: masks ---- */

START_TEST(test_g2)
{
	expect_flip(smal_buffer_find((uintptr_t)roots[0]), gc->live ^ 1, (uintptr_t)roots[0],
	            "gc G2");
	expect_flip(smal_buffer_find((uintptr_t)roots[1]), gc->live ^ 1, (uintptr_t)roots[1],
	            "gc G2");
}
END_TEST

START_TEST(test_g3)
{
	/* A slot that was freed last is free. */
	ck_assert_uint_ge(freed_hole->recent_count, 1);
	expect_flip(smal_buffer_find(freed_hole->recent[0]), 2, freed_hole->recent[0], "gc G3");
}
END_TEST

/* ---- G4: counts of a kind ---- */

START_TEST(test_g4)
{
	BREAK(kind->counts.claimed_slots, kind->counts.claimed_slots + 1, "gc G4");
	BREAK(kind->counts.freed_slots, kind->counts.freed_slots + 1, "gc G4");
	BREAK(freed_kind->pending_slots, freed_kind->pending_slots - 1, "gc G4");
	BREAK(large_kind->counts.claimed_large_bytes, large_kind->counts.claimed_large_bytes - 4096, "gc G4");
	BREAK(large_kind->counts.freed_large_bytes, large_kind->counts.freed_large_bytes + 1, "gc G4");
	/* An object that loses its live bit; one that is pending, and nobody knows. */
	expect_flip(hole->buffer, gc->live, (uintptr_t)roots[0], "gc G4");
	expect_flip(smal_buffer_find((uintptr_t)roots[3]), 2, (uintptr_t)roots[3], "gc G4");
}
END_TEST

/* ---- G5: holes ---- */

START_TEST(test_g5)
{
	struct smal_buffer *elsewhere = smal_buffer_find((uintptr_t)roots[2]);

	BREAK(hole->next, hole->limit + 16, "gc G5");
	BREAK(hole->limit, hole->limit + 65536, "gc G5");
	BREAK(hole->next, hole->next + 8, "gc G5");
	BREAK(hole->next, (uintptr_t)roots[0], "gc G5");
	BREAK(hole->buffer, elsewhere, "gc G5");
	BREAK(hole->buffer, NULL, "gc G5");
	BREAK(hole->recent_count, SMAL_RECENT_SLOTS + 1, "gc G5");
	expect_flip(hole->buffer, gc->live, hole->next, "gc G5");
}
END_TEST

START_TEST(test_g5_active)
{
	struct smal_hole *idle = NULL;

	smal_link_remove(&hole->link);
	expect_corrupt("gc G5");
	smal_link_insert(&attached->active, &hole->link);
	ck_assert_int_eq(smal_check(thread), SMAL_OK);
	for (unsigned i = 1; i < gc->kinds_top && idle == NULL; i++)
		if (attached->holes[i].kind == NULL)
			idle = &attached->holes[i];
	ck_assert_ptr_nonnull(idle);
	BREAK(idle->kind, kind, "gc G5");
	BREAK(hole->kind, freed_kind, "gc G5");
}
END_TEST

/* A claimed buffer must be on the list of those: the stride below says so. */
START_TEST(test_g5_state)
{
	BREAK(hole->buffer->state, SMAL_BUFFER_ROOM, "stride I4");
}
END_TEST

/* ---- G6: sums ---- */

START_TEST(test_g6)
{
	BREAK(gc->heap_bytes, gc->heap_bytes + 65536, "gc G6");
	BREAK(gc->heap_peak_bytes, gc->heap_bytes - 1, "gc G6");
	BREAK(gc->frees_pending, false, "gc G6");
}
END_TEST

/* ---- G7: numbers ---- */

START_TEST(test_g7)
{
	BREAK(kind->index, (uint16_t)(kind->index + 1), "gc G7");
	BREAK(kind->stride.class, (uint16_t)(kind->stride.class + 1), "gc G7");
	BREAK(kind->stride.owner, (uint16_t)(kind->stride.owner + 1), "gc G7");
	BREAK(gc->kinds[kind->index], freed_kind, "gc G7");
	BREAK(gc->scans[kind->index].slot_bytes, 32, "gc G7");
	BREAK(kind->type, freed_kind->type, "gc G7");
	BREAK(smal_owned(pair)->magic, SMAL_MAGIC_GONE, "gc G7");
	BREAK(smal_owned(pair)->first_kind, (uint16_t)(kind->index + 1), "gc G7");
}
END_TEST

/* ---- After a collection ---- */

/* With check=all each collection looks, also one that allocation started. */
START_TEST(test_check_all)
{
	smal_process.options.check_all = true;
	heap_collect();
	gc->heap_peak_bytes = 0;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert_str_eq(told.function, "smal_collect");
	ck_assert_int_eq(strncmp(told.what, "gc G6", 5), 0);
	told_once(SMAL_ERROR_CORRUPT);
	smal_gc_set_torture(gc, 1);
	ck_assert_ptr_nonnull(smal_alloc(thread, pair));
	told_once(SMAL_ERROR_CORRUPT);
	smal_gc_set_torture(gc, 0);
	gc->heap_peak_bytes = gc->heap_bytes + (1 << 20);
	smal_process.options.check_all = false;
}
END_TEST

/* ---- The second marker ---- */

struct liar {
	void *child;
	struct liar *next;
};

/* How often the liars were asked, and when they tell the truth. */
static unsigned asked, truthful_from, truthful_to;

static void *mark_liar(struct smal_marker *marker, void *object)
{
	struct liar *liar = object;

	if (asked >= truthful_from && asked < truthful_to)
		smal_mark(marker, liar->child);
	asked++;
	return liar->next;
}

/* A list of liars, each with a child; what a collection says. */
static const char *collect_liars(unsigned from, unsigned to)
{
	static struct smal_type *type;
	struct smal_type_desc desc = { .name = "liar", .bytes = sizeof(struct liar),
		                       .marking = SMAL_MARK_CALLBACK, .mark = mark_liar };

	type = heap_type(&desc);
	roots[4] = NULL;
	for (int i = 0; i < 100; i++) {
		struct liar *liar = heap_alloc(type);

		liar->next = roots[4];
		roots[4] = liar;
		liar->child = heap_alloc(pair);
	}
	asked = 0;
	truthful_from = from;
	truthful_to = to;
	told.count = 0;
	told.what[0] = 0;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	if (told.count > 0)
		told_once(SMAL_ERROR_CORRUPT);
	roots[4] = NULL;
	return told.what;
}

START_TEST(test_second_marker)
{
	smal_process.options.check_mark = true;
	ck_assert_str_eq(collect_liars(0, 1000), "");
	ck_assert_uint_eq(asked, 200);
	ck_assert_str_eq(collect_liars(1000, 1000), "");
	/* The first marker is told less than the second. */
	ck_assert_str_eq(collect_liars(100, 200),
	                 "second marker: a reachable object was not marked");
	ck_assert_str_eq(collect_liars(1, 200), "second marker: a reachable object was not marked");
	/* It is told more. */
	ck_assert_str_eq(collect_liars(0, 100),
	                 "second marker: an unreachable object was marked");
	ck_assert_str_eq(collect_liars(0, 199),
	                 "second marker: an unreachable object was marked");
	smal_process.options.check_mark = false;
	ck_assert_str_eq(collect_liars(100, 200), "");
	ck_assert_uint_eq(asked, 100);
}
END_TEST

static uintptr_t meddled;

/* A root function that changes a mark bit behind the marker's back. */
static void meddle(struct smal_marker *marker, void *user)
{
	struct smal_buffer *buffer = smal_buffer_find(meddled);

	(void)marker;
	if (buffer != NULL && asked++ == *(unsigned *)user)
		flip(smal_buffer_mask(buffer, gc->live ^ 1), smal_buffer_bit(buffer, meddled));
}

START_TEST(test_second_marker_sees_masks)
{
	unsigned when = 0;

	smal_process.options.check_mark = true;
	ck_assert_int_eq(smal_root_add_function(gc, meddle, &when, NULL), SMAL_OK);
	/* Dead, but marked before the first marker begins. */
	meddled = (uintptr_t)heap_alloc(pair);
	asked = 0;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert_str_eq(told.what, "second marker: an unreachable object was marked");
	told_once(SMAL_ERROR_CORRUPT);
	/* Marked, but not any more when the second begins. */
	meddled = (uintptr_t)roots[2];
	asked = 0;
	when = 1;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert_str_eq(told.what, "second marker: a reachable object was not marked");
	told_once(SMAL_ERROR_CORRUPT);
	roots[2] = NULL;
	meddled = 0;
	heap_collect();
	smal_process.options.check_mark = false;
}
END_TEST

static Suite *verify_suite(void)
{
	Suite *suite = suite_create("verify");
	TCase *invariants = tcase_create("invariants");
	TCase *second = tcase_create("second");

	tcase_add_checked_fixture(invariants, begin, heap_end);
	tcase_add_test(invariants, test_magic);
	tcase_add_test(invariants, test_g1_cursor);
	tcase_add_test(invariants, test_g1_window);
	tcase_add_test(invariants, test_g1_live_mask);
	tcase_add_test(invariants, test_g2);
	tcase_add_test(invariants, test_g3);
	tcase_add_test(invariants, test_g4);
	tcase_add_test(invariants, test_g5);
	tcase_add_test(invariants, test_g5_active);
	tcase_add_test(invariants, test_g5_state);
	tcase_add_test(invariants, test_g6);
	tcase_add_test(invariants, test_g7);
	tcase_add_test(invariants, test_check_all);
	suite_add_tcase(suite, invariants);

	tcase_add_checked_fixture(second, begin, heap_end);
	tcase_add_test(second, test_second_marker);
	tcase_add_test(second, test_second_marker_sees_masks);
	suite_add_tcase(suite, second);
	return suite;
}

int main(void)
{
	return test_main(verify_suite);
}
