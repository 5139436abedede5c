/* SPDX-License-Identifier: MIT */
/*
 * check_hook.c: a collection says where it is, once and in order, whoever runs it and
 * however many ask for one; and allocation collects by itself only where it may.
 */
#include <smal/gc/gc.h>

#include "test/crew.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

enum { EVENTS = SMAL_EVENT_END + 1 };

static struct smal_type *pair, *text;
/* Events so far; who collects; the observer's calls. */
static volatile uint32_t events, observed;
static pthread_t collector;
/* The test's own part in one. */
static void (*on_event)(enum smal_event event);
/* Counts of threads that run; where it was. */
static volatile uint32_t counter, started, over;
static uint32_t seen;

static void observe(const struct smal_collection *collection, void *user)
{
	(void)collection;
	(void)user;
	observed++;
}

/* No two collections may be here at a time, so nothing is locked. */
static void note_event(enum smal_event event, void *user)
{
	EXPECT(user == &events);
	EXPECT(events % EVENTS == (unsigned)event);
	if (event == SMAL_EVENT_BEGIN)
		collector = pthread_self();
	EXPECT(pthread_equal(collector, pthread_self()));
	EXPECT(observed == events / EVENTS + (event >= SMAL_EVENT_SWEPT));
	if (on_event != NULL)
		on_event(event);
	events++;
}

static void begin_with(const struct smal_gc_options *options)
{
	heap_begin(options);
	crew_begin();
	pair = heap_pair_type();
	text = heap_text_type();
	events = observed = 0;
	counter = started = over = 0;
	on_event = NULL;
	smal_gc_set_observer(gc, observe, NULL);
	ck_assert_int_eq(smal_gc_set_events(gc, note_event, (void *)(uintptr_t)&events), SMAL_OK);
}

static void begin(void)
{
	begin_with(NULL);
}

static void end(void)
{
	crew_end();
	heap_end();
}

static uint64_t collections(void)
{
	struct smal_gc_stats stats;

	smal_gc_get_stats(gc, &stats);
	return stats.collections;
}

/* ---- Which, and when ---- */

/* Whether the program or allocation wants it; what only stops threads is none. */
START_TEST(test_each_collection)
{
	for (unsigned i = 1; i < 4; i++) {
		heap_collect();
		ck_assert_uint_eq(events, i * EVENTS);
		smal_trim(thread);
		ck_assert_int_eq(smal_check(thread), SMAL_OK);
		ck_assert_uint_eq(events, i * EVENTS);
	}
	ck_assert_int_eq(smal_gc_set_pace(gc, SMAL_PACE_FIXED, MIB, 0), SMAL_OK);
	for (size_t i = 0; i < 8 * KIB; i++)
		heap_alloc_bytes(text, KIB);
	ck_assert_uint_gt(collections(), 3);
	ck_assert_uint_eq(events, collections() * EVENTS);
	ck_assert_int_eq(smal_gc_set_events(gc, NULL, NULL), SMAL_OK);
	seen = events;
	heap_collect();
	ck_assert_uint_eq(events, seen);
}
END_TEST

static uintptr_t live_word, dead_word;

static void look(enum smal_event event)
{
	bool swept = event == SMAL_EVENT_SWEPT || event == SMAL_EVENT_END;

	EXPECT(smal_find(gc, ~live_word + 8) == (void *)~live_word);
	EXPECT((smal_find(gc, ~dead_word) == NULL) == swept);
	EXPECT(smal_gc_heap_bytes(gc) > 0);
}

START_TEST(test_what_is_there)
{
	for (int i = 0; i < 3; i++) {
		live_word = HIDE(roots[0] = heap_alloc(pair));
		dead_word = HIDE(heap_alloc_bytes(text, 100));
		on_event = look;
		heap_collect();
		on_event = NULL;
	}
}
END_TEST

/* ---- Others ---- */

/* Calls in at every turn, or never. */
static void run_polling(struct member *member)
{
	smal_atomic_add_u32(&started, 1);
	while (smal_atomic_load_u32(&over) == 0) {
		smal_atomic_add_u32(&counter, 1);
		smal_poll(member->self);
	}
}

static void run_silent(struct member *member)
{
	(void)member;
	smal_atomic_add_u32(&started, 1);
	while (smal_atomic_load_u32(&over) == 0)
		smal_atomic_add_u32(&counter, 1);
}

/* Returns when the others have been seen to run. */
static void see_running(void)
{
	uint32_t before = smal_atomic_load_u32(&counter);

	while (smal_atomic_load_u32(&counter) - before < 10)
		sched_yield();
}

static void look_at_others(enum smal_event event)
{
	if (event == SMAL_EVENT_BEGIN || event == SMAL_EVENT_END) {
		see_running();
		return;
	}
	if (event == SMAL_EVENT_STOPPED)
		seen = smal_atomic_load_u32(&counter);
	crew_yield(20);
	EXPECT(smal_atomic_load_u32(&counter) == seen);
}

START_TEST(test_others_stop)
{
	struct smal_gc_options by_signal = { .pace = SMAL_PACE_OFF, .stop_signal = SIGPWR };

	begin_with(_i == 0 ? NULL : &by_signal);
	crew_start(2, true, _i == 0 ? run_polling : run_silent);
	crew_wait(thread, &started, 2);
	on_event = look_at_others;
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	on_event = NULL;
	smal_atomic_store_u32(&over, 1);
	crew_join();
	ck_assert_uint_eq(events, 20 * EVENTS);
	end();
}
END_TEST

enum { COLLECTORS = 4, ROUNDS = 300 };

static void collect_often(struct member *member)
{
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT(smal_alloc(member->self, pair) != NULL);
		EXPECT(smal_collect(member->self) == SMAL_OK);
	}
}

START_TEST(test_all_at_once)
{
	struct smal_gc_options by_signal = { .pace = SMAL_PACE_OFF, .stop_signal = SIGPWR };

	begin_with(_i == 0 ? NULL : &by_signal);
	crew_start(COLLECTORS, true, collect_often);
	crew_join();
	ck_assert_uint_ge(collections(), ROUNDS);
	ck_assert_uint_eq(events, collections() * EVENTS);
	ck_assert_uint_eq(observed, collections());
	end();
}
END_TEST

/* ---- One that is asked for while another begins or ends ---- */

static enum smal_event asked_at;

/* Lets the other thread ask, and goes on when it waits. */
static void let_ask(enum smal_event event)
{
	if (event != asked_at || smal_atomic_load_u32(&started) != 0)
		return;
	smal_atomic_store_u32(&started, 1);
	while (smal_atomic_load_u32(&gc->phase_waiters) == 0)
		sched_yield();
}

/* Its garbage is younger than the event. */
static void ask(struct member *member)
{
	uintptr_t hidden;

	smal_atomic_add_u32(&counter, 1);
	crew_wait(member->self, &started, 1);
	hidden = HIDE(smal_alloc(member->self, pair));
	EXPECT(~hidden != 0);
	EXPECT(smal_collect(member->self) == SMAL_OK);
	EXPECT(smal_type_of((void *)~hidden) == NULL);
	smal_atomic_store_u32(&over, 1);
}

/* One that has not begun to stop threads will do; one that ends will not. */
START_TEST(test_asked_for)
{
	smal_gc_set_torture(gc, 0);
	asked_at = _i == 0 ? SMAL_EVENT_BEGIN : SMAL_EVENT_END;
	on_event = let_ask;
	crew_start(1, true, ask);
	crew_wait(thread, &counter, 1);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	crew_wait(thread, &over, 1);
	crew_join();
	ck_assert_uint_eq(collections(), _i == 0 ? 1 : 2);
	ck_assert_uint_eq(events, collections() * EVENTS);
}
END_TEST

/* ---- What is refused ---- */

static void try_all(enum smal_event event)
{
	(void)event;
	EXPECT(smal_collect(thread) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_alloc_slow(thread, pair) == NULL);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_gc_set_events(gc, NULL, NULL) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(smal_gc_set_automatic(gc, 0) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
}

START_TEST(test_refused)
{
	on_event = try_all;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert_uint_eq(events, EVENTS);
	on_event = NULL;
	heap_collect();
	ck_assert_int_eq(smal_gc_set_events(NULL, note_event, NULL), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_gc_set_automatic(NULL, 1), SMAL_ERROR_INVALID);
	crew_told(SMAL_ERROR_INVALID);
}
END_TEST

/* Anybody may, while no thread is attached. */
START_TEST(test_without_thread)
{
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(smal_gc_set_events(gc, NULL, NULL), SMAL_OK);
	ck_assert_int_eq(smal_gc_set_automatic(gc, 0), SMAL_OK);
	ck_assert_int_eq(smal_gc_set_automatic(gc, 1), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	heap_collect();
	ck_assert_uint_eq(events, 0);
}
END_TEST

/* ---- By itself, or not ---- */

static void waste(size_t bytes)
{
	for (size_t done = 0; done < bytes; done += KIB)
		heap_alloc_bytes(text, KIB);
}

START_TEST(test_not_by_itself)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_FIXED, .pace_bytes = MIB,
		                           .exact_stacks = 1 };

	begin_with(&options);
	ck_assert_int_eq(smal_gc_set_automatic(gc, 0), SMAL_OK);
	waste(8 * MIB);
	heap_alloc_bytes(text, 4 * MIB);
	smal_gc_set_torture(gc, 1);
	waste(MIB);
	smal_gc_set_torture(gc, 0);
	ck_assert_uint_eq(collections(), 0);
	ck_assert_uint_ge(smal_gc_heap_bytes(gc), 13 * MIB);
	/* The program may, and nothing changes by that. */
	heap_collect();
	waste(4 * MIB);
	ck_assert_uint_eq(collections(), 1);
	ck_assert_int_eq(smal_gc_set_automatic(gc, 1), SMAL_OK);
	waste(4 * MIB);
	ck_assert_uint_gt(collections(), 2);
	end();
}
END_TEST

static enum smal_error reason;

static enum smal_shortage note_shortage(struct smal_thread *self, size_t bytes,
                                        enum smal_error error, void *user)
{
	(void)self;
	(void)bytes;
	(void)user;
	reason = error;
	return SMAL_SHORTAGE_FAIL;
}

/* Where the limit is reached it fails, however much of the heap is garbage. */
START_TEST(test_fails_instead)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_GROWTH, .limit_bytes = 2 * MIB,
		                           .exact_stacks = 1 };
	size_t bytes = 0;

	begin_with(&options);
	ck_assert_int_eq(smal_gc_set_shortage(gc, note_shortage, NULL), SMAL_OK);
	ck_assert_int_eq(smal_gc_set_automatic(gc, 0), SMAL_OK);
	while (smal_alloc_bytes(thread, text, KIB) != NULL)
		EXPECT((bytes += KIB) < 4 * MIB);
	ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_LIMIT);
	ck_assert_int_eq(reason, SMAL_ERROR_LIMIT);
	ck_assert_ptr_null(smal_alloc_bytes(thread, text, MIB));
	ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_LIMIT);
	ck_assert_uint_eq(collections(), 0);
	ck_assert_int_eq(smal_gc_set_automatic(gc, 1), SMAL_OK);
	ck_assert_ptr_nonnull(smal_alloc_bytes(thread, text, MIB));
	ck_assert_uint_ge(collections(), 1);
	end();
}
END_TEST

static Suite *hook_suite(void)
{
	Suite *suite = suite_create("hook");
	TCase *alone = tcase_create("alone");
	TCase *threads = tcase_create("threads");
	TCase *asked = tcase_create("asked");
	TCase *automatic = tcase_create("automatic");

	tcase_add_checked_fixture(alone, begin, end);
	tcase_add_test(alone, test_each_collection);
	tcase_add_test(alone, test_what_is_there);
	tcase_add_test(alone, test_refused);
	tcase_add_test(alone, test_without_thread);
	suite_add_tcase(suite, alone);

	tcase_add_loop_test(threads, test_others_stop, 0, 2);
	tcase_add_loop_test(threads, test_all_at_once, 0, 2);
	suite_add_tcase(suite, threads);

	tcase_add_checked_fixture(asked, begin, end);
	tcase_add_loop_test(asked, test_asked_for, 0, 2);
	suite_add_tcase(suite, asked);

	tcase_add_test(automatic, test_not_by_itself);
	tcase_add_test(automatic, test_fails_instead);
	suite_add_tcase(suite, automatic);
	return suite;
}

int main(void)
{
	return test_main(hook_suite);
}
