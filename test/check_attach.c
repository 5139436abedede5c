/* SPDX-License-Identifier: MIT */
/*
 * check_attach.c: nothing is lost that a thread frees or allocates while others attach
 * to its collector, nor in a child that is forked just then, with barriers of the
 * system's and without (barriers.h).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "test/barriers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_SECONDS = 60 };

static volatile uint32_t attached;

/* ---- Nothing is lost ---- */

/*
 * Of the first thread's leaves every other one is freed, so that it allocates in holes
 * of one slot each. A signal stops it anywhere in an allocation, perhaps between its
 * look at a word of the live mask and its change of it. Then others attach; those
 * that are let in free its leaves of the same word. Once all are attached, the same
 * again.
 */
enum { LEAVES = 16384, WORD_BYTES = 1024, HELD_NS = 20000000 };

static struct smal_type *leaf;
/* Where the first thread is: its last leaf, and how many it has allocated. */
static volatile AO_t position, allocated;
static volatile uint32_t ready, stopped, freed;
static uintptr_t stop_at;
static pthread_t first;

static void stop_here(int number)
{
	int saved_errno = errno;
	uint32_t time;
	uint64_t limit = smal_os_clock_ns() + HELD_NS;

	(void)number;
	time = smal_atomic_add_u32(&stopped, 1) + 1;
	while (!late_are_settled(time) && smal_os_clock_ns() < limit)
		barriers_nap();
	errno = saved_errno;
}

static void free_nearby(struct member *member)
{
	void **all = roots[0];
	uintptr_t here = smal_atomic_load(&position);

	for (unsigned i = 2 * member->index; i < LEAVES; i += 2 * LATE)
		if (all[i] != NULL && (uintptr_t)all[i] - here + WORD_BYTES < 2 * WORD_BYTES) {
			EXPECT(smal_free(member->self, all[i]) == SMAL_OK);
			all[i] = NULL;
			smal_atomic_add_u32(&freed, 1);
		}
}

/* The first one stops when it has allocated so much, or all. */
static void stop_first(uintptr_t at)
{
	/* It is fast: no time to sleep. */
	smal_atomic_store_u32(&ready, 1);
	while (smal_atomic_load(&allocated) < smal_min(at, (uintptr_t)LEAVES / 2))
		crew_yield(1);
	EXPECT(pthread_kill(first, SIGUSR1) == 0);
}

static void stop_and_attach(struct member *member)
{
	volatile uint32_t *my_done = &late_done[member->index];

	if (member->index == 0)
		stop_first(stop_at);
	barriers_wait_for(&stopped, 1);
	/* The others find that somebody has been faster. */
	if (member->index != 0)
		barriers_wait_for(&gc->sharing, SMAL_SHARING);
	late_attach(member);
	free_nearby(member);
	smal_atomic_store_u32(my_done, 1);
	if (member->index == 0) {
		for (int i = 0; i < LATE; i++)
			barriers_wait_for(&late_done[i], 1);
		stop_first(smal_atomic_load(&allocated) + stop_at);
	}
	barriers_wait_for(&stopped, 2);
	free_nearby(member);
	smal_atomic_store_u32(my_done, 2);
	EXPECT(smal_thread_detach(member->self) == SMAL_OK);
}

/* Leaves with holes between them, in buffers that nobody has claimed. */
static void make_holes(void)
{
	void **all = roots[0] = heap_alloc_bytes(heap_array_type(), LEAVES * sizeof *all);

	for (unsigned i = 0; i < LEAVES; i++)
		EXPECT((all[i] = smal_alloc(thread, leaf)) != NULL);
	for (unsigned i = 1; i < LEAVES; i += 2) {
		EXPECT(smal_free(thread, all[i]) == SMAL_OK);
		all[i] = NULL;
	}
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
}

static void hold_and_free(struct test_random *random)
{
	struct smal_type_desc desc = { .name = "leaf", .bytes = 16 };
	struct smal_gc_stats stats;

	sharing_begin();
	leaf = heap_type(&desc);
	make_holes();
	late_begin();
	ready = stopped = allocated = freed = 0;
	stop_at = 1 + test_random_below(random, LEAVES / 4);
	first = pthread_self();
	crew_start(LATE, false, stop_and_attach);
	barriers_wait_for(&ready, 1);
	while (allocated < LEAVES / 2) {
		void *object = smal_alloc(thread, leaf);

		EXPECT(object != NULL);
		/* Not by locked instructions: it would be stopped at those. */
		smal_atomic_store_relaxed(&position, (uintptr_t)object);
		smal_atomic_store_relaxed(&allocated, allocated + 1);
		/* Enough is left for the second time. */
		for (int i = 0; i < LATE && stopped == 1; i++)
			barriers_wait_for(&late_done[i], 1);
	}
	crew_join();
	heap_check();
	smal_gc_get_stats(gc, &stats);
	EXPECT_EQ(stats.objects.allocated_objects, 1 + LEAVES + allocated);
	EXPECT_EQ(stats.objects.freed_objects, LEAVES / 2 + freed);
	heap_collect();
	EXPECT_EQ(heap_live(), 1 + LEAVES / 2 - freed);
	sharing_end();
}

static void hold_often(unsigned rounds)
{
	struct sigaction action = { .sa_handler = stop_here, .sa_flags = SA_RESTART }, before;
	struct test_random random;

	test_random_init(&random, 0);
	ck_assert_int_eq(sigaction(SIGUSR1, &action, &before), 0);
	for (unsigned i = 0; i < rounds; i++)
		hold_and_free(&random);
	ck_assert_int_eq(sigaction(SIGUSR1, &before, NULL), 0);
}

START_TEST(test_held)
{
	hold_often(test_long() ? 5000 : test_is_slow() ? 20 : 300);
}
END_TEST

/* Barriers were there when the process started, and are refused from then on. */
START_TEST(test_refused_later)
{
	if (!barriers_can_be_alone())
		return;
	barriers_refuse(ENOSYS);
	hold_often(test_is_slow() ? 10 : 50);
	barriers_refuse(0);
}
END_TEST

/* ---- Forks ---- */

static void *allocate_in_child(void *argument)
{
	struct smal_thread *self;

	TEST_DEMAND(smal_thread_attach(gc, &self) == SMAL_OK);
	TEST_DEMAND(sharing() == SMAL_SHARED);
	for (int i = 0; i < 1000; i++)
		TEST_DEMAND(smal_alloc(self, leaf) != NULL);
	TEST_DEMAND(smal_thread_detach(self) == SMAL_OK);
	return argument;
}

/* Allocates beside the parent's leaves, and frees some of them, with a thread of its
 * own. */
static void work_in_child(struct smal_thread *self, unsigned generation)
{
	void **all = roots[0];
	pthread_t id;

	alarm(CHILD_SECONDS);
	TEST_DEMAND(smal_thread_self(gc) == self && smal_check(self) == SMAL_OK);
	for (unsigned i = generation * 2; i < LEAVES; i += 8) {
		TEST_DEMAND(smal_alloc(self, leaf) != NULL);
		TEST_DEMAND(smal_free(self, all[i]) == SMAL_OK);
		all[i] = NULL;
	}
	TEST_DEMAND(smal_check(self) == SMAL_OK);
	TEST_DEMAND(smal_thread_leave(self) == SMAL_OK);
	if (!CREW_UNDER_TSAN) {
		TEST_DEMAND(pthread_create(&id, NULL, allocate_in_child, NULL) == 0);
		TEST_DEMAND(pthread_join(id, NULL) == 0);
	}
	TEST_DEMAND(smal_thread_enter(self) == SMAL_OK);
}

/* Works, forks once more, and ends all. */
static void child(struct smal_thread *self)
{
	int status = 0;
	pid_t id = 0;

	for (unsigned generation = 0; generation < 2 && id == 0; generation++) {
		work_in_child(self, generation);
		if (generation == 0) {
			id = fork();
			TEST_DEMAND(id >= 0);
		}
	}
	if (id != 0)
		TEST_DEMAND(waitpid(id, &status, 0) == id && status == 0);
	TEST_DEMAND(smal_collect(self) == SMAL_OK && smal_check(self) == SMAL_OK);
	TEST_DEMAND(smal_thread_detach(self) == SMAL_OK);
	TEST_DEMAND(smal_gc_destroy(gc) == SMAL_OK && !crew_was_told());
	_exit(0);
}

static void fork_child(struct smal_thread *self)
{
	pid_t id = fork();
	int status = -1;

	EXPECT(id >= 0);
	if (id == 0)
		child(self);
	EXPECT(waitpid(id, &status, 0) == id);
	EXPECT(status == 0);
}

static void attach_and_fork(struct member *member)
{
	for (int i = 0; i < 2; i++) {
		EXPECT(smal_thread_attach(gc, &member->self) == SMAL_OK);
		fork_child(member->self);
		EXPECT(smal_thread_detach(member->self) == SMAL_OK);
	}
	smal_atomic_add_u32(&attached, 1);
}

static void begin_leaves(void)
{
	struct smal_type_desc desc = { .name = "leaf", .bytes = 16 };

	sharing_begin();
	leaf = heap_type(&desc);
	make_holes();
	attached = barriers_held_up = 0;
}

/* Two attach at once and fork at once, while the first allocates. */
START_TEST(test_fork)
{
	begin_leaves();
	crew_start(2, false, attach_and_fork);
	for (unsigned i = 0; smal_atomic_load_u32(&attached) < 2; i++) {
		smal_poll(thread);
		if (i < 20 * LEAVES)
			EXPECT(smal_alloc(thread, leaf) != NULL);
		else
			barriers_nap();
	}
	crew_join();
	ck_assert_int_eq(sharing(), SMAL_SHARED);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1 + LEAVES / 2);
	sharing_end();
}
END_TEST

static void attach_held_up(struct member *member)
{
	barriers_hold_me = true;
	EXPECT(smal_thread_attach(gc, &member->self) == SMAL_OK);
	smal_atomic_add_u32(&attached, 1);
	EXPECT(sharing() == SMAL_SHARED);
	EXPECT(smal_thread_detach(member->self) == SMAL_OK);
}

/* The first one forks while the second is about to look for it: in the child that is
 * not there any more, and nobody has said that the collector is shared. */
START_TEST(test_fork_while_sharing)
{
	if (!barriers_can_be_alone())
		return;
	begin_leaves();
	smal_atomic_store_u32(&barriers_holding, 1);
	crew_start(1, false, attach_held_up);
	while (smal_atomic_load_u32(&barriers_held_up) == 0 && smal_atomic_load_u32(&attached) == 0)
		barriers_nap();
	ck_assert_int_eq(sharing(), SMAL_SHARING);
	fork_child(thread);
	ck_assert_int_eq(sharing(), SMAL_SHARING);
	smal_atomic_store_u32(&barriers_holding, 0);
	crew_join();
	ck_assert_int_eq(sharing(), SMAL_SHARED);
	sharing_end();
}
END_TEST

START_TEST(test_refused)
{
	barriers_run_refused(_i);
}
END_TEST

static Suite *attach_suite(void)
{
	Suite *suite = suite_create("attach");
	TCase *many = tcase_create("many");

	tcase_add_test(many, test_held);
	tcase_add_test(many, test_refused_later);
	tcase_add_loop_test(many, test_fork, 0, 5);
	tcase_add_test(many, test_fork_while_sharing);
	if (getenv("SMAL_TEST_REFUSE") == NULL)
		tcase_add_loop_test(many, test_refused, 0, BARRIERS_WAYS);
	suite_add_tcase(suite, many);
	return suite;
}

int main(int argc, char **argv)
{
	(void)argc;
	return barriers_main(argv, attach_suite);
}
