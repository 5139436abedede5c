/* SPDX-License-Identifier: MIT */
/*
 * nomem_gc.c: when the system has no memory, a call says so and nothing else
 * has changed: objects are whole, collections work, the checkers find nothing;
 * and when it has some again, work goes on.
 *
 * Every system call is made to fail, one after another: the nth alone, and the
 * nth with all that follow; from the first call of a process on, and in the
 * midst of work. Each time is a process of its own.
 */
#include "test/collector.h"
#include "test/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child has no runner to report to: it says what failed, and ends. */
#define DEMAND(condition)                                                           \
	do {                                                                        \
		if (!(condition)) {                                                 \
			fault_end();                                                \
			fprintf(stderr, "%s:%d: fault %u of %s: failed: %s (%s)\n", \
			        __FILE__, __LINE__, fault_nth, scenario_name,       \
			        #condition, told.what);                             \
			_exit(1);                                                   \
		}                                                                   \
	} while (0)

static unsigned fault_nth;
static const char *scenario_name;

/* ---- What is done ---- */

/* How much of it. */
static unsigned cells(void)
{
	return test_is_slow() ? 300 : 1200;
}

struct cell {
	struct cell *next;
	uintptr_t id;
	unsigned char *text;
};

static struct smal_type *cell_type, *text_type;
/* Cells that the list has, and failures that were seen. */
static uintptr_t cell_count;
static unsigned failures;

static bool failed(enum smal_error error)
{
	DEMAND(error == SMAL_OK || error == SMAL_ERROR_NO_MEMORY);
	failures += error != SMAL_OK;
	return error != SMAL_OK;
}

static bool create(void)
{
	struct smal_gc_options options = { .pace_bytes = 4 << 20, .exact_stacks = 1 };

	return !failed(smal_gc_create(&options, &gc));
}

static bool attach(void)
{
	return !failed(smal_thread_attach(gc, &thread));
}

static bool make_types(void)
{
	struct smal_type_desc cell = { .name = "cell", .bytes = sizeof(struct cell),
		                       .marking = SMAL_MARK_CONSERVATIVE };
	struct smal_type_desc text = { .name = "text" };

	return (cell_type != NULL || !failed(smal_type_create(gc, &cell, &cell_type))) &&
	       (text_type != NULL || !failed(smal_type_create(gc, &text, &text_type)));
}

static bool add_roots(void)
{
	return !failed(smal_root_add(gc, &roots[0], "list"));
}

static bool add_static(void)
{
	return !failed(smal_root_add_static(gc));
}

/* The list is whole. */
static void expect_whole(void)
{
	uintptr_t id = cell_count;

	for (const struct cell *cell = roots[0]; cell != NULL; cell = cell->next) {
		DEMAND(cell->id == --id);
		DEMAND(cell->text == NULL || (cell->text[0] == (id & 0xff) && smal_size(cell->text) > 0));
	}
	DEMAND(id == 0);
}

/* An allocation that must succeed or leave its reason. */
static void *expect_object(void *object)
{
	if (object == NULL) {
		DEMAND(smal_thread_error(thread) == SMAL_ERROR_NO_MEMORY);
		failures++;
	} else {
		DEMAND(*(uintptr_t *)object == 0);
	}
	return object;
}

static size_t text_bytes(uintptr_t id)
{
	return id % 500 == 77 ? (size_t)(test_is_slow() ? 3 : 300) << 20 : id % 100 == 7 ? 150000 + id * 500
	                                          : id % 10 == 3  ? 20000
	                                                          : 8 + id % 700;
}

/* Adds a cell with its text, as far as there is memory. */
static bool add_cell(void)
{
	struct cell *cell = expect_object(smal_alloc(thread, cell_type));

	if (cell == NULL)
		return false;
	cell->id = cell_count++;
	cell->next = roots[0];
	roots[0] = cell;
	cell->text = expect_object(smal_alloc_bytes(thread, text_type, text_bytes(cell->id)));
	if (cell->text == NULL)
		return false;
	cell->text[0] = cell->id & 0xff;
	if (cell->id % 100 == 7) {
		size_t bytes = smal_size(cell->text);
		enum smal_error error = smal_resize(thread, cell->text, bytes + 100000);

		DEMAND(error == SMAL_OK || error == SMAL_ERROR_NO_MEMORY);
		DEMAND(smal_resize(thread, cell->text, bytes - 50000) == SMAL_OK);
	}
	if (cell->id % 500 == 77 || cell->id % 9 == 1) {
		DEMAND(smal_free(thread, cell->text) == SMAL_OK);
		cell->text = NULL;
	}
	return true;
}

static void collect(void)
{
	DEMAND(smal_collect(thread) == SMAL_OK);
	expect_whole();
	DEMAND(smal_check(thread) == SMAL_OK);
}

/* Work; what fails is given up for now. */
static void work(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!add_cell() && failures % 16 == 1)
			collect();
		if (i % 400 == 150)
			collect();
		if (i % 600 == 500) {
			roots[0] = NULL;
			cell_count = 0;
			collect();
			smal_trim(thread);
		}
	}
	collect();
}

static void end(void)
{
	DEMAND(smal_thread_detach(thread) == SMAL_OK);
	DEMAND(smal_gc_destroy(gc) == SMAL_OK);
	DEMAND(told.count == 0);
}

/* Each step until it succeeds; once more without faults. */
static void step(bool (*make)(void))
{
	unsigned before = failures;

	if (make())
		return;
	DEMAND(failures == before + 1);
	if (make())
		return;
	fault_end();
	DEMAND(make());
}

/* From the first system call of the process to the last. */
static void scenario_all(unsigned nth, bool persistent)
{
	fault_begin(nth, persistent);
	step(create);
	step(attach);
	step(make_types);
	step(add_roots);
	step(add_static);
	work(20);
	/* Slow to scan, at every allocation that fails. */
	DEMAND(smal_root_remove(gc, NULL) == SMAL_OK);
	work(cells() / 2);
	fault_end();
	work(cells() / 2);
	end();
}

/* In the midst of work; the fault goes away while it goes on, and all must be
 * had again. */
static void scenario_work(unsigned nth, bool persistent)
{
	unsigned before;

	DEMAND(create() && attach() && make_types() && add_roots());
	work(20);
	fault_begin(nth, persistent);
	work(cells());
	fault_end();
	before = failures;
	for (unsigned i = 0; i < cells(); i++)
		DEMAND(add_cell());
	DEMAND(failures == before);
	collect();
	end();
}

/* A collector ends while nothing can be given back; then all over again. */
static void scenario_end(unsigned nth, bool persistent)
{
	DEMAND(create() && attach() && make_types() && add_roots());
	work(cells() / 2);
	roots[0] = NULL;
	cell_count = 0;
	fault_begin(nth, persistent);
	collect();
	smal_trim(thread);
	end();
	cell_type = text_type = NULL;
	step(create);
	step(attach);
	step(make_types);
	step(add_roots);
	work(200);
	fault_end();
	work(cells() / 2);
	end();
}

static const struct {
	const char *name;
	void (*run)(unsigned nth, bool persistent);
	const char *options;
} scenarios[] = {
	{ "all", scenario_all, "" },
	{ "all, without delay", scenario_all, "decay=0" },
	{ "work", scenario_work, "" },
	{ "work, without delay", scenario_work, "decay=0" },
	{ "end", scenario_end, "" },
	{ "end, without delay", scenario_end, "decay=0" },
};

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* ---- Each in a process ---- */

/* How a child ends: the nth system call was not reached; it was, and no caller
 * saw a failure; or one did. */
enum { NOT_REACHED = 10, SURVIVED, FAILED };

static int run_scenario(int scenario, unsigned nth, bool persistent)
{
	int status = -1;
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		setenv("SMAL_OPTIONS", scenarios[scenario].options, 1);
		scenario_name = scenarios[scenario].name;
		fault_nth = nth;
		cell_type = text_type = NULL;
		told_begin();
		memset(roots, 0, sizeof roots);
		scenarios[scenario].run(nth, persistent);
		_exit(fault_count() < nth ? NOT_REACHED : failures == 0 ? SURVIVED : FAILED);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) >= NOT_REACHED,
	              "%s, fault %u%s: status %#x", scenarios[scenario].name, nth,
	              persistent ? " and all that follow" : "", status);
	return WEXITSTATUS(status);
}

START_TEST(test_faults)
{
	unsigned nth = 1, step_by = test_is_slow() ? 17 : 1, failed_runs = 0;
	int result;

	while ((result = run_scenario(_i / 2, nth, _i % 2 != 0)) != NOT_REACHED) {
		nth += step_by;
		failed_runs += result == FAILED;
	}
	ck_assert_uint_gt(nth, 1);
	/* One fault alone need not be seen: what could not be had is asked for again. */
	if (!test_is_slow() && _i % 2 != 0)
		ck_assert_uint_gt(failed_runs, 0);
}
END_TEST

/* ---- A system that has little ---- */

/* Bytes of addresses that this process has. */
static rlim_t address_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file == NULL || fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	if (file != NULL)
		fclose(file);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Addresses are limited, so that no large reservation can be had. */
static void live_with_little(rlim_t bytes)
{
	struct rlimit limit = { bytes, bytes };
	unsigned before;

	scenario_name = "little";
	DEMAND(setrlimit(RLIMIT_AS, &limit) == 0);
	told_begin();
	DEMAND(create() && attach() && make_types() && add_roots());
	DEMAND(smal_gc_set_pace(gc, SMAL_PACE_OFF, 0, 0) == SMAL_OK);
	for (int round = 0; round < 3; round++) {
		before = failures;
		for (cell_count = 0; failures == before;) {
			struct cell *cell = expect_object(smal_alloc(thread, cell_type));

			if (cell == NULL)
				break;
			cell->id = cell_count++;
			cell->next = roots[0];
			roots[0] = cell;
			cell->text = expect_object(smal_alloc_bytes(
				thread, text_type, round == 0 ? 1000 : round == 1 ? 50000 : 1000000));
			if (cell->text != NULL)
				cell->text[0] = cell->id & 0xff;
		}
		DEMAND(cell_count > 2);
		DEMAND(smal_alloc_bytes(thread, text_type, (size_t)1 << 40) == NULL);
		collect();
		/* Without the half of it there is room again. */
		for (uintptr_t drop = cell_count / 2; drop > 0; drop--) {
			roots[0] = ((struct cell *)roots[0])->next;
			cell_count--;
		}
		for (int i = 0; i < 10; i++)
			DEMAND(smal_alloc_bytes(thread, text_type, 1000) != NULL);
		collect();
		roots[0] = NULL;
		cell_count = 0;
		collect();
	}
	end();
}

START_TEST(test_little)
{
	static const rlim_t more[] = { 24 << 20, 100 << 20, 700 << 20 };
	int status = -1;
	pid_t child;

	if (test_is_slow() || address_bytes() == 0) /* a tool's own memory is beyond any limit */
		return;
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		live_with_little(address_bytes() + more[_i]);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", status);
}
END_TEST

static Suite *nomem_suite(void)
{
	Suite *suite = suite_create("nomem gc");
	TCase *faults = tcase_create("faults");
	TCase *little = tcase_create("little");

	tcase_add_loop_test(faults, test_faults, 0, 2 * SCENARIOS);
	suite_add_tcase(suite, faults);
	tcase_add_loop_test(little, test_little, 0, 3);
	suite_add_tcase(suite, little);
	return suite;
}

int main(void)
{
	return test_main(nomem_suite);
}
