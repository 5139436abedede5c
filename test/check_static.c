/* SPDX-License-Identifier: MIT */
/*
 * check_static.c: static data is a root from when it is declared until it is removed; but
 * for what a filter does not want, and what is taken out.
 */
#include <smal/gc/gc.h>

#include "test/collector.h"
#include "test/crew.h"

#include <string.h>
#include <unistd.h>

static struct smal_type *pair;

static void begin(void)
{
	heap_begin_exact();
	pair = heap_pair_type();
}

/* An object, and an address that nobody else has. */
static void *fresh(void)
{
	return heap_alloc(pair);
}

static void expect_live(uint64_t objects)
{
	heap_collect();
	ck_assert_uint_eq(heap_live(), objects);
}

static void *volatile in_bss;
static void *volatile in_data[2] = { (void *)1, NULL };

START_TEST(test_static)
{
	ck_assert_int_eq(smal_root_add_static(gc), SMAL_OK);
	in_bss = (char *)fresh() + 3;
	in_data[1] = fresh();
	expect_live(2);
	ck_assert_int_eq(smal_root_add_static(gc), SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	in_bss = NULL;
	expect_live(1);
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	expect_live(0);
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	in_data[1] = NULL;
}
END_TEST

/* ---- By a filter ---- */

struct wanted {
	/* "" alone, all others, all, none. */
	int which;
	unsigned programs, others;
	bool has_bss, has_data;
};

static bool holds(const void *base, const void *limit, const volatile void *address)
{
	return (uintptr_t)address >= (uintptr_t)base && (uintptr_t)address < (uintptr_t)limit;
}

/* Asked while threads run. */
static int want(const char *name, const void *base, const void *limit, void *user)
{
	struct wanted *wanted = user;
	bool is_program = strcmp(name, "") == 0;

	EXPECT(gc->phase == SMAL_PHASE_IDLE);
	EXPECT((uintptr_t)base < (uintptr_t)limit);
	wanted->programs += is_program;
	wanted->others += !is_program;
	if (is_program) {
		wanted->has_bss |= holds(base, limit, &in_bss);
		wanted->has_data |= holds(base, limit, in_data);
	}
	return wanted->which == 2 || wanted->which == (is_program ? 0 : 1);
}

/* The program's variables are roots if its data is wanted, and not if others' is. */
START_TEST(test_static_if)
{
	struct wanted wanted = { .which = _i };

	ck_assert_int_eq(smal_root_add_static_if(gc, want, &wanted), SMAL_OK);
	in_bss = (char *)fresh() + 3;
	in_data[1] = fresh();
	expect_live(_i % 2 == 0 ? 2 : 0);
	ck_assert(wanted.has_bss && wanted.has_data);
	ck_assert_uint_ge(wanted.programs, 1);
	in_bss = in_data[1] = NULL;
	expect_live(0);
	/* As ever: one at a time, removed by NULL. */
	ck_assert_int_eq(smal_root_add_static(gc), SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	ck_assert_int_eq(smal_root_add_static_if(gc, want, NULL), SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	wanted = (struct wanted){ .which = 3 };
	in_bss = fresh();
	expect_live(0);
	ck_assert_uint_eq(wanted.programs + wanted.others, 0);
	/* The next is asked instead, or nobody. */
	in_bss = fresh();
	ck_assert_int_eq(_i == 0 ? smal_root_add_static(gc)
	                         : smal_root_add_static_if(gc, NULL, NULL),
	                 SMAL_OK);
	expect_live(1);
	ck_assert_uint_eq(wanted.programs + wanted.others, 0);
	in_bss = NULL;
}
END_TEST

/* ---- But for some ---- */

enum { PLACES = 64 };
static void *volatile places[PLACES];

/* Fills them all, and sees which keep theirs. */
static void expect_included(const bool *included)
{
	uintptr_t hidden[PLACES];

	for (int i = 0; i < PLACES; i++) {
		places[i] = fresh();
		hidden[i] = HIDE(places[i]);
	}
	heap_collect();
	for (int i = 0; i < PLACES; i++)
		EXPECT((smal_type_of((void *)~hidden[i]) != NULL) == included[i]);
	for (int i = 0; i < PLACES; i++)
		places[i] = NULL;
}

/* Ranges in any order, that overlap, are empty, or reach beyond what is static. */
START_TEST(test_exclude)
{
	struct test_random random;

	smal_gc_set_torture(gc, 0);
	test_random_init(&random, 7);
	ck_assert_int_eq(smal_root_add_static(gc), SMAL_OK);
	for (int round = 0; round < 20; round++) {
		bool included[PLACES];

		memset(included, 1, sizeof included);
		for (int i = 0; i < round; i++) {
			size_t base = test_random_below(&random, PLACES);
			size_t limit = base + test_random_below(&random, PLACES + 1 - base) / 4;
			/* A word of which a part is taken out is none. */
			size_t cut = base < limit ? (size_t)i % sizeof(void *) : 0;

			EXPECT(smal_root_exclude(gc, (char *)&places[base] + cut,
			                         (void *)(uintptr_t)&places[limit]) == SMAL_OK);
			memset(included + base, 0, limit - base);
		}
		expect_included(included);
		ck_assert_int_eq(smal_root_exclude(gc, NULL, NULL), SMAL_OK);
		memset(included, 1, sizeof included);
		expect_included(included);
	}
	heap_collect();
	ck_assert_int_eq(smal_root_exclude(gc, (void *)1, (void *)UINTPTR_MAX), SMAL_OK);
	expect_included((bool[PLACES]){ false });
}
END_TEST

/* Only of static data, whether it is a root already or not; and no root is removed by it,
 * nor it by the address. */
START_TEST(test_exclude_alone)
{
	const void *base = (const void *)places, *limit = (const void *)(places + 2);
	bool included[PLACES] = { false };

	ck_assert_int_eq(smal_root_exclude(gc, base, limit), SMAL_OK);
	expect_included(included);
	ck_assert_int_eq(smal_root_add_range(gc, base, limit, NULL), SMAL_OK);
	included[0] = included[1] = true;
	expect_included(included);
	ck_assert_int_eq(smal_root_remove(gc, base), SMAL_OK);
	ck_assert_int_eq(smal_root_remove(gc, base), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_root_add_static(gc), SMAL_OK);
	memset(included, 1, sizeof included);
	included[0] = included[1] = false;
	expect_included(included);
	ck_assert_int_eq(smal_root_exclude(gc, limit, base), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_root_exclude(gc, NULL, limit), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_root_exclude(NULL, base, limit), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	expect_included(included);
}
END_TEST

/* ---- When ---- */

static unsigned in_callback;

static void meddle(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	EXPECT(smal_root_add_static(gc) == SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	EXPECT(smal_root_add_static_if(gc, want, NULL) == SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	EXPECT(smal_root_exclude(gc, NULL, NULL) == SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	in_callback++;
}

START_TEST(test_busy_in_callbacks)
{
	ck_assert_int_eq(smal_root_add_function(gc, meddle, NULL, NULL), SMAL_OK);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert_uint_ge(in_callback, 1);
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	ck_assert_int_eq(smal_root_add_static_if(NULL, want, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
}
END_TEST

/* ---- Those who have the linker's lock, or want it ---- */

static volatile uint32_t begun, stop_asking;

static void note_begin(enum smal_event event, void *user)
{
	(void)user;
	if (event == SMAL_EVENT_BEGIN)
		smal_atomic_add_u32(&begun, 1);
}

static void see_nothing(const char *name, uintptr_t base, uintptr_t limit, void *argument)
{
	(void)name;
	(void)base;
	(void)limit;
	(void)argument;
}

/* Asks the linker when the world is being stopped, and stops only after that. */
static void ask_late(struct member *member)
{
	uint32_t seen = 0;

	while (smal_atomic_load_u32(&stop_asking) == 0) {
		if (smal_atomic_load_u32(&begun) != seen) {
			seen = smal_atomic_load_u32(&begun);
			usleep(2000);
			for (int i = 0; i < 10; i++)
				smal_os_each_static(see_nothing, NULL);
		}
		smal_poll(member->self);
	}
}

START_TEST(test_late)
{
	ck_assert_int_eq(smal_root_add_static(gc), SMAL_OK);
	ck_assert_int_eq(smal_gc_set_events(gc, note_begin, NULL), SMAL_OK);
	in_bss = fresh();
	crew_start(1, true, ask_late);
	for (int i = 0; i < 10; i++)
		expect_live(1);
	smal_atomic_store_u32(&stop_asking, 1);
	crew_join();
	in_bss = NULL;
	expect_live(0);
	ck_assert_int_eq(smal_gc_set_events(gc, NULL, NULL), SMAL_OK);
}
END_TEST

/* Allocates, and collects, in the linker's callback. */
static void allocate_in_visit(const char *name, uintptr_t base, uintptr_t limit, void *argument)
{
	struct member *member = argument;

	(void)name;
	(void)base;
	(void)limit;
	for (int i = 0; i < 100; i++)
		EXPECT(smal_alloc(member->self, pair) != NULL);
	EXPECT(smal_collect(member->self) == SMAL_OK);
}

static void visit_all(struct member *member)
{
	while (smal_atomic_load_u32(&stop_asking) == 0) {
		smal_os_each_static(allocate_in_visit, member);
		usleep(100);
	}
}

START_TEST(test_in_visit)
{
	ck_assert_int_eq(smal_root_add_static(gc), SMAL_OK);
	in_bss = fresh();
	crew_start(1, true, visit_all);
	for (int i = 0; i < (test_is_slow() ? 5 : 50); i++)
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	smal_atomic_store_u32(&stop_asking, 1);
	crew_join();
	expect_live(1);
	in_bss = NULL;
}
END_TEST

/* ---- Events, and roots that are declared late ---- */

static volatile uint32_t ends;

static void count_events(enum smal_event event, void *user)
{
	(void)user;
	if (event == SMAL_EVENT_BEGIN)
		smal_atomic_add_u32(&begun, 1);
	if (event == SMAL_EVENT_END)
		smal_atomic_add_u32(&ends, 1);
}

static void collect_often(struct member *member)
{
	for (int i = 0; i < (test_is_slow() ? 100 : 2000); i++)
		EXPECT(smal_collect(member->self) == SMAL_OK);
}

/* Of collections that are one in the end, too, each that has begun ends. */
START_TEST(test_events)
{
	begun = ends = 0;
	ck_assert_int_eq(smal_root_add_static(gc), SMAL_OK);
	ck_assert_int_eq(smal_gc_set_events(gc, count_events, NULL), SMAL_OK);
	crew_start(4, true, collect_often);
	crew_join();
	ck_assert_uint_gt(begun, 0);
	ck_assert_uint_eq(begun, ends);
	ck_assert_int_eq(smal_gc_set_events(gc, NULL, NULL), SMAL_OK);
}
END_TEST

static volatile uint32_t ready, declared;

static void wait_for_declaration(enum smal_event event, void *user)
{
	(void)user;
	if (event != SMAL_EVENT_BEGIN || smal_atomic_load_u32(&begun) != 0)
		return;
	smal_atomic_store_u32(&begun, 1);
	for (int i = 0; i < 1000 && smal_atomic_load_u32(&declared) == 0; i++)
		usleep(1000);
}

static void declare_late(struct member *member)
{
	in_bss = smal_alloc(member->self, pair);
	smal_atomic_store_u32(&ready, 1);
	while (smal_atomic_load_u32(&begun) == 0)
		smal_poll(member->self);
	EXPECT(smal_root_add_static(gc) == SMAL_OK);
	smal_atomic_store_u32(&declared, 1);
}

/* Static data that become roots when a collection has begun are scanned in it. */
START_TEST(test_declared_late)
{
	begun = ready = declared = 0;
	ck_assert_int_eq(smal_gc_set_events(gc, wait_for_declaration, NULL), SMAL_OK);
	crew_start(1, true, declare_late);
	crew_wait(thread, &ready, 1);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	crew_join();
	ck_assert_uint_eq(heap_live(), 1);
	ck_assert_int_eq(smal_gc_set_events(gc, NULL, NULL), SMAL_OK);
	in_bss = NULL;
}
END_TEST

static Suite *static_suite(void)
{
	Suite *suite = suite_create("static");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, begin, heap_end);
	tcase_add_test(all, test_static);
	tcase_add_loop_test(all, test_static_if, 0, 4);
	tcase_add_test(all, test_exclude);
	tcase_add_test(all, test_exclude_alone);
	tcase_add_test(all, test_busy_in_callbacks);
	tcase_add_test(all, test_late);
	tcase_add_test(all, test_in_visit);
	tcase_add_test(all, test_events);
	tcase_add_test(all, test_declared_late);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return test_main(static_suite);
}
