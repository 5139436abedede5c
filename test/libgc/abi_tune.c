/* SPDX-License-Identifier: MIT */
/*
 * abi_tune.c: libgc's dials and gauges: what is set is what is got, what the statistics
 * say is consistent, when it collects and when not. (The environment: abi_start.c.)
 */
#include "test/libgc/abi.h"

/* ---- Dials ---- */

/* Sets, gets, and sets what it was by default. */
#define TRY_DIAL(name, type, by_default, other)              \
	do {                                                 \
		ck_assert(GC_get_##name() == (by_default));  \
		GC_set_##name((type)(other));                \
		ck_assert(GC_get_##name() == (type)(other)); \
		GC_set_##name((type)(by_default));           \
		ck_assert(GC_get_##name() == (by_default));  \
	} while (0)

/* The same, with the variable that is the dial. */
#define TRY_VARIABLE(name, type, by_default, other)          \
	do {                                                 \
		TRY_DIAL(name, type, by_default, other);     \
		ck_assert(GC_##name == (by_default));        \
		GC_##name = (type)(other);                   \
		ck_assert(GC_get_##name() == (type)(other)); \
		GC_set_##name((type)(by_default));           \
		ck_assert(GC_##name == (by_default));        \
	} while (0)

START_TEST(test_numbers)
{
	TRY_VARIABLE(dont_expand, int, 0, 1);
	TRY_VARIABLE(finalize_on_demand, int, 0, 1);
	TRY_VARIABLE(find_leak, int, 0, 0);
	TRY_VARIABLE(free_space_divisor, GC_word, 3, 10);
	TRY_VARIABLE(full_freq, int, 19, 5);
	TRY_VARIABLE(java_finalization, int, 1, 0);
	TRY_VARIABLE(max_retries, GC_word, 0, 3);
	TRY_VARIABLE(no_dls, int, 0, 1);
	TRY_VARIABLE(dont_precollect, int, 0, 1);
	TRY_VARIABLE(time_limit, unsigned long, GC_get_time_limit(), 77);
	TRY_DIAL(allocd_bytes_per_finalizer, GC_word, GC_get_allocd_bytes_per_finalizer(), 500);
	TRY_DIAL(min_bytes_allocd, size_t, GC_get_min_bytes_allocd(), 100000);
	TRY_DIAL(rate, int, GC_get_rate(), 20);
	TRY_DIAL(max_prior_attempts, int, GC_get_max_prior_attempts(), 4);
	TRY_DIAL(disable_automatic_collection, int, 0, 1);
	TRY_DIAL(force_unmap_on_gcollect, int, 0, 1);
	ck_assert_int_eq(GC_get_all_interior_pointers(), 1);
	ck_assert_int_eq(GC_all_interior_pointers, 1);
	ck_assert_int_eq(GC_is_incremental_mode(), 0);
	GC_set_non_gc_bytes(12345);
	ck_assert_uint_eq(GC_get_non_gc_bytes(), 12345);
	ck_assert_uint_eq(GC_non_gc_bytes, 12345);
}
END_TEST

START_TEST(test_time)
{
	struct GC_timeval_s limit = { 60, 500 }, got;

	GC_set_time_limit_tv(limit);
	got = GC_get_time_limit_tv();
	ck_assert_uint_eq(got.tv_ms, 60);
	ck_assert_uint_eq(got.tv_nsec, 500);
	ck_assert_uint_eq(GC_get_time_limit(), 60);
	GC_start_performance_measurement();
	for (int i = 0; i < 3; i++)
		GC_gcollect();
	ck_assert_uint_lt(GC_get_full_gc_total_time(), 60000);
}
END_TEST

static void on_resize(GC_word bytes)
{
	EXPECT(bytes > 0);
}

static void on_thread(GC_EventType event, void *thread)
{
	(void)event;
	(void)thread;
}

static void on_abort(const char *message)
{
	(void)message;
}

static int never(void)
{
	return 0;
}

START_TEST(test_functions)
{
	GC_warn_proc warn = GC_get_warn_proc();
	GC_abort_func on_abort_before = GC_get_abort_func();
	GC_stop_func stop = GC_get_stop_func();

	ck_assert(warn == GC_ignore_warn_proc);
	ck_assert(on_abort_before != NULL && stop != NULL);
	ck_assert_int_eq(stop(), 0);
	TRY_DIAL(stop_func, GC_stop_func, stop, never);
	TRY_DIAL(abort_func, GC_abort_func, on_abort_before, on_abort);
	TRY_DIAL(on_thread_event, GC_on_thread_event_proc, NULL, on_thread);
	TRY_DIAL(on_heap_resize, GC_on_heap_resize_proc, NULL, on_resize);
	TRY_DIAL(finalizer_notifier, GC_finalizer_notifier_proc, NULL, NULL);
	GC_set_on_heap_resize(on_resize);
	ck_assert_int_eq(GC_expand_hp(4 * MIB), 1);
	GC_gcollect();
}
END_TEST

START_TEST(test_version)
{
	ck_assert_uint_eq(GC_get_version(), 8u << 16 | 2 << 8 | 2);
	ck_assert_int_ne(GC_is_init_called(), 0);
}
END_TEST

/* ---- Gauges ---- */

static void see_consistent(void)
{
	struct GC_prof_stats_s all, part;
	GC_word heap, free_bytes, unmapped, since, total;

	GC_get_heap_usage_safe(&heap, &free_bytes, &unmapped, &since, &total);
	EXPECT_EQ(heap, GC_get_heap_size());
	EXPECT_EQ(free_bytes, GC_get_free_bytes());
	EXPECT_EQ(unmapped, GC_get_unmapped_bytes());
	EXPECT_EQ(since, GC_get_bytes_since_gc());
	EXPECT_EQ(total, GC_get_total_bytes());
	EXPECT(free_bytes <= heap && since <= total);
	EXPECT(GC_get_obtained_from_os_bytes() >= heap);
	/* Stock libgc counts these in words where it ought to in bytes. */
	EXPECT(abi_on_stock() || GC_get_memory_use() <= heap);
	memset(&all, 0x55, sizeof all);
	EXPECT_EQ(GC_get_prof_stats(&all, sizeof all), sizeof all);
	EXPECT_EQ(all.heapsize_full, heap + unmapped);
	EXPECT_EQ(all.free_bytes_full, free_bytes + unmapped);
	EXPECT_EQ(all.unmapped_bytes, unmapped);
	EXPECT_EQ(all.bytes_allocd_since_gc, since);
	EXPECT_EQ(all.allocd_bytes_before_gc, total - since);
	EXPECT_EQ(all.gc_no, GC_get_gc_no());
	EXPECT_EQ(all.non_gc_bytes, GC_get_non_gc_bytes());
	EXPECT_EQ(all.markers_m1, (GC_word)GC_get_parallel());
	EXPECT_EQ(all.expl_freed_bytes_since_gc, GC_get_expl_freed_bytes_since_gc());
	memset(&part, 0x55, sizeof part);
	EXPECT_EQ(GC_get_prof_stats_unsafe(&part, 3 * sizeof(GC_word)), 3 * sizeof(GC_word));
	EXPECT(memcmp(&part, &all, 3 * sizeof(GC_word)) == 0);
	EXPECT(abi_all(&part.bytes_allocd_since_gc, 0x55, sizeof(GC_word)));
	GC_get_heap_usage_safe(NULL, NULL, NULL, NULL, NULL);
	heap = 0;
	GC_get_heap_usage_safe(&heap, NULL, NULL, NULL, NULL);
	EXPECT_EQ(heap, GC_get_heap_size());
}

START_TEST(test_gauges)
{
	static void *kept;

	for (int i = 0; i < 30; i++) {
		see_consistent();
		for (int j = 0; j < 1000; j++)
			GC_malloc((size_t)(i * 50));
		kept = GC_malloc_atomic(1 * MIB);
		if (i % 10 == 0)
			GC_gcollect();
		else if (i % 10 == 5)
			GC_free(kept);
	}
	see_consistent();
}
END_TEST

/* What is newer than the library is -1. */
START_TEST(test_newer_gauges)
{
	struct {
		struct GC_prof_stats_s known;
		GC_word newer[4];
	} stats;

	EXPECT_EQ(GC_get_prof_stats(&stats.known, sizeof stats), sizeof stats.known);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(stats.newer[i], (GC_word)-1);
}
END_TEST

/* Bytes are counted within a tenth, and what small objects are rounded up to. */
START_TEST(test_bytes)
{
	size_t total = GC_get_total_bytes(), since;

	GC_disable();
	for (int i = 0; i < 1000; i++)
		GC_malloc(4000);
	ck_assert_uint_ge(GC_get_total_bytes() - total, 3600000);
	ck_assert_uint_le(GC_get_total_bytes() - total, 5000000);
	since = GC_get_bytes_since_gc();
	ck_assert_uint_ge(since, 3600000);
	GC_enable();
	GC_gcollect();
	ck_assert_uint_lt(GC_get_bytes_since_gc(), since / 2);
	ck_assert_uint_ge(GC_get_total_bytes() - total, 3600000);
	GC_free(GC_malloc(100000));
	/* Ours keeps no such count. */
	ck_assert(!abi_on_stock() || GC_get_expl_freed_bytes_since_gc() >= 100000);
}
END_TEST

/* They steer libgc's pace; to ours they mean nothing. */
START_TEST(test_uncollectable_bytes)
{
	GC_word before = GC_get_non_gc_bytes();
	void *objects[1000];

	if (!abi_on_stock())
		return;
	for (int i = 0; i < 1000; i++)
		objects[i] = GC_malloc_uncollectable(100);
	ck_assert_uint_ge(GC_get_non_gc_bytes() - before, 1000 * 100);
	for (int i = 0; i < 1000; i++)
		GC_free(objects[i]);
	/* It takes away more than it added. */
	ck_assert_int_le((long)GC_get_non_gc_bytes(), (long)before);
}
END_TEST

/* The size of what is asked for, by the byte. */
START_TEST(test_size_map)
{
	for (int i = 1; i < 512; i++) {
		void *object = GC_malloc((size_t)i);

		EXPECT_EQ(GC_get_size_map_at(i), GC_size(object));
	}
	EXPECT_EQ(GC_get_size_map_at(-1), (size_t)-1);
	EXPECT_EQ(GC_get_size_map_at(1 << 30), (size_t)-1);
}
END_TEST

/* ---- When it collects ---- */

START_TEST(test_count)
{
	GC_word before = GC_get_gc_no();

	for (GC_word i = 1; i <= 20; i++) {
		GC_gcollect();
		ck_assert_uint_eq(GC_get_gc_no(), before + i);
		ck_assert_uint_eq(GC_gc_no, before + i);
	}
	GC_gcollect_and_unmap();
	ck_assert_uint_gt(GC_get_gc_no(), before + 20);
}
END_TEST

static GC_word collections_for(size_t bytes)
{
	GC_word before = GC_get_gc_no();

	for (size_t n = 0; n < bytes; n += 1000)
		GC_malloc(1000);
	return GC_get_gc_no() - before;
}

/* Disabled as often as enabled. */
START_TEST(test_disabled)
{
	GC_word before;

	ck_assert_int_eq(GC_is_disabled(), 0);
	GC_disable();
	GC_disable();
	ck_assert_int_ne(GC_is_disabled(), 0);
	GC_enable();
	ck_assert_int_ne(GC_is_disabled(), 0);
	ck_assert_int_eq(GC_dont_gc, 1);
	before = GC_get_gc_no();
	GC_gcollect();
	ck_assert_int_eq(GC_try_to_collect(never), 0);
	ck_assert_int_eq(GC_collect_a_little(), 0);
	ck_assert_uint_eq(collections_for(50 * MIB), 0);
	ck_assert_uint_eq(GC_get_gc_no(), before);
	GC_enable();
	ck_assert_int_eq(GC_is_disabled(), 0);
	ck_assert_uint_gt(collections_for(400 * MIB), 0);
}
END_TEST

START_TEST(test_disabled_by_variable)
{
	GC_dont_gc = 1;
	ck_assert_int_ne(GC_is_disabled(), 0);
	ck_assert_uint_eq(collections_for(50 * MIB), 0);
	GC_dont_gc = 0;
	ck_assert_uint_gt(collections_for(400 * MIB), 0);
}
END_TEST

START_TEST(test_not_automatic)
{
	GC_set_disable_automatic_collection(1);
	ck_assert_uint_eq(collections_for(100 * MIB), 0);
	GC_set_disable_automatic_collection(0);
}
END_TEST

START_TEST(test_expanded)
{
	ck_assert_int_eq(GC_expand_hp(200 * MIB), 1);
	ck_assert_uint_ge(GC_get_heap_size(), 200 * MIB);
	ck_assert_uint_le(collections_for(50 * MIB), 1);
}
END_TEST

/* As much work as there is, until there is no more. */
START_TEST(test_a_little)
{
	GC_word before = GC_get_gc_no();
	int calls = 0;

	for (int i = 0; i < 1000; i++)
		GC_malloc(10000);
	while (GC_collect_a_little() != 0)
		ck_assert_int_lt(calls++, 100000);
	ck_assert_uint_le(GC_get_gc_no(), before + 100000);
}
END_TEST

static unsigned stop_asked;

static int at_once(void)
{
	stop_asked++;
	return 1;
}

static int asked_only(void)
{
	stop_asked++;
	return 0;
}

START_TEST(test_try)
{
	GC_word before = GC_get_gc_no();

	ck_assert_int_eq(GC_try_to_collect(asked_only), 1);
	ck_assert_uint_eq(GC_get_gc_no(), before + 1);
	ck_assert_uint_ge(stop_asked, 1);
	stop_asked = 0;
	ck_assert_int_eq(GC_try_to_collect(at_once), 0);
	ck_assert_uint_ge(stop_asked, 1);
	/* The heap is as it was. */
	ck_assert_int_eq(GC_try_to_collect(never), 1);
	ck_assert_ptr_nonnull(GC_malloc(100));
}
END_TEST

/* After all is garbage, memory goes back. The system's libgc is made without this: there
 * it is free. */
START_TEST(test_unmap)
{
	size_t resident, after;
	char *object;

	for (int i = 0; i < 50; i++) {
		object = GC_malloc_atomic(4 * MIB);
		memset(object, 1, 4 * MIB);
		GC_free(object);
	}
	GC_disable();
	for (int i = 0; i < 20; i++)
		memset(GC_malloc_atomic(4 * MIB), 1, 4 * MIB);
	GC_enable();
	resident = test_resident_bytes();
	abi_clear_stack();
	GC_gcollect_and_unmap();
	after = test_resident_bytes();
	if (abi_on_stock())
		ck_assert_uint_ge(GC_get_free_bytes(), 50 * MIB);
	else
		ck_assert_msg(after + 50 * MIB < resident, "%zu, then %zu", resident, after);
	ck_assert_uint_le(GC_get_heap_size() - GC_get_free_bytes(), 20 * MIB);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: dials and gauges");
	TCase *each = tcase_create("each");

	tcase_add_checked_fixture(each, abi_begin, NULL);
	tcase_add_test(each, test_numbers);
	tcase_add_test(each, test_time);
	tcase_add_test(each, test_functions);
	tcase_add_test(each, test_version);
	tcase_add_test(each, test_gauges);
	tcase_add_test(each, test_newer_gauges);
	tcase_add_test(each, test_bytes);
	tcase_add_test(each, test_uncollectable_bytes);
	tcase_add_test(each, test_size_map);
	tcase_add_test(each, test_count);
	tcase_add_test(each, test_disabled);
	tcase_add_test(each, test_disabled_by_variable);
	tcase_add_test(each, test_not_automatic);
	tcase_add_test(each, test_expanded);
	tcase_add_test(each, test_a_little);
	tcase_add_test(each, test_try);
	tcase_add_test(each, test_unmap);
	suite_add_tcase(suite, each);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
