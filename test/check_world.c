/* SPDX-License-Identifier: MIT */
/*
 * check_world.c: many threads collect at once, and it is one collection for all of
 * them; callbacks, and handlers of signals that came at a bad moment, may not
 * collect.
 *
 * The program is linked with --wrap=smal_space_take, so that a signal can be raised
 * where the library is in the middle of something.
 */
#include <smal/gc/gc.h>

#include "test/crew.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>

static struct smal_type *pair;
static volatile uint32_t counter;

/* ---- All at once ---- */

enum { COLLECTORS = 8, ROUNDS = 200 };

static void begin_exact(void)
{
	heap_begin_exact();
	crew_begin();
	counter = 0;
}

static void begin_pairs(void)
{
	begin_exact();
	pair = heap_pair_type();
}

static void end(void)
{
	crew_end();
	heap_end();
}

/* Each call finds a collection under way that waits for its very thread; none
 * collects once more. */
static void collect_at_once(struct member *member)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		crew_meet(member->self, COLLECTORS);
		smal_atomic_add_u32(&counter, 1);
		while (smal_atomic_load_u32(&gc->phase) != SMAL_PHASE_COLLECTING)
			sched_yield();
		EXPECT(smal_collect(member->self) == SMAL_OK);
	}
}

START_TEST(test_coalesce)
{
	struct smal_gc_stats stats;

	crew_start(COLLECTORS, true, collect_at_once);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		crew_wait(thread, &counter, (i + 1) * COLLECTORS);
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	}
	crew_join();
	smal_gc_get_stats(gc, &stats);
	ck_assert_uint_eq(stats.collections, ROUNDS);
	ck_assert_uint_eq(stats.objects.allocated_objects, 0);
	heap_collect();
}
END_TEST

/* What a call found as garbage is gone when it returns, whoever has collected. */
static void collect_own(struct member *member)
{
	struct smal_frame frame;
	void *slots[2] = { NULL };

	smal_frame_push(member->self, &frame, slots, 2);
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT((slots[0] = smal_alloc(member->self, pair)) != NULL);
		EXPECT((slots[1] = smal_weak_create(member->self, slots[0], 0)) != NULL);
		EXPECT(smal_weak_get(slots[1]) == slots[0]);
		if (i % 4 == 0)
			crew_meet(member->self, COLLECTORS);
		slots[0] = NULL;
		EXPECT(smal_collect(member->self) == SMAL_OK);
		EXPECT(smal_weak_get(slots[1]) == NULL);
	}
	smal_frame_pop(member->self, &frame);
}

START_TEST(test_own_garbage)
{
	crew_start(COLLECTORS, true, collect_own);
	crew_join();
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* ---- Where it is refused ---- */

static void try_to_collect(void)
{
	EXPECT(smal_collect(thread) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	smal_atomic_add_u32(&counter, 1);
}

static void *mark(struct smal_marker *marker, void *object)
{
	(void)marker;
	(void)object;
	try_to_collect();
	return NULL;
}

static void mark_root(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	try_to_collect();
}

static void free_object(void *object, void *user)
{
	(void)object;
	(void)user;
	try_to_collect();
}

static void observe(const struct smal_collection *collection, void *user)
{
	EXPECT(collection->number == 1 && user == NULL);
	try_to_collect();
}

START_TEST(test_callbacks)
{
	struct smal_type_desc marked = { .name = "m", .bytes = 16, .mark = mark,
		                         .marking = SMAL_MARK_CALLBACK };
	struct smal_type_desc freed = { .name = "f", .bytes = 16, .free = free_object };
	struct smal_type *freed_type = heap_type(&freed);
	struct smal_gc_stats stats;

	roots[0] = heap_alloc(heap_type(&marked));
	heap_alloc(freed_type);
	smal_gc_set_observer(gc, observe, NULL);
	ck_assert_int_eq(smal_root_add_function(gc, mark_root, NULL, NULL), SMAL_OK);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	/* At least: the checker marks a second time. */
	ck_assert_uint_ge(counter, 4);
	smal_gc_get_stats(gc, &stats);
	ck_assert_uint_eq(stats.collections, 1);
	smal_gc_set_observer(gc, NULL, NULL);
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	counter = 0;
	ck_assert_int_eq(smal_free(thread, heap_alloc(freed_type)), SMAL_OK);
	ck_assert_uint_eq(counter, 1);
}
END_TEST

/* ---- From handlers of signals ---- */

void *__real_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed);
void *__wrap_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed);

static bool raising;
static volatile sig_atomic_t collected;

void *__wrap_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed)
{
	if (raising)
		raise(SIGUSR1);
	return __real_smal_space_take(space, bytes, align_bytes, zeroed);
}

static void collect_in_handler(int number)
{
	(void)number;
	collected = smal_collect(thread);
	counter++;
}

static void handle(int number, void (*handler)(int number), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	ck_assert_int_eq(sigemptyset(&action.sa_mask), 0);
	ck_assert_int_eq(sigaction(number, &action, NULL), 0);
}

START_TEST(test_handler_inside)
{
	struct smal_type *text = heap_text_type();

	handle(SIGUSR1, collect_in_handler, 0);
	raising = true;
	roots[0] = smal_alloc_bytes(thread, text, 300000);
	raising = false;
	ck_assert_uint_ge(counter, 1);
	ck_assert_int_eq(collected, SMAL_ERROR_BUSY);
	ck_assert(crew_was_told());
	ck_assert_ptr_nonnull(roots[0]);
	/* In the program's own code it may. */
	raise(SIGUSR1);
	ck_assert_int_eq(collected, SMAL_OK);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1);
}
END_TEST


static void begin_scanned(void)
{
	heap_begin_scanned();
	crew_begin();
	pair = heap_pair_type();
	counter = 0;
}

START_TEST(test_handler_alternate)
{
	void *volatile local = heap_alloc(pair);
	struct smal_gc_stats stats;
	stack_t stack = { .ss_size = 1 << 16 }, none = { .ss_flags = SS_DISABLE };

	stack.ss_sp = malloc(stack.ss_size);
	ck_assert_int_eq(sigaltstack(&stack, NULL), 0);
	handle(SIGUSR1, collect_in_handler, SA_ONSTACK);
	raise(SIGUSR1);
	ck_assert_uint_eq(counter, 1);
	ck_assert_int_eq(collected, SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	smal_gc_get_stats(gc, &stats);
	ck_assert_uint_eq(stats.collections, 0);
	/* It is there, but not in use. */
	heap_collect();
	ck_assert_ptr_eq(smal_type_of(local), pair);
	ck_assert_int_eq(sigaltstack(&none, NULL), 0);
	free(stack.ss_sp);
}
END_TEST

static Suite *world_suite(void)
{
	Suite *suite = suite_create("world");
	TCase *empty = tcase_create("empty");
	TCase *exact = tcase_create("exact");
	TCase *scanned = tcase_create("scanned");

	tcase_add_checked_fixture(empty, begin_exact, end);
	tcase_add_test(empty, test_coalesce);
	suite_add_tcase(suite, empty);

	tcase_add_checked_fixture(exact, begin_pairs, end);
	tcase_add_test(exact, test_own_garbage);
	tcase_add_test(exact, test_callbacks);
	tcase_add_test(exact, test_handler_inside);
	suite_add_tcase(suite, exact);

	tcase_add_checked_fixture(scanned, begin_scanned, end);
	tcase_add_test(scanned, test_handler_alternate);
	suite_add_tcase(suite, scanned);
	return suite;
}

int main(void)
{
	return test_main(world_suite);
}
