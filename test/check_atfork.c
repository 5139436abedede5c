/* SPDX-License-Identifier: MIT */
/*
 * check_atfork.c: any thread forks at any moment, attached or not, while others
 * allocate, collect, free, and make weak references and finalizers. The child has a
 * whole heap, in which it goes on, with threads of its own; and so has the parent.
 */
#include <smal/gc/gc.h>

#include "test/crew.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 4, KEPT = 1000, SLOTS = 32, CHILD_SECONDS = 60 };

/* Who forks. */
enum who { MAIN, ATTACHED, UNATTACHED, HAS_LEFT, WHO };

static struct smal_type *pair, *text;
static struct smal_queue *queue;
static volatile uint32_t go;
static enum who who;

static void push_cells(struct smal_thread *self, void **list, uintptr_t count)
{
	for (uintptr_t i = 0; i < count; i++) {
		void **cell = smal_alloc(self, pair);

		TEST_DEMAND(cell != NULL && cell[0] == NULL && cell[1] == NULL);
		cell[0] = *list;
		cell[1] = (void *)(i << 4 | 1);
		*list = cell;
	}
}

static void expect_cells(void *list, uintptr_t count)
{
	for (void **cell = list; cell != NULL; cell = cell[0])
		TEST_DEMAND(cell[1] == (void *)(--count << 4 | 1));
	TEST_DEMAND(count == 0);
}

static const struct smal_gc_options options[] = {
	{ .pace_bytes = 1 << 20, .exact_stacks = 1 },
	{ .pace_bytes = 1 << 20, .stop_signal = SIGPWR },
};

enum { OPTIONS = sizeof options / sizeof *options };

static void begin(const struct smal_gc_options *with)
{
	heap_begin(with);
	crew_begin();
	pair = heap_pair_type();
	text = heap_text_type();
	go = 0;
	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	push_cells(thread, &roots[0], KEPT);
}

static void end(void)
{
	ck_assert_int_eq(smal_queue_destroy(queue), SMAL_OK);
	expect_cells(roots[0], KEPT);
	crew_end();
	heap_end();
}

/* ---- What goes on meanwhile ---- */

static void do_something(struct smal_thread *self, struct test_random *random, void **slots)
{
	size_t at = test_random_below(random, SLOTS - 1);
	struct smal_notice notice;

	switch (test_random_below(random, 12)) {
	case 0:
		EXPECT(smal_collect(self) == SMAL_OK);
		break;
	case 1:
		EXPECT(smal_weak_create(self, slots[at], 0) != NULL);
		break;
	case 2:
		if (slots[at] != NULL)
			EXPECT(smal_finalizer_add(self, queue, slots[at], slots[at], 0) != NULL);
		break;
	case 3:
		while (smal_queue_take(self, queue, &notice))
			;
		break;
	case 4:
		slots[SLOTS - 1] = smal_alloc_bytes(self, text, 1 + test_random_below(random, 300000));
		EXPECT(smal_free(self, slots[SLOTS - 1]) == SMAL_OK);
		slots[SLOTS - 1] = NULL;
		break;
	case 5:
		EXPECT(smal_thread_leave(self) == SMAL_OK && smal_thread_enter(self) == SMAL_OK);
		break;
	default:
		slots[at] = NULL;
		push_cells(self, &slots[at], test_random_below(random, 100));
	}
}

static void work(struct smal_thread *self, uint64_t stream, uint32_t steps)
{
	void *slots[SLOTS] = { NULL };
	struct test_random random;
	struct smal_frame frame;

	test_random_init(&random, stream);
	smal_frame_push(self, &frame, slots, SLOTS);
	for (uint32_t i = 0; i < steps && smal_atomic_load_u32(&go) == 0; i++) {
		smal_poll(self);
		do_something(self, &random, slots);
	}
	smal_frame_pop(self, &frame);
}

/* ---- Children ---- */

static int count_object(void *object, struct smal_type *type, size_t bytes, void *user)
{
	(void)object;
	(void)type;
	(void)bytes;
	++*(uint64_t *)user;
	return 0;
}

static void demand_whole(struct smal_thread *self)
{
	struct smal_gc_stats stats;
	uint64_t count = 0;

	TEST_DEMAND(smal_check(self) == SMAL_OK);
	smal_gc_get_stats(gc, &stats);
	TEST_DEMAND(stats.objects.allocated_objects ==
	       stats.objects.live_objects + stats.objects.freed_objects);
	TEST_DEMAND(smal_each_object(self, count_object, &count) == 0);
	TEST_DEMAND(count == stats.objects.live_objects);
	expect_cells(roots[0], KEPT);
}

static void *work_in_child(void *argument)
{
	struct smal_thread *self;

	TEST_DEMAND(smal_thread_attach(gc, &self) == SMAL_OK);
	work(self, (uintptr_t)argument, 100);
	TEST_DEMAND(smal_thread_detach(self) == SMAL_OK);
	return NULL;
}

static const uintptr_t child_threads = CREW_UNDER_TSAN ? 0 : 2;

static void child(struct smal_thread *self)
{
	pthread_t ids[2];
	struct smal_notice notice;

	alarm(CHILD_SECONDS);
	if (who == UNATTACHED)
		TEST_DEMAND(smal_thread_attach(gc, &self) == SMAL_OK);
	if (who == HAS_LEFT)
		TEST_DEMAND(smal_thread_enter(self) == SMAL_OK);
	smal_atomic_store_u32(&go, 0);
	TEST_DEMAND(smal_thread_self(gc) == self);
	demand_whole(self);
	work(self, 77, 100);
	TEST_DEMAND(smal_collect(self) == SMAL_OK);
	demand_whole(self);
	for (uintptr_t i = 0; i < child_threads; i++)
		TEST_DEMAND(pthread_create(&ids[i], NULL, work_in_child, (void *)(i + 1)) == 0);
	TEST_DEMAND(smal_thread_leave(self) == SMAL_OK);
	for (uintptr_t i = 0; i < child_threads; i++)
		TEST_DEMAND(pthread_join(ids[i], NULL) == 0);
	TEST_DEMAND(smal_thread_enter(self) == SMAL_OK);
	while (smal_queue_take(self, queue, &notice))
		;
	TEST_DEMAND(smal_collect(self) == SMAL_OK);
	demand_whole(self);
	/* Nobody else is attached any more. */
	TEST_DEMAND(smal_thread_detach(self) == SMAL_OK);
	TEST_DEMAND(smal_gc_destroy(gc) == SMAL_OK && !crew_was_told());
	_exit(0);
}

/* ---- Forking ---- */

static void fork_often(struct smal_thread *self)
{
	unsigned forks = test_long() ? 125 : test_is_slow() ? 3 : 14;
	int status;

	for (unsigned i = 0; i < forks; i++) {
		pid_t id;

		if (who == HAS_LEFT)
			EXPECT(smal_thread_leave(self) == SMAL_OK);
		id = fork();
		EXPECT(id >= 0);
		if (id == 0)
			child(self);
		if (who != HAS_LEFT && self != NULL)
			EXPECT(smal_thread_leave(self) == SMAL_OK);
		EXPECT(waitpid(id, &status, 0) == id);
		if (status != 0)
			ck_abort_msg("child: status %#x", status);
		if (self != NULL) {
			EXPECT(smal_thread_enter(self) == SMAL_OK);
			work(self, i, 10);
		}
	}
}

static void work_or_fork(struct member *member)
{
	struct smal_thread *self = NULL;

	if (who == MAIN || member->index < WORKERS) {
		EXPECT(smal_thread_attach(gc, &self) == SMAL_OK);
		work(self, member->index + 100, UINT32_MAX);
	} else {
		if (who != UNATTACHED)
			EXPECT(smal_thread_attach(gc, &self) == SMAL_OK);
		fork_often(self);
		smal_atomic_store_u32(&go, 1);
	}
	EXPECT(smal_thread_detach(self) == SMAL_OK);
}

START_TEST(test_fork)
{
	who = (enum who)(_i % WHO);
	begin(&options[_i / WHO]);
	crew_start(WORKERS + (who != MAIN), false, work_or_fork);
	if (who == MAIN) {
		fork_often(thread);
		smal_atomic_store_u32(&go, 1);
	}
	crew_join();
	heap_collect();
	end();
}
END_TEST

/* The first thread that asks the linker for static data is there for a while. */
static int linger(const char *name, const void *base, const void *limit, void *user)
{
	(void)name;
	(void)base;
	(void)limit;
	(void)user;
	if (smal_atomic_load_u32(&go) == 0) {
		smal_atomic_store_u32(&go, 1);
		smal_os_wake(&go);
		usleep(200000);
		smal_atomic_store_u32(&go, 2);
	}
	return 0;
}

static void collect_once(struct member *member)
{
	EXPECT(smal_collect(member->self) == SMAL_OK);
}

/* A fork waits for a thread that has the linker's lock: its child would wait for ever. */
START_TEST(test_linker)
{
	pid_t id;
	int status;

	begin(&options[_i]);
	ck_assert_int_eq(smal_root_add_static_if(gc, linger, NULL), SMAL_OK);
	ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
	crew_start(1, true, collect_once);
	while (smal_atomic_load_u32(&go) == 0)
		smal_os_wait(&go, 0, 0);
	id = fork();
	if (id == 0) {
		alarm(CHILD_SECONDS);
		TEST_DEMAND(smal_atomic_load_u32(&go) == 2);
		TEST_DEMAND(smal_thread_enter(thread) == SMAL_OK);
		TEST_DEMAND(smal_collect(thread) == SMAL_OK);
		_exit(0);
	}
	EXPECT(waitpid(id, &status, 0) == id && status == 0);
	ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
	crew_join();
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	end();
}
END_TEST

/* From a callback it is refused, by a report; the child of it must end at once. */
static void fork_in_callback(struct smal_marker *marker, void *user)
{
	pid_t id;
	int status;

	(void)marker;
	(void)user;
	if (smal_atomic_load_u32(&go) != 0)
		return;
	smal_atomic_store_u32(&go, 1);
	id = fork();
	if (id == 0)
		_exit(0);
	crew_told(SMAL_ERROR_BUSY);
	EXPECT(waitpid(id, &status, 0) == id && status == 0);
}

START_TEST(test_callback)
{
	begin(&options[0]);
	ck_assert_int_eq(smal_root_add_function(gc, fork_in_callback, NULL, NULL), SMAL_OK);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert_uint_eq(go, 1);
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	heap_collect();
	end();
}
END_TEST

static Suite *atfork_suite(void)
{
	Suite *suite = suite_create("atfork");
	TCase *tcase = tcase_create("atfork");

	tcase_add_loop_test(tcase, test_fork, 0, WHO * OPTIONS);
	tcase_add_loop_test(tcase, test_linker, 0, OPTIONS);
	tcase_add_test(tcase, test_callback);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(atfork_suite);
}
