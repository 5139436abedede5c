/* SPDX-License-Identifier: MIT */
/*
 * check_fork.c: a child of a process with one attached thread goes on where the
 * parent stood: it allocates, collects and ends its collector, with all contents
 * whole; and so does the parent, whatever the child has done.
 */
#include "test/collector.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LISTS = ROOTS, DEPTH = 1 };

struct cell {
	struct cell *next;
	uint64_t id;
	char *text;
};

static struct smal_type *cell_type, *text_type;
static unsigned freed;

static void free_text(void *object, void *user)
{
	(void)object;
	(void)user;
	freed++;
}

static void begin(const struct smal_gc_options *options)
{
	struct smal_type_desc cell = { .name = "cell", .bytes = sizeof(struct cell),
		                       .marking = SMAL_MARK_CONSERVATIVE };
	struct smal_type_desc text = { .name = "text", .free = free_text };

	heap_begin(options);
	cell_type = heap_type(&cell);
	text_type = heap_type(&text);
	freed = 0;
}

/* How many: few where every allocation collects. */
static size_t few_or(size_t n)
{
	return heap_must_be_small() ? n / 10 : heap_scale(n);
}

static uint64_t pattern(int list, uint64_t at)
{
	return (uint64_t)list * 1000003 + at * 17;
}

/* Puts `count` cells at the front of each list. */
static void grow(uint64_t count)
{
	for (int list = 0; list < LISTS; list++) {
		for (uint64_t i = 0; i < count; i++) {
			struct cell *cell = smal_alloc(thread, cell_type), *next = roots[list];
			size_t bytes = 8 + (i * 7919 + (uint64_t)list) % (i % 100 == 0 ? 200000 : 300);

			TEST_DEMAND(cell != NULL && cell->next == NULL && cell->id == 0);
			cell->next = next;
			cell->id = next != NULL ? next->id + 1 : 0;
			roots[list] = cell;
			cell->text = smal_alloc_bytes(thread, text_type, bytes);
			TEST_DEMAND(cell->text != NULL);
			snprintf(cell->text, 8, "%07u", (unsigned)(pattern(list, cell->id) % 10000000));
		}
	}
}

static void expect_whole(void)
{
	for (int list = 0; list < LISTS; list++) {
		const struct cell *cell = roots[list];
		uint64_t id = cell != NULL ? cell->id + 1 : 0;

		for (; cell != NULL; cell = cell->next) {
			char text[8];

			snprintf(text, sizeof text, "%07u", (unsigned)(pattern(list, --id) % 10000000));
			TEST_DEMAND(cell->id == id && strcmp(cell->text, text) == 0);
		}
		TEST_DEMAND(id == 0);
	}
}

/* Drops half of the lists, collects, and goes on. */
static void work(unsigned which)
{
	size_t count = few_or(300);
	unsigned before = freed;

	expect_whole();
	for (unsigned list = which % 2; list < LISTS; list += 2)
		roots[list] = NULL;
	TEST_DEMAND(smal_collect(thread) == SMAL_OK);
	TEST_DEMAND(freed > before);
	TEST_DEMAND(smal_check(thread) == SMAL_OK);
	expect_whole();
	grow(count);
	TEST_DEMAND(smal_collect(thread) == SMAL_OK);
	TEST_DEMAND(smal_check(thread) == SMAL_OK);
	expect_whole();
	smal_trim(thread);
}

static void end(void)
{
	TEST_DEMAND(smal_thread_self(gc) == thread);
	TEST_DEMAND(smal_thread_detach(thread) == SMAL_OK);
	TEST_DEMAND(smal_gc_destroy(gc) == SMAL_OK);
	TEST_DEMAND(told.count == 0);
}

static void expect_child(pid_t child)
{
	int status = -1;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child: status %#x", status);
}

/* Children one after another, in children, while the parent works too. */
static void fork_and_work(unsigned depth)
{
	for (unsigned which = 0; which < 3; which++) {
		pid_t child = fork();

		TEST_DEMAND(child >= 0);
		if (child == 0) {
			work(which);
			if (depth > 0)
				fork_and_work(depth - 1);
			end();
			_exit(0);
		}
		work(which + 1);
		if (depth == DEPTH) {
			expect_child(child);
		} else {
			int status;

			TEST_DEMAND(waitpid(child, &status, 0) == child && status == 0);
		}
		expect_whole();
	}
}

static const struct smal_gc_options options[] = {
	{ .pace = SMAL_PACE_OFF, .exact_stacks = 1 },
	{ .pace_bytes = 1 << 20, .exact_stacks = 1 },
	{ .pace_bytes = 1 << 20 },
};

enum { OPTIONS = sizeof options / sizeof *options };

START_TEST(test_fork)
{
	begin(&options[_i]);
	grow(few_or(1000));
	fork_and_work(DEPTH);
	heap_check();
	heap_end();
}
END_TEST

/* With slots that were freed last at hand, callbacks pending and a hole open. */
START_TEST(test_fork_in_the_middle)
{
	pid_t child;

	begin(&options[0]);
	grow(few_or(300));
	roots[0] = NULL;
	smal_gc_set_torture(gc, 1);
	roots[0] = NULL;
	grow(1);
	smal_gc_set_torture(gc, 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(smal_free(thread, smal_alloc(thread, cell_type)), SMAL_OK);
	child = fork();
	if (child == 0) {
		TEST_DEMAND(smal_check(thread) == SMAL_OK);
		TEST_DEMAND(smal_run_frees(thread) > 0);
		grow(10);
		work(0);
		end();
		_exit(0);
	}
	expect_child(child);
	ck_assert_uint_gt(smal_run_frees(thread), 0);
	expect_whole();
	heap_collect();
	heap_end();
}
END_TEST

static Suite *fork_suite(void)
{
	Suite *suite = suite_create("fork");
	TCase *tcase = tcase_create("fork");

	tcase_add_loop_test(tcase, test_fork, 0, OPTIONS);
	tcase_add_test(tcase, test_fork_in_the_middle);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(fork_suite);
}
