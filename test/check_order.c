/* SPDX-License-Identifier: MIT */
/*
 * check_order.c: an order of finalizers, if one was asked for, goes from owners to what
 * they own, one collection after another, through objects, weak pairs and registrations
 * without an order; a cycle's members stay or are delivered, as the options say.
 */
#include "test/notice.h"

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
		notice_add(object[registered[i]], notice_number(registered[i]), flags);
	roots[0] = roots[1] = roots[2] = roots[3] = NULL;
	for (size_t i = 0; i < 3; i++) {
		notice_collect(1);
		/* As long as the owner waits, what it owns does. */
		notice_collect(1);
		ck_assert_uint_eq(last_collection.cyclic_finalizers, 0);
		ck_assert_ptr_eq(notice_take().value, notice_number(i));
	}
	notice_collect(0);
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

	notice_add(owned, notice_number(1), SMAL_FINALIZER_ORDERED);
	notice_add(owner, notice_number(2), 0);
	notice_collect(0);
	roots[0] = NULL;
	notice_collect(2);
	notice_take();
	notice_take();
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Several registrations of one object do not wait for each other. */
START_TEST(test_ordered_twice)
{
	void *object = roots[0] = heap_alloc(pair);

	notice_add(object, notice_number(1), SMAL_FINALIZER_ORDERED);
	notice_add(object, notice_number(2), SMAL_FINALIZER_CYCLES);
	notice_add(object, notice_number(3), SMAL_FINALIZER_ORDERED);
	roots[0] = NULL;
	notice_collect(3);
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
		notice_add(owner, notice_number(1), SMAL_FINALIZER_ORDERED);
	notice_add(owned, notice_number(2), SMAL_FINALIZER_ORDERED);
	if (_i / 2 != 0)
		notice_add(owner, notice_number(1), SMAL_FINALIZER_ORDERED);
	roots[1] = roots[2] = NULL;
	notice_collect(1);
	ck_assert_ptr_eq(notice_take().value, notice_number(1));
	notice_collect(1);
	ck_assert_ptr_eq(notice_take().value, notice_number(2));
}
END_TEST

/* ---- Cycles ---- */

/* A ring of objects; the first is roots[0]. */
static void make_ring(size_t count, size_t first_number, unsigned flags)
{
	void **first = roots[0] = heap_alloc(pair), **at = first;

	for (size_t i = 0; i < count; i++) {
		notice_add(at, notice_number(first_number + i), flags);
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
	notice_collect(0);
	ck_assert_uint_eq(last_collection.cyclic_finalizers, 0);
	roots[0] = roots[1] = NULL;
	for (int i = 0; i < 3; i++) {
		notice_collect(0);
		ck_assert_uint_eq(last_collection.cyclic_finalizers, 2);
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

		notice_collect(2);
		for (int j = 0; j < 2; j++) {
			struct smal_notice notice = notice_take();

			n[j] = (size_t)notice.value / 8;
			ck_assert_int_eq(notice.in_cycle, 1);
			ck_assert(n[j] < 2 * RING && !came[n[j]]);
			came[n[j]] = true;
		}
		ck_assert((n[0] < RING) != (n[1] < RING));
	}
	notice_collect(0);
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
	notice_add(object, notice_number(1), SMAL_FINALIZER_CYCLES);
	roots[0] = roots[2] = NULL;
	notice_collect(1);
	ck_assert_int_eq(notice_take().in_cycle, 1);
	notice_collect(0);
	ck_assert_uint_eq(heap_live(), 1);
}
END_TEST

/* An owner comes before the cycle that it owns. */
START_TEST(test_cycle_with_owner)
{
	void **owner = roots[1] = heap_alloc(pair);

	if (_i == 0)
		notice_add(owner, notice_number(9), SMAL_FINALIZER_CYCLES);
	make_ring(2, 0, SMAL_FINALIZER_CYCLES);
	if (_i != 0)
		notice_add(owner, notice_number(9), SMAL_FINALIZER_CYCLES);
	owner[0] = roots[0];
	roots[0] = roots[1] = NULL;
	notice_collect(1);
	ck_assert_ptr_eq(notice_take().value, notice_number(9));
	notice_collect(1);
	ck_assert_int_eq(notice_take().in_cycle, 1);
}
END_TEST

static Suite *order_suite(void)
{
	Suite *suite = suite_create("order of finalizers");
	TCase *ordered = tcase_create("ordered");
	TCase *cycles = tcase_create("cycles");

	tcase_add_checked_fixture(ordered, notice_begin, heap_end);
	tcase_add_loop_test(ordered, test_ordered, 0, 6);
	tcase_add_test(ordered, test_ordered_below_unordered);
	tcase_add_test(ordered, test_ordered_twice);
	tcase_add_loop_test(ordered, test_ordered_by_pair, 0, 4);
	suite_add_tcase(suite, ordered);

	tcase_add_checked_fixture(cycles, notice_begin, heap_end);
	tcase_add_loop_test(cycles, test_cycles_stay, 0, 3);
	tcase_add_test(cycles, test_cycles_delivered);
	tcase_add_loop_test(cycles, test_cycle_by_pair, 0, 2);
	tcase_add_loop_test(cycles, test_cycle_with_owner, 0, 2);
	suite_add_tcase(suite, cycles);
	return suite;
}

int main(void)
{
	return test_main(order_suite);
}
