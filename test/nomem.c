/* SPDX-License-Identifier: MIT */
/*
 * nomem.c: scenarios in which memory fails (nomem.h).
 */
#include "test/nomem.h"
#include "test/fault.h"

#include <smal/base/atomic.h>
#include <smal/space/space.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that takes longer hangs. */
enum { CHILD_SECONDS = 100 };

/* How a child ends: there was no such request; there was, and nobody saw it
 * refused; or somebody did. */
enum { NOT_REACHED = 10, SURVIVED, FAILED };

static const char *scenario_name;
static enum nomem_source source;
static uint64_t nth;
static bool persistent;
static volatile AO_t requests, failures;
static volatile AO_t refusing;

/* ---- The collector's requests ---- */

void *__real_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed);
void *__wrap_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed);
void *__real_smal_element_take(struct smal_space *space, size_t bytes);
void *__wrap_smal_element_take(struct smal_space *space, size_t bytes);

static bool is_refused(void)
{
	uint64_t n;

	if (smal_atomic_load(&refusing) == 0)
		return false;
	n = smal_atomic_add(&requests, 1) + 1;
	return n == nth || (persistent && n > nth);
}

void *__wrap_smal_space_take(struct smal_space *space, size_t bytes, size_t align_bytes,
                             bool *zeroed)
{
	return is_refused() ? NULL : __real_smal_space_take(space, bytes, align_bytes, zeroed);
}

void *__wrap_smal_element_take(struct smal_space *space, size_t bytes)
{
	return is_refused() ? NULL : __real_smal_element_take(space, bytes);
}

/* ---- In a child ---- */

void nomem_begin(void)
{
	if (source == NOMEM_SYSTEM)
		fault_begin(nth, persistent);
	else
		smal_atomic_store(&refusing, 1);
}

void nomem_end(void)
{
	fault_end();
	smal_atomic_store(&refusing, 0);
}

static uint64_t request_count(void)
{
	return source == NOMEM_SYSTEM ? fault_count() : smal_atomic_load(&requests);
}

void nomem_demanded(const char *condition, const char *file, int line)
{
	nomem_end();
	fprintf(stderr, "%s:%d: %s, %s request %llu%s: failed: %s (%u told: %s: %s)\n", file, line,
	        scenario_name, source == NOMEM_SYSTEM ? "system" : "library",
	        (unsigned long long)nth, persistent ? " and all that follow" : "", condition,
	        told.count, told.function, told.what);
	_exit(1);
}

unsigned nomem_failures(void)
{
	return (unsigned)smal_atomic_load(&failures);
}

bool nomem_failed(enum smal_error error)
{
	DEMAND(error == SMAL_OK || error == SMAL_ERROR_NO_MEMORY);
	if (error != SMAL_OK)
		smal_atomic_add(&failures, 1);
	return error != SMAL_OK;
}

bool nomem_failed_object(struct smal_thread *of, const void *object)
{
	return object == NULL &&
	       nomem_failed(smal_thread_error(of) != SMAL_OK ? smal_thread_error(of)
	                                                     : SMAL_ERROR_CORRUPT);
}

void nomem_step(enum smal_error (*make)(void))
{
	if (!nomem_failed(make()) || !nomem_failed(make()))
		return;
	nomem_end();
	DEMAND(make() == SMAL_OK);
}

enum smal_error nomem_create(void)
{
	struct smal_gc_options options = { .pace_bytes = 1 << 20, .exact_stacks = 1 };

	return smal_gc_create(&options, &gc);
}

enum smal_error nomem_attach(void)
{
	return smal_thread_attach(gc, &thread);
}

static int run(const struct nomem_scenario *scenario)
{
	int status = -1;
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		alarm(CHILD_SECONDS);
		setenv("SMAL_OPTIONS", scenario->options != NULL ? scenario->options : "", 1);
		scenario_name = scenario->name;
		told_begin();
		memset(roots, 0, sizeof roots);
		scenario->run();
		DEMAND(told.count == 0);
		_exit(request_count() < nth              ? NOT_REACHED
		      : smal_atomic_load(&failures) == 0 ? SURVIVED
		                                         : FAILED);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) >= NOT_REACHED,
	              "%s, %s request %llu%s: status %#x", scenario->name,
	              source == NOMEM_SYSTEM ? "system" : "library", (unsigned long long)nth,
	              persistent ? " and all that follow" : "", status);
	return WEXITSTATUS(status);
}

void nomem_sweep(const struct nomem_scenario *scenario, enum nomem_source from, bool on)
{
	unsigned step = test_is_slow() ? 23 : 1, failed = 0;
	int result;

	source = from;
	persistent = on;
	for (nth = 1; (result = run(scenario)) != NOT_REACHED; nth += step)
		failed += result == FAILED;
	ck_assert_uint_gt(nth, 1);
	if (scenario->seen == NOMEM_UNSEEN)
		ck_assert_uint_eq(failed, 0);
	/* What the system is asked for may be less than what it is told. */
	else if (!test_is_slow() && from == NOMEM_LIBRARY)
		ck_assert_uint_gt(failed, 0);
}

/* ---- A program of scenarios ---- */

static const struct nomem_scenario *all;
static int all_count;
static const char *all_name;

START_TEST(test_system)
{
	nomem_sweep(&all[_i / 2], NOMEM_SYSTEM, (_i & 1) != 0);
}
END_TEST

START_TEST(test_library)
{
	nomem_sweep(&all[_i / 2], NOMEM_LIBRARY, (_i & 1) != 0);
}
END_TEST

void nomem_add(TCase *tcase, const struct nomem_scenario *scenarios, int system, int library)
{
	all = scenarios;
	tcase_add_loop_test(tcase, test_system, 0, 2 * system);
	tcase_add_loop_test(tcase, test_library, 0, 2 * library);
}

static Suite *nomem_suite(void)
{
	Suite *suite = suite_create(all_name);
	TCase *refused = tcase_create("refused");

	nomem_add(refused, all, all_count, all_count);
	suite_add_tcase(suite, refused);
	return suite;
}

int nomem_main(const char *name, const struct nomem_scenario *scenarios, int count)
{
	all = scenarios;
	all_count = count;
	all_name = name;
	return test_main(nomem_suite);
}
