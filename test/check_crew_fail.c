/* SPDX-License-Identifier: MIT */
/*
 * check_crew_fail.c: the system refuses the threads that were to help: collections go
 * on with those that there are, or alone, find what is reachable and nothing else, and
 * say nothing.
 *
 * The program stands in front of pthread_create, and refuses the nth start, or all
 * from the nth on. In a child that may have no thread at all (RLIMIT_NPROC) the system
 * does it by itself; root is above that limit, so the child becomes somebody else.
 */
#include "test/team.h"

#include <smal/base/atomic.h>
#include <smal/gc/crew.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HELPERS = 3 };

/* ---- Refusing ---- */

/* Starts until one is refused (0: none is), and whether those after it are, too. */
static volatile uint32_t refuse_nth;
static bool refuse_on;
/* Starts that were asked for since then, refused by this program, and by the system. */
static volatile uint32_t asked, refused, denied;

int __real_pthread_create(pthread_t *thread_made, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread_made, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread_made, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
	uint32_t n, nth = smal_atomic_load_u32(&refuse_nth);
	int error;

	n = smal_atomic_add_u32(&asked, 1) + 1;
	if (nth != 0 && (n == nth || (refuse_on && n > nth))) {
		smal_atomic_add_u32(&refused, 1);
		errno = EAGAIN;
		return EAGAIN;
	}
	error = __real_pthread_create(thread_made, attributes, start, argument);
	if (error != 0)
		smal_atomic_add_u32(&denied, 1);
	return error;
}

static void refuse(uint32_t nth, bool on)
{
	asked = refused = denied = 0;
	refuse_on = on;
	smal_atomic_store_u32(&refuse_nth, nth);
}

/* Whether the numbers of starts say something here; else says why they do not. */
static bool starts_count(void)
{
	const char *why = team_why_alone();

	if (why == NULL && smal_atomic_load_u32(&denied) != 0)
		why = "the system refuses threads by itself";
	if (why != NULL)
		fprintf(stderr, "refused threads: counts skipped: %s\n", why);
	return why == NULL;
}

static unsigned blocked_signals(void)
{
	unsigned count = 0;
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	for (int number = 1; number < 32; number++)
		count += sigismember(&now, number) == 1;
	return count;
}

/* Collections that find so much live, tell nobody, and leave the thread as it was. */
static void collect_quietly(uint64_t live, unsigned collections)
{
	unsigned blocked = blocked_signals();

	for (unsigned i = 0; i < collections; i++) {
		errno = 4711;
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
		ck_assert_int_eq(errno, 4711);
		ck_assert_uint_eq(blocked_signals(), blocked);
		heap_check();
		told_nothing();
		ck_assert_uint_eq(heap_live(), live);
	}
}

/* ---- Refused by this program ---- */

/* The first collection has not asked yet; from then on, who lacks threads asks for
 * them each time, until one is refused. */
START_TEST(test_refused)
{
	enum { COLLECTIONS = 5 };
	uint32_t nth = (uint32_t)_i % HELPERS + 1;
	bool on = _i >= HELPERS, counts;
	uint64_t objects;

	team_begin(1 + HELPERS, 0);
	objects = team_fill(team_many(TEAM_WITNESSES), team_make_tree);
	refuse(nth, on);
	collect_quietly(objects, COLLECTIONS);
	counts = starts_count();
	if (counts) {
		ck_assert_uint_eq(refused, on ? COLLECTIONS - 1 : 1);
		ck_assert_uint_eq(asked, on ? nth - 1 + COLLECTIONS - 1 : HELPERS + 1);
		ck_assert_uint_eq(smal_crew_prepare(HELPERS), on ? nth - 1 : HELPERS);
	}
	if (on && nth == 1)
		ck_assert_uint_eq(team_on_helpers, 0);
	else
		team_expect_live(objects);
	/* As they can be had again, they come. */
	refuse(0, false);
	team_expect_live(objects);
	if (counts)
		ck_assert_uint_eq(smal_crew_prepare(HELPERS), HELPERS);
	team_end(true);
}
END_TEST

/* What dies while all are refused is found dead, and all of it. */
START_TEST(test_refused_garbage)
{
	size_t count = team_many(TEAM_WITNESSES);
	void **heads;

	team_begin(1 + HELPERS, 0);
	refuse(1, true);
	for (unsigned left = 4; left > 0; left--) {
		uint64_t objects = team_fill(count, team_make_list);

		collect_quietly(objects, 2);
		heads = roots[0];
		for (size_t i = 0; i < count; i += 2)
			heads[i] = NULL;
		for (unsigned i = 0; i < 10; i++)
			heap_alloc(team_mortal);
		collect_quietly(objects - (count + 1) / 2 * 51, 2);
	}
	ck_assert_uint_eq(team_freed, 40);
	ck_assert_uint_eq(team_on_helpers, 0);
	refuse(0, false);
	team_end(false);
}
END_TEST

enum { MUTATORS = 4 };

/* Not before all are there: they are started by the same call. */
static void mutate_later(struct member *member)
{
	crew_meet(member->self, MUTATORS + 1);
	team_mutate(member);
}

/* Several threads ask, and are refused, beside each other: stopped as they poll, or by
 * a signal; all of what they ask for, or all but one. */
START_TEST(test_refused_mutators)
{
	unsigned given = (unsigned)_i / 2;

	team_begin(1 + HELPERS, _i % 2 == 0 ? 0 : SIGUSR1);
	team_fill(team_many(TEAM_WITNESSES), team_make_tree);
	crew_begin();
	crew_start(MUTATORS, true, mutate_later);
	refuse(given + 1, true);
	crew_meet(thread, MUTATORS + 1);
	crew_join();
	if (starts_count()) {
		ck_assert_uint_gt(refused, 0);
		ck_assert_uint_eq(asked, given + refused);
	}
	if (given == 0)
		ck_assert_uint_eq(team_on_helpers, 0);
	refuse(0, false);
	crew_end();
	heap_end();
}
END_TEST

/* ---- Refused by the system ---- */

enum { NOBODY = 65534 };

static void *no_work(void *unused)
{
	return unused;
}

static bool can_have_thread(void)
{
	pthread_t probe;

	return pthread_create(&probe, NULL, no_work, NULL) == 0 && pthread_join(probe, NULL) == 0;
}

static _Noreturn void leave_out(const char *why)
{
	fprintf(stderr, "RLIMIT_NPROC: skipped: %s\n", why);
	_exit(0);
}

/* No thread can be had from here on; what the limit was before. */
static struct rlimit forbid_threads(void)
{
	struct rlimit before, none;

	if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
		leave_out("root is not limited, and can't become somebody else");
	if (getrlimit(RLIMIT_NPROC, &before) != 0)
		leave_out("getrlimit is denied");
	none = before;
	none.rlim_cur = 0;
	if (setrlimit(RLIMIT_NPROC, &none) != 0)
		leave_out("setrlimit is denied");
	if (can_have_thread())
		leave_out("the system starts threads all the same");
	return before;
}

static void collect_in_child(uint64_t live, unsigned collections)
{
	for (unsigned i = 0; i < collections; i++) {
		TEST_DEMAND(smal_collect(thread) == SMAL_OK);
		TEST_DEMAND(heap_live() == live);
	}
	TEST_DEMAND(smal_check(thread) == SMAL_OK);
	TEST_DEMAND(told.count == 0);
}

static _Noreturn void live_limited(uint64_t live)
{
	struct rlimit before;

	alarm(100);
	before = forbid_threads();
	team_on_helpers = 0;
	refuse(0, false);
	collect_in_child(live, 20);
	TEST_DEMAND(team_on_helpers == 0 && asked == denied);
	TEST_DEMAND(team_why_alone() != NULL || denied != 0);
	/* The soft limit may go up again, and threads come. */
	if (setrlimit(RLIMIT_NPROC, &before) == 0 && can_have_thread())
		for (int i = 0; i < TEAM_PATIENCE && team_on_helpers == 0; i++)
			collect_in_child(live, team_why_alone() == NULL ? 1 : 0);
	TEST_DEMAND(team_why_alone() != NULL || !can_have_thread() || team_on_helpers != 0);
	TEST_DEMAND(smal_thread_detach(thread) == SMAL_OK);
	TEST_DEMAND(smal_gc_destroy(gc) == SMAL_OK);
	_exit(0);
}

/* The child has the heap of one that had helpers; and of one that never had. */
START_TEST(test_limit)
{
	uint64_t objects;
	pid_t child;
	int status;

	if (CREW_UNDER_TSAN) {
		fputs("RLIMIT_NPROC: skipped: no threads after a fork (TSan)\n", stderr);
		return;
	}
	team_begin(1 + HELPERS, 0);
	if (team_why_alone() != NULL)
		fprintf(stderr, "RLIMIT_NPROC: counts skipped: %s\n", team_why_alone());
	objects = team_fill(team_many(TEAM_WITNESSES), team_make_tree);
	if (_i == 1)
		team_expect_live(objects);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		live_limited(objects);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	team_expect_live(objects);
	team_end(true);
}
END_TEST

static Suite *crew_suite(void)
{
	Suite *suite = suite_create("no threads for the crew");
	TCase *here = tcase_create("refused"), *there = tcase_create("limit");

	tcase_add_loop_test(here, test_refused, 0, 2 * HELPERS);
	tcase_add_test(here, test_refused_garbage);
	tcase_add_loop_test(here, test_refused_mutators, 0, 4);
	suite_add_tcase(suite, here);

	tcase_add_loop_test(there, test_limit, 0, 2);
	suite_add_tcase(suite, there);
	return suite;
}

int main(void)
{
	return test_main(crew_suite);
}
