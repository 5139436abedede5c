/* SPDX-License-Identifier: MIT */
/*
 * check_crew.c: the threads that help with collections: again and again, for several
 * collectors at once, beside threads that allocate; when they start and end, what they
 * leave alone, and that a forked child has its own.
 */
#include "test/team.h"

#include <smal/base/atomic.h>
#include <smal/gc/crew.h>
#include <smal/gc/gc.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile uint32_t bad_masks, stop;

/* ---- Again and again ---- */

START_TEST(test_many_collections)
{
	size_t rounds = heap_scale(1000);
	uint64_t objects;

	team_begin(team_markers[_i], 0);
	objects = team_fill(team_many(TEAM_WITNESSES / 4), team_make_tree);
	for (size_t i = 0; i < rounds; i++) {
		heap_alloc(team_mortal);
		EXPECT(smal_collect(thread) == SMAL_OK);
		EXPECT(team_freed == i + 1);
	}
	ck_assert_uint_eq(heap_live(), objects);
	team_end(true);
}
END_TEST

/* Objects of any collector, which collected last. */
static uint64_t live_of(struct smal_gc *of)
{
	struct smal_gc_stats stats;

	smal_gc_get_stats(of, &stats);
	return stats.objects.live_objects - stats.objects.pending_objects;
}

static void collect_own(struct member *member)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF, .exact_stacks = 1, .markers = 3 };
	struct smal_type_desc desc = { .name = "own",
		                       .bytes = sizeof(struct witness),
		                       .marking = SMAL_MARK_CALLBACK,
		                       .mark = team_mark_witness };
	size_t count = team_many(30000), rounds = heap_scale(100);
	struct smal_thread *self;
	struct smal_type *type;
	struct smal_gc *own;
	void *root = NULL;

	(void)member;
	EXPECT(smal_gc_create(&options, &own) == SMAL_OK);
	EXPECT(smal_thread_attach(own, &self) == SMAL_OK);
	EXPECT(smal_type_create(own, &desc, &type) == SMAL_OK);
	EXPECT(smal_root_add(own, &root, NULL) == SMAL_OK);
	for (size_t i = 0; i < count; i++) {
		struct witness *at = smal_alloc(self, type);

		EXPECT(at != NULL);
		/* A list and a half: the left ones have no lists of their own. */
		at->left = i % 2 == 0 ? root : NULL;
		if (i % 2 == 1) {
			at->tail = root;
			at->right = smal_alloc(self, type);
		}
		if (i % 2 == 0)
			at->tail = NULL;
		root = at;
	}
	for (size_t i = 0; i < rounds; i++) {
		EXPECT(smal_collect(self) == SMAL_OK);
		EXPECT(live_of(own) == count + count / 2);
	}
	EXPECT(smal_thread_detach(self) == SMAL_OK);
	EXPECT(smal_gc_destroy(own) == SMAL_OK);
}

/* Each thread a collector of its own: one has the crew, the others do without. */
START_TEST(test_collectors_at_once)
{
	team_begin(3, 0);
	crew_begin();
	crew_start(3, false, collect_own);
	crew_join();
	crew_end();
	team_end(false);
}
END_TEST

/* Threads that allocate and collect beside each other, stopped as they poll, or by a
 * signal wherever they are: in the middle of getting the crew ready, too. */
START_TEST(test_mutators)
{
	team_begin(3, _i == 0 ? 0 : SIGUSR1);
	team_fill(team_many(TEAM_WITNESSES), team_make_list);
	crew_begin();
	crew_start(4, true, team_mutate);
	crew_join();
	crew_end();
	if (_i == 0) {
		team_end(true);
		return;
	}
	heap_end();
}
END_TEST

/* ---- The crew's own threads ---- */

static unsigned threads_of_process(void)
{
	char line[128];
	unsigned count = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		sscanf(line, "Threads: %u", &count);
	if (file != NULL)
		fclose(file);
	return count;
}

static void *mark_masked(struct smal_marker *marker, void *object)
{
	sigset_t now;

	if (smal_crew_is_here()) {
		pthread_sigmask(SIG_SETMASK, NULL, &now);
		for (int number = 1; number < 32; number++)
			if (number != SIGKILL && number != SIGSTOP &&
			    sigismember(&now, number) != 1)
				smal_atomic_store_u32(&bad_masks, 1);
	}
	return team_mark_witness(marker, object);
}

/* They start when they are wanted, have all signals blocked, change no errno, and end
 * with the last collector. */
START_TEST(test_threads)
{
	unsigned before = threads_of_process();
	struct smal_type_desc desc = { .name = "masked",
		                       .bytes = sizeof(struct witness),
		                       .marking = SMAL_MARK_CALLBACK,
		                       .mark = mark_masked };

	/* It has threads of its own. */
	if (CREW_UNDER_TSAN)
		return;
	for (int i = 0; i < 5; i++) {
		team_begin(4, 0);
		team_witness = heap_type(&desc);
		ck_assert_uint_eq(threads_of_process(), before);
		team_fill(team_many(TEAM_WITNESSES), team_make_list);
		errno = 4711;
		heap_collect();
		heap_collect();
		ck_assert_int_eq(errno, 4711);
		ck_assert_uint_le(threads_of_process(), before + 3);
		team_end(false);
		ck_assert_uint_eq(bad_masks, 0);
		/* The kernel's count comes down a little after a thread is joined. */
		for (int j = 0; j < 1000 && threads_of_process() != before; j++)
			usleep(1000);
		ck_assert_uint_eq(threads_of_process(), before);
	}
}
END_TEST

static void collect_in_child(uint64_t live)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		alarm(60);
		for (int i = 0; i < 20; i++)
			TEST_DEMAND(smal_collect(thread) == SMAL_OK);
		TEST_DEMAND(live_of(gc) == live);
		TEST_DEMAND(smal_thread_detach(thread) == SMAL_OK);
		TEST_DEMAND(smal_gc_destroy(gc) == SMAL_OK);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

static void collect_always(struct member *member)
{
	while (smal_atomic_load_u32(&stop) == 0)
		collect_own(member);
}

/* A child starts a crew of its own, whoever had it as the process forked. */
START_TEST(test_fork)
{
	size_t forks = heap_scale(20);
	uint64_t objects;

	if (CREW_UNDER_TSAN)
		return;
	team_begin(3, 0);
	objects = team_fill(team_many(TEAM_WITNESSES), team_make_list);
	team_expect_live(objects);
	crew_begin();
	stop = 0;
	crew_start(2, false, collect_always);
	for (size_t i = 0; i < forks; i++)
		collect_in_child(objects);
	smal_atomic_store_u32(&stop, 1);
	crew_join();
	crew_end();
	team_expect_live(objects);
	team_end(true);
}
END_TEST

static uint64_t by_several(unsigned collections)
{
	uint64_t before = gc->team_collections;

	for (unsigned i = 0; i < collections; i++)
		heap_collect();
	return gc->team_collections - before;
}

/* Where several have been slower than one, they mark in one of 64 collections only. */
START_TEST(test_only_where_faster)
{
	team_begin(3, 0);
	team_expect_live(team_fill(team_many(TEAM_WITNESSES), team_make_list));
	if (team_why_alone() == NULL && smal_crew_prepare(2) != 0) {
		gc->team_ns = 1e15;
		gc->team_collections = 7;
		gc->stats.collections = 999;
		ck_assert_uint_eq(by_several(1), 1);
		ck_assert_uint_eq(by_several(24), 0);
		ck_assert_uint_eq(by_several(1), 1);
		ck_assert_uint_eq(by_several(10), 0);
		gc->team_ns = 0;
		gc->alone_ns = 1e15;
		ck_assert_uint_eq(by_several(5), 5);
	}
	team_end(true);
}
END_TEST

static Suite *crew_suite(void)
{
	Suite *suite = suite_create("crew");
	TCase *often = tcase_create("again and again"), *threads = tcase_create("threads");

	tcase_add_loop_test(often, test_many_collections, 0, TEAM_MARKERS);
	tcase_add_test(often, test_collectors_at_once);
	tcase_add_loop_test(often, test_mutators, 0, 2);
	tcase_add_test(often, test_only_where_faster);
	suite_add_tcase(suite, often);

	tcase_add_test(threads, test_threads);
	tcase_add_test(threads, test_fork);
	suite_add_tcase(suite, threads);
	return suite;
}

int main(void)
{
	return test_main(crew_suite);
}
