/* SPDX-License-Identifier: MIT */
/*
 * abi_queue.c: when libgc's finalizers run: in an allocation, in a collection, on demand;
 * what they may do meanwhile; those of all objects at once; who is told.
 */
#include "test/libgc/abi.h"

#include <gc/javaxfc.h>

enum { MOST = 100000 };
static unsigned runs[MOST];
static size_t all_runs;
static void *kept[ABI_MANY];

/* The number of an object is in its first word. */
static void finalizer(void *object, void *data)
{
	size_t number = *(size_t *)object;

	(void)data;
	EXPECT(number < MOST);
	EXPECT_EQ(++runs[number], 1);
	all_runs++;
}

static GC_finalization_proc the_finalizer = finalizer;

static void make(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t *object = GC_malloc(i % 50 + 16);

		*object = i;
		GC_register_finalizer_no_order(object, the_finalizer, NULL, NULL, NULL);
	}
}

/* ---- When ---- */

/* Allocation alone makes collections, and runs what they found. */
START_TEST(test_in_allocation)
{
	abi_away(make, ABI_MANY);
	for (int i = 0; i < 3000000 && all_runs < ABI_MANY * 9 / 10; i++)
		GC_malloc(100);
	ck_assert_uint_ge(all_runs, ABI_MANY * 9 / 10);
}
END_TEST

static unsigned notified;

static void notifier(void)
{
	notified++;
}

static void begin_on_demand(void)
{
	ck_assert_int_eq(GC_get_finalize_on_demand(), 0);
	GC_set_finalize_on_demand(1);
	abi_begin();
	ck_assert_int_eq(GC_get_finalize_on_demand(), 1);
	GC_set_finalizer_notifier(notifier);
	ck_assert(GC_get_finalizer_notifier() == notifier);
}

/* None runs until it is asked for; the notifier is called once in a collection that
 * finds any. */
START_TEST(test_on_demand)
{
	size_t ran;

	GC_gcollect();
	ck_assert_int_eq(GC_should_invoke_finalizers(), 0);
	ck_assert_int_eq(GC_invoke_finalizers(), 0);
	ck_assert_uint_eq(notified, 0);
	abi_away(make, ABI_MANY);
	abi_collect();
	for (int i = 0; i < 100000; i++)
		GC_malloc(100);
	ck_assert_uint_eq(all_runs, 0);
	ck_assert_uint_ge(notified, 1);
	ck_assert_uint_le(notified, GC_get_gc_no());
	ck_assert_int_ne(GC_should_invoke_finalizers(), 0);
	ran = (size_t)GC_invoke_finalizers();
	ck_assert_uint_ge(ran, ABI_MANY * 9 / 10);
	ck_assert_uint_eq(ran, all_runs);
	ck_assert_int_eq(GC_should_invoke_finalizers(), 0);
	ck_assert_int_eq(GC_invoke_finalizers(), 0);
}
END_TEST

/* Those that wait are kept, with what they refer to. */
START_TEST(test_on_demand_waits)
{
	abi_away(make, ABI_MANY);
	for (int i = 0; i < 10; i++) {
		abi_collect();
		for (int j = 0; j < 10000; j++)
			memset(GC_malloc_atomic(j % 70 + 8), 0xa5, 8);
	}
	ck_assert_int_ge(GC_invoke_finalizers(), ABI_MANY * 9 / 10);
	for (size_t i = 0; i < MOST; i++)
		EXPECT(runs[i] <= (i < ABI_MANY));
}
END_TEST

/* The notifier is not called where finalizers run by themselves. */
START_TEST(test_not_notified)
{
	GC_set_finalizer_notifier(notifier);
	abi_away(make, ABI_MANY);
	abi_collect();
	ck_assert_uint_ge(all_runs, ABI_MANY * 9 / 10);
	ck_assert_uint_eq(notified, 0);
}
END_TEST

static unsigned awaited;

static void await_finalize(void *object)
{
	EXPECT(*(size_t *)object < MOST && runs[*(size_t *)object] == 0);
	awaited++;
}

START_TEST(test_awaited)
{
	ck_assert(GC_get_await_finalize_proc() == NULL);
	GC_set_await_finalize_proc(await_finalize);
	ck_assert(GC_get_await_finalize_proc() == await_finalize);
	abi_away(make, ABI_MANY);
	abi_collect();
	ck_assert_uint_ge(awaited, ABI_MANY * 9 / 10);
	GC_invoke_finalizers();
	ck_assert_uint_eq(awaited, all_runs);
	GC_set_await_finalize_proc(NULL);
	ck_assert(GC_get_await_finalize_proc() == NULL);
}
END_TEST

/* ---- What they do ---- */

static void allocates(void *object, void *data)
{
	finalizer(object, data);
	for (int i = 0; i < 100; i++)
		EXPECT(abi_all(GC_malloc(100), 0, 100));
	if (all_runs % 100 == 0)
		GC_gcollect();
	GC_free(GC_malloc_uncollectable(10));
}

static void makes_another(void *object, void *data)
{
	static size_t number = ABI_MANY;

	finalizer(object, data);
	if (number < 2 * ABI_MANY) {
		size_t *another = GC_malloc(16);

		*another = number++;
		GC_register_finalizer(another, finalizer, NULL, NULL, NULL);
	}
}

static void invokes(void *object, void *data)
{
	finalizer(object, data);
	GC_invoke_finalizers();
}

static const GC_finalization_proc busy[] = { allocates, makes_another, invokes };

START_TEST(test_busy)
{
	the_finalizer = busy[_i];
	abi_away(make, ABI_MANY);
	for (int i = 0; i < 4; i++)
		abi_collect();
	ck_assert_uint_ge(all_runs, (busy[_i] == makes_another ? 2 : 1) * ABI_MANY * 9 / 10);
}
END_TEST

START_TEST(test_100000)
{
	size_t n = test_is_slow() ? MOST / 10 : MOST;

	abi_away(make, n);
	for (int i = 0; i < 4 && all_runs < n * 99 / 100; i++)
		abi_collect();
	ck_assert_uint_ge(all_runs, n * 99 / 100);
}
END_TEST

/* ---- All at once ---- */

static void make_kept(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t *object = kept[i] = GC_malloc(16);

		*object = i;
		(i % 2 == 0 ? GC_register_finalizer
		            : GC_register_finalizer_no_order)(object, finalizer, NULL, NULL, NULL);
	}
	ABI_SEEN(kept);
}

/* Also of objects that can be reached. */
START_TEST(test_all)
{
	make_kept(ABI_MANY);
	abi_collect();
	ck_assert_uint_eq(all_runs, 0);
	GC_finalize_all();
	ck_assert_uint_eq(all_runs, ABI_MANY);
	abi_collect();
	ck_assert_uint_eq(all_runs, ABI_MANY);
}
END_TEST

/* Where the collector is disabled, none is found. */
START_TEST(test_disabled)
{
	GC_disable();
	abi_away(make, ABI_MANY);
	abi_collect();
	ck_assert_uint_eq(all_runs, 0);
	GC_enable();
	abi_collect();
	ck_assert_uint_ge(all_runs, ABI_MANY * 9 / 10);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: the queue of finalizers");
	TCase *plain = tcase_create("by themselves"), *demand = tcase_create("on demand");

	tcase_add_checked_fixture(plain, abi_begin, NULL);
	tcase_add_test(plain, test_in_allocation);
	tcase_add_test(plain, test_not_notified);
	tcase_add_test(plain, test_awaited);
	tcase_add_loop_test(plain, test_busy, 0, sizeof busy / sizeof *busy);
	tcase_add_test(plain, test_100000);
	tcase_add_test(plain, test_all);
	tcase_add_test(plain, test_disabled);
	suite_add_tcase(suite, plain);
	tcase_add_checked_fixture(demand, begin_on_demand, NULL);
	tcase_add_test(demand, test_on_demand);
	tcase_add_test(demand, test_on_demand_waits);
	suite_add_tcase(suite, demand);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
