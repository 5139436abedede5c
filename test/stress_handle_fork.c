/* SPDX-License-Identifier: MIT */
/*
 * stress_handle_fork.c: forks at any moment, beside threads that allocate, resize, lock
 * and compact. In the child the others have stopped at any instruction; the heaps are
 * whole all the same: blocks that nobody was writing to have their contents, everything
 * can be allocated, moved and freed, and the checker is content.
 */
#include "test/crew.h"
#include "test/handles.h"

#include <smal/base/atomic.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUSY = 3, SLOTS = 100, STILL = 200 };
/* A child that takes longer hangs. */
enum { CHILD_SECONDS = 60 };

static smal_handle slots[BUSY][SLOTS], still[STILL];
static volatile uint32_t stop;

static size_t random_bytes(struct test_random *random)
{
	uint64_t kind = test_random_below(random, 300);

	return test_random_below(random, kind == 0 ? 400000 : kind < 50 ? 5000 : 200);
}

/* Its own blocks; one of them is looked at. */
static void be_busy(struct member *member)
{
	struct test_random random;

	test_random_init(&random, member->index);
	while (smal_atomic_load_u32(&stop) == 0) {
		smal_handle *slot = &slots[member->index][test_random_below(&random, SLOTS)];
		uint64_t what = test_random_below(&random, 100);

		if (what == 0) {
			smal_compact(handles, test_random_below(&random, 2) ? 0 : 50000);
		} else if (*slot == 0) {
			*slot = handles_alloc_marked(random_bytes(&random));
		} else if (what < 20) {
			EXPECT(smal_handle_resize(handles, *slot, random_bytes(&random)) == SMAL_OK);
			handles_mark(*slot);
		} else if (what < 60) {
			handles_check_mark(*slot);
		} else {
			handles_free(*slot);
			*slot = 0;
		}
	}
}

/* In a child there is no runner to report to. */
static void demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "stress_handle_fork.c: in a child: %s\n", what);
	_exit(1);
}

static void be_child(struct test_random *random)
{
	smal_handle mine[50];

	alarm(CHILD_SECONDS);
	demand(smal_handle_check(handles) == SMAL_OK, "the heap is not whole");
	for (unsigned i = 0; i < STILL; i++)
		handles_check_mark(still[i]);
	for (unsigned i = 0; i < 50; i++)
		mine[i] = handles_alloc_marked(random_bytes(random));
	for (unsigned i = 0; i < STILL; i += 2)
		demand(smal_handle_free(handles, still[i]) == SMAL_OK, "a block can't be freed");
	demand(smal_compact(handles, 0), "a compaction has no end");
	for (unsigned i = 1; i < STILL; i += 2)
		handles_check_mark(still[i]);
	for (unsigned i = 0; i < 50; i++)
		handles_check_mark(mine[i]);
	demand(smal_handle_resize(handles, mine[0], 500000) == SMAL_OK, "no large block");
	demand(smal_handle_check(handles) == SMAL_OK, "the heap is whole no more");
	demand(smal_handle_heap_destroy(handles) == SMAL_OK, "the heap does not end");
	_exit(0);
}

static void fork_one(struct test_random *random)
{
	int status = -1;
	pid_t child;

	test_random_next(random);
	child = fork();
	EXPECT(child >= 0);
	if (child == 0)
		be_child(random);
	EXPECT(waitpid(child, &status, 0) == child);
	EXPECT_EQ(status, 0);
}

START_TEST(test_storm)
{
	unsigned wanted = test_long() ? 5000 : test_is_slow() ? 20 : 300;
	static char buffer[8 << 20];
	struct smal_handle_options options = { .buffer = _i == 1 ? buffer : NULL,
		                               .buffer_bytes = _i == 1 ? sizeof buffer : 0 };
	struct test_random random;

	crew_begin();
	alarm(test_long() ? 1200 : 120);
	memset(slots, 0, sizeof slots);
	stop = 0;
	ck_assert_int_eq(smal_handle_heap_create(&options, &handles), SMAL_OK);
	test_random_init(&random, 100);
	for (unsigned i = 0; i < STILL; i++)
		still[i] = handles_alloc_marked(random_bytes(&random) % 10000);
	crew_start(BUSY, false, be_busy);
	for (unsigned i = 0; i < wanted; i++)
		fork_one(&random);
	smal_atomic_store_u32(&stop, 1);
	crew_join();
	EXPECT(smal_handle_check(handles) == SMAL_OK);
	EXPECT(smal_handle_heap_destroy(handles) == SMAL_OK);
	crew_end();
}
END_TEST

static Suite *stress_suite(void)
{
	Suite *suite = suite_create("stress of handles and forks");
	TCase *tcase = tcase_create("forks");

	tcase_add_loop_test(tcase, test_storm, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(stress_suite);
}
