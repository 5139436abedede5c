/* SPDX-License-Identifier: MIT */
/*
 * abi_push.c: roots that a client of libgc pushes in the pause, and what a collection
 * tells about itself.
 */
#include "test/libgc/foreign.h"

#include <gc/gc_inline.h>

/* ---- Pushed by the client ---- */

static GC_push_other_roots_proc old_push;
static unsigned pushed;
static int push_how;

static void push_foreign(void)
{
	pushed++;
	if (push_how == 0)
		GC_push_all(foreign, foreign + ABI_MANY);
	else if (push_how == 1)
		GC_push_all_eager(foreign, foreign + ABI_MANY);
	else if (push_how < 4)
		GC_push_conditional(foreign, foreign + ABI_MANY, push_how == 2);
	if (old_push != NULL)
		old_push();
}

/* Also those that another one in front of it pushes. */
static void push_second(void)
{
	GC_push_all(statics, statics + ABI_MANY);
	push_foreign();
}

START_TEST(test_pushed)
{
	push_how = _i;
	old_push = GC_get_push_other_roots();
	GC_set_push_other_roots(push_foreign);
	ck_assert(GC_get_push_other_roots() == push_foreign);
	fill(foreign);
	abi_collect();
	EXPECT_ALL_LIVE();
	ck_assert_uint_ge(pushed, 1);
	GC_exclude_static_roots(statics, statics + ABI_MANY);
	GC_set_push_other_roots(push_second);
	fill(statics);
	abi_collect();
	EXPECT_ALL_LIVE();
	GC_set_push_other_roots(old_push);
	fill(foreign);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

/* The variable itself, which is the same; no header declares it. */
extern GC_push_other_roots_proc GC_push_other_roots;

START_TEST(test_pushed_by_variable)
{
	old_push = GC_push_other_roots;
	ck_assert(old_push == GC_get_push_other_roots());
	GC_push_other_roots = push_foreign;
	ck_assert(GC_get_push_other_roots() == push_foreign);
	fill(foreign);
	abi_collect();
	EXPECT_ALL_LIVE();
}
END_TEST

/* The threads' own stacks are scanned whatever the client's function does: those that
 * the old one pushes come with it. */
START_TEST(test_pushed_beside_stack)
{
	void *on_stack[ABI_MANY];

	old_push = GC_get_push_other_roots();
	GC_set_push_other_roots(push_foreign);
	fill(on_stack);
	abi_collect();
	EXPECT_ALL_LIVE();
	ABI_SEEN(on_stack);
}
END_TEST

static void *chain;

static void push_chain(void)
{
	for (void *p = chain; p != NULL; p = GC_NEXT(p)) {
		void *word = p;

		GC_push_all_eager(&word, &word + 1);
	}
	old_push();
}

/* Objects without pointers, of a list that its owner pushes: a batch is whole, whenever
 * a collection comes, and none is had twice. */
START_TEST(test_pushed_chain)
{
	enum { LIVE = 20000 };
	size_t **live = GC_malloc_uncollectable(LIVE * sizeof *live);
	GC_word before = GC_get_gc_no();

	old_push = GC_get_push_other_roots();
	GC_set_push_other_roots(push_chain);
	for (size_t i = 0; i < (test_is_slow() ? 100000 : 4000000); i++) {
		size_t **slot = &live[i % LIVE];

		EXPECT(i < LIVE || ((*slot)[0] == i - LIVE && (*slot)[1] == i - LIVE));
		if (chain == NULL)
			GC_generic_malloc_many(32, GC_I_PTRFREE, &chain);
		*slot = chain;
		chain = GC_NEXT(chain);
		(*slot)[0] = (*slot)[1] = i;
		if (i % 100000 == 0)
			GC_gcollect();
	}
	ck_assert_uint_ge(GC_get_gc_no(), before + 2);
}
END_TEST

static GC_hidden_pointer to_mark[ABI_MANY];

static void set_mark_bits(void)
{
	for (size_t i = 0; i < ABI_MANY && to_mark[i] != 0; i++)
		GC_set_mark_bit(GC_REVEAL_POINTER(to_mark[i]));
	if (old_push != NULL)
		old_push();
}

static void make_pairs(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void **outer = GC_malloc(32);

		to_mark[i] = GC_HIDE_POINTER(outer);
		outer[0] = GC_malloc(32);
		abi_watch(i, outer);
		abi_watch(n + i, outer[0]);
	}
}

/* An object that is marked so lives, and is not scanned. */
START_TEST(test_mark_bit)
{
	old_push = GC_get_push_other_roots();
	GC_set_push_other_roots(set_mark_bits);
	abi_away(make_pairs, ABI_MANY);
	abi_collect();
	EXPECT_ALL_LIVE();
	ck_assert_uint_ge(abi_dead(ABI_MANY, 2 * ABI_MANY), ABI_MANY * 9 / 10);
}
END_TEST

/* ---- What a collection tells ---- */

static unsigned started, ended_events, events[12];
static GC_EventType order[100];
static size_t ordered;

static void on_start(void)
{
	started++;
}

static void on_event(GC_EventType event)
{
	EXPECT(event <= GC_EVENT_POST_START_WORLD);
	events[event]++;
	if (ordered < 100)
		order[ordered++] = event;
	ended_events += event == GC_EVENT_END;
}

START_TEST(test_start_callback)
{
	ck_assert(GC_get_start_callback() == NULL);
	GC_set_start_callback(on_start);
	ck_assert(GC_get_start_callback() == on_start);
	for (unsigned i = 1; i <= 10; i++) {
		GC_gcollect();
		ck_assert_uint_eq(started, i);
	}
	started = 0;
	for (GC_word before = GC_get_gc_no(), n = 0; n < 100000; n++) {
		GC_malloc(1000);
		EXPECT_EQ(GC_get_gc_no() - before, started);
	}
	ck_assert_uint_ge(started, 1);
	started = 0;
	GC_set_start_callback(NULL);
	GC_gcollect();
	ck_assert_uint_eq(started, 0);
}
END_TEST

static size_t place_of(GC_EventType event)
{
	for (size_t i = 0; i < ordered; i++)
		if (order[i] == event)
			return i;
	ck_abort_msg("event %d is not told", (int)event);
	return 0;
}

START_TEST(test_events)
{
	GC_set_on_collection_event(on_event);
	ck_assert(GC_get_on_collection_event() == on_event);
	GC_gcollect();
	ck_assert_uint_eq(order[0], GC_EVENT_START);
	ck_assert_uint_eq(order[ordered - 1], GC_EVENT_END);
	ck_assert_uint_lt(place_of(GC_EVENT_MARK_START), place_of(GC_EVENT_MARK_END));
	ck_assert_uint_lt(place_of(GC_EVENT_RECLAIM_START), place_of(GC_EVENT_RECLAIM_END));
	ck_assert_uint_lt(place_of(GC_EVENT_MARK_END), place_of(GC_EVENT_RECLAIM_START));
	ck_assert_uint_lt(place_of(GC_EVENT_PRE_STOP_WORLD), place_of(GC_EVENT_POST_STOP_WORLD));
	ck_assert_uint_lt(place_of(GC_EVENT_POST_STOP_WORLD), place_of(GC_EVENT_PRE_START_WORLD));
	ck_assert_uint_lt(place_of(GC_EVENT_PRE_START_WORLD), place_of(GC_EVENT_POST_START_WORLD));
	for (unsigned i = 2; i <= 5; i++) {
		GC_gcollect();
		ck_assert_uint_eq(ended_events, i);
		for (int event = 0; event <= GC_EVENT_POST_START_WORLD; event++)
			ck_assert_uint_eq(events[event], i);
	}
	GC_set_on_collection_event(NULL);
	GC_gcollect();
	ck_assert_uint_eq(ended_events, 5);
}
END_TEST

/* ---- The heap, walked with the lock held ---- */

struct walk {
	size_t objects, bytes, found;
};

static void see_object(void *object, size_t bytes, void *data)
{
	struct walk *walk = data;

	EXPECT(GC_base(object) == object);
	walk->objects++;
	walk->bytes += bytes;
	for (size_t i = 0; i < ABI_MANY; i++)
		walk->found += object == statics[i];
}

static void *walk_heap(void *walk)
{
	GC_enumerate_reachable_objects_inner(see_object, walk);
	return walk;
}

/* What is reachable is visited once. */
START_TEST(test_walk)
{
	struct walk walk = { 0, 0, 0 };

	fill(statics);
	abi_collect();
	ck_assert_ptr_eq(GC_call_with_alloc_lock(walk_heap, &walk), &walk);
	ck_assert_uint_eq(walk.found, ABI_MANY);
	ck_assert_uint_ge(walk.objects, ABI_MANY);
	ck_assert_uint_ge(walk.bytes, ABI_MANY * 50);
}
END_TEST

static void *see_marks(void *unused)
{
	for (size_t i = 0; i < ABI_MANY; i++) {
		EXPECT_EQ(GC_is_marked(statics[i]), 1);
		GC_clear_mark_bit(statics[i]);
		/* Ours takes no mark back: the next collection does. */
		EXPECT(!abi_on_stock() || GC_is_marked(statics[i]) == 0);
		GC_set_mark_bit(statics[i]);
		EXPECT_EQ(GC_is_marked(statics[i]), 1);
	}
	return unused;
}

/* After a collection each object that is reachable is marked. */
START_TEST(test_marks)
{
	fill(statics);
	abi_collect();
	GC_call_with_alloc_lock(see_marks, NULL);
	abi_collect();
	EXPECT_ALL_LIVE();
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: in the pause");
	TCase *pushes = tcase_create("pushed"), *tells = tcase_create("told");

	tcase_add_checked_fixture(pushes, begin, NULL);
	tcase_add_loop_test(pushes, test_pushed, 0, 4);
	tcase_add_test(pushes, test_pushed_by_variable);
	tcase_add_test(pushes, test_pushed_beside_stack);
	tcase_add_test(pushes, test_pushed_chain);
	tcase_add_test(pushes, test_mark_bit);
	suite_add_tcase(suite, pushes);
	tcase_add_checked_fixture(tells, begin, NULL);
	tcase_add_test(tells, test_start_callback);
	tcase_add_test(tells, test_events);
	tcase_add_test(tells, test_walk);
	tcase_add_test(tells, test_marks);
	suite_add_tcase(suite, tells);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
