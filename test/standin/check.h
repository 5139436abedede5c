/* SPDX-License-Identifier: MIT */
/*
 * check.h: the part of the Check unit test framework that the tests use, for
 * machines that Check is not there for (configure --with-check=standin).
 *
 * pkg-config knows the Check of the machine that builds; a 32-bit build on a
 * 64-bit machine, or a cross build, usually has none. The names, the verdicts
 * and the last line of the output are those of Check. As there, every test runs
 * in a child process, which is killed when its time is up; CK_FORK=no runs all
 * in this one, up to the first failure.
 *
 *     Suite -> TCase -> test        singly linked, in the order of addition
 */
#ifndef SMAL_TEST_STANDIN_CHECK_H
#define SMAL_TEST_STANDIN_CHECK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define CK_UNUSED __attribute__((unused))

typedef void standin_function(int _i);

struct standin_test {
	struct standin_test *next;
	const char *name;
	standin_function *function;
	int begin, limit;
	int signal_expected, exit_expected;
};

typedef struct standin_case {
	struct standin_case *next;
	const char *name;
	struct standin_test *first, **last;
	void (*setup)(void);
	void (*teardown)(void);
	void (*once_setup)(void);
	void (*once_teardown)(void);
	double timeout_seconds;
} TCase;

typedef struct standin_suite {
	const char *name;
	TCase *first, **last;
} Suite;

typedef struct standin_runner {
	Suite *suite;
	int checks, failures, errors;
} SRunner;

enum print_output { CK_SILENT, CK_MINIMAL, CK_NORMAL, CK_VERBOSE, CK_ENV };

typedef struct {
	const char *name;
	standin_function *function;
} standin_entry;

#define START_TEST(test)                                        \
	static void test##_fn(int _i);                          \
	static const standin_entry test = { #test, test##_fn }; \
	static void test##_fn(int _i CK_UNUSED)
#define END_TEST

static inline Suite *suite_create(const char *name)
{
	Suite *suite = calloc(1, sizeof *suite);

	suite->name = name;
	suite->last = &suite->first;
	return suite;
}

static inline TCase *tcase_create(const char *name)
{
	const char *timeout = getenv("CK_DEFAULT_TIMEOUT");
	TCase *tcase = calloc(1, sizeof *tcase);

	tcase->name = name;
	tcase->last = &tcase->first;
	tcase->timeout_seconds = timeout != NULL ? atof(timeout) : 4;
	return tcase;
}

static inline void suite_add_tcase(Suite *suite, TCase *tcase)
{
	*suite->last = tcase;
	suite->last = &tcase->next;
}

static inline void standin_add(TCase *tcase, standin_entry entry, int signal_expected,
                               int exit_expected, int begin, int limit)
{
	struct standin_test *test = calloc(1, sizeof *test);

	*test = (struct standin_test){ NULL,  entry.name,      entry.function, begin,
		                       limit, signal_expected, exit_expected };
	*tcase->last = test;
	tcase->last = &test->next;
}

#define tcase_add_test(tcase, test) standin_add(tcase, test, 0, 0, 0, 1)
#define tcase_add_loop_test(tcase, test, begin, limit) standin_add(tcase, test, 0, 0, begin, limit)
#define tcase_add_test_raise_signal(tcase, test, number) standin_add(tcase, test, number, 0, 0, 1)
#define tcase_add_loop_test_raise_signal(tcase, test, number, begin, limit) \
	standin_add(tcase, test, number, 0, begin, limit)
#define tcase_add_exit_test(tcase, test, status) standin_add(tcase, test, 0, status, 0, 1)

static inline void tcase_add_checked_fixture(TCase *tcase, void (*setup)(void),
                                             void (*teardown)(void))
{
	tcase->setup = setup;
	tcase->teardown = teardown;
}

static inline void tcase_add_unchecked_fixture(TCase *tcase, void (*setup)(void),
                                               void (*teardown)(void))
{
	tcase->once_setup = setup;
	tcase->once_teardown = teardown;
}

static inline void tcase_set_timeout(TCase *tcase, double seconds)
{
	tcase->timeout_seconds = seconds;
}

static inline SRunner *srunner_create(Suite *suite)
{
	SRunner *runner = calloc(1, sizeof *runner);

	runner->suite = suite;
	return runner;
}

enum { STANDIN_FAILED = 99 };

static inline bool standin_forks(void)
{
	const char *fork_wanted = getenv("CK_FORK");

	return fork_wanted == NULL || strcmp(fork_wanted, "no") != 0;
}

static inline void standin_body(const TCase *tcase, const struct standin_test *test, int i)
{
	if (tcase->setup != NULL)
		tcase->setup();
	test->function(i);
	if (tcase->teardown != NULL)
		tcase->teardown();
}

/* Runs one iteration of a test and counts the verdict. */
static inline void standin_run(SRunner *runner, const TCase *tcase, const struct standin_test *test,
                               int i)
{
	int status = 0;
	pid_t child;

	runner->checks++;
	if (!standin_forks()) {
		standin_body(tcase, test, i);
		return;
	}
	fflush(NULL);
	child = fork();
	if (child == 0) {
		alarm((unsigned)tcase->timeout_seconds);
		standin_body(tcase, test, i);
		exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		status = -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == STANDIN_FAILED) {
		runner->failures++;
	} else if (WIFSIGNALED(status) ? WTERMSIG(status) != test->signal_expected
	                               : test->signal_expected != 0 || !WIFEXITED(status) ||
	                                         WEXITSTATUS(status) != test->exit_expected) {
		runner->errors++;
		printf("%s:%s:%d: ended by %s %d\n", tcase->name, test->name, i,
		       WIFSIGNALED(status) ? "signal" : "status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
}

static inline void srunner_run_all(SRunner *runner, enum print_output output)
{
	const char *only = getenv("CK_RUN_CASE");
	int bad;

	(void)output;
	printf("Running suite(s): %s\n", runner->suite->name);
	for (TCase *tcase = runner->suite->first; tcase != NULL; tcase = tcase->next) {
		if (only != NULL && strcmp(only, tcase->name) != 0)
			continue;
		if (tcase->once_setup != NULL)
			tcase->once_setup();
		for (struct standin_test *test = tcase->first; test != NULL; test = test->next) {
			/* Expected ends by a signal or a status need the child. */
			if (!standin_forks() && (test->signal_expected || test->exit_expected))
				continue;
			for (int i = test->begin; i < test->limit; i++)
				standin_run(runner, tcase, test, i);
		}
		if (tcase->once_teardown != NULL)
			tcase->once_teardown();
	}
	bad = runner->failures + runner->errors;
	printf("%d%%: Checks: %d, Failures: %d, Errors: %d\n",
	       runner->checks == 0 ? 100 : (runner->checks - bad) * 100 / runner->checks,
	       runner->checks, runner->failures, runner->errors);
	fflush(stdout);
}

static inline int srunner_ntests_failed(SRunner *runner)
{
	return runner->failures + runner->errors;
}

static inline void srunner_free(SRunner *runner)
{
	for (TCase *tcase = runner->suite->first, *next; tcase != NULL; tcase = next) {
		next = tcase->next;
		for (struct standin_test *test = tcase->first, *after; test != NULL; test = after) {
			after = test->next;
			free(test);
		}
		free(tcase);
	}
	free(runner->suite);
	free(runner);
}

/* ---- Assertions ---- */

#define standin_fail(...)                                            \
	do {                                                         \
		printf("%s:%d: %s: ", __FILE__, __LINE__, __func__); \
		printf(__VA_ARGS__);                                 \
		printf("\n");                                        \
		fflush(stdout);                                      \
		_exit(STANDIN_FAILED);                               \
	} while (0)

#define ck_assert_msg(condition, ...)              \
	do {                                       \
		if (!(condition))                  \
			standin_fail(__VA_ARGS__); \
	} while (0)
#define ck_assert(condition) ck_assert_msg(condition, "failed: %s", #condition)
#define ck_abort_msg(...) standin_fail(__VA_ARGS__)
#define ck_abort() standin_fail("ck_abort")

#define STANDIN_COMPARE(type, format, x, op, y)                                            \
	do {                                                                               \
		type standin_x = (x);                                                      \
		type standin_y = (y);                                                      \
		ck_assert_msg(standin_x op standin_y, "failed: %s: %" format ", %" format, \
		              #x " " #op " " #y, standin_x, standin_y);                    \
	} while (0)
#define STANDIN_STRINGS(x, op, y)                                              \
	do {                                                                   \
		const char *standin_x = (x), *standin_y = (y);                 \
		ck_assert_msg(standin_x != NULL && standin_y != NULL &&        \
		                      strcmp(standin_x, standin_y) op 0,       \
		              "failed: %s: \"%s\", \"%s\"", #x " " #op " " #y, \
		              standin_x != NULL ? standin_x : "(null)",        \
		              standin_y != NULL ? standin_y : "(null)");       \
	} while (0)
#define STANDIN_BYTES(x, op, y, bytes) \
	ck_assert_msg(memcmp(x, y, bytes) op 0, "failed: %s: bytes", #x " " #op " " #y)

#define ck_assert_int_eq(x, y) STANDIN_COMPARE(intmax_t, "jd", x, ==, y)
#define ck_assert_int_ne(x, y) STANDIN_COMPARE(intmax_t, "jd", x, !=, y)
#define ck_assert_int_lt(x, y) STANDIN_COMPARE(intmax_t, "jd", x, <, y)
#define ck_assert_int_le(x, y) STANDIN_COMPARE(intmax_t, "jd", x, <=, y)
#define ck_assert_int_gt(x, y) STANDIN_COMPARE(intmax_t, "jd", x, >, y)
#define ck_assert_int_ge(x, y) STANDIN_COMPARE(intmax_t, "jd", x, >=, y)
#define ck_assert_uint_eq(x, y) STANDIN_COMPARE(uintmax_t, "ju", x, ==, y)
#define ck_assert_uint_ne(x, y) STANDIN_COMPARE(uintmax_t, "ju", x, !=, y)
#define ck_assert_uint_lt(x, y) STANDIN_COMPARE(uintmax_t, "ju", x, <, y)
#define ck_assert_uint_le(x, y) STANDIN_COMPARE(uintmax_t, "ju", x, <=, y)
#define ck_assert_uint_gt(x, y) STANDIN_COMPARE(uintmax_t, "ju", x, >, y)
#define ck_assert_uint_ge(x, y) STANDIN_COMPARE(uintmax_t, "ju", x, >=, y)
#define ck_assert_double_eq(x, y) STANDIN_COMPARE(double, "g", x, ==, y)
#define ck_assert_double_lt(x, y) STANDIN_COMPARE(double, "g", x, <, y)
#define ck_assert_double_le(x, y) STANDIN_COMPARE(double, "g", x, <=, y)
#define ck_assert_double_gt(x, y) STANDIN_COMPARE(double, "g", x, >, y)
#define ck_assert_double_ge(x, y) STANDIN_COMPARE(double, "g", x, >=, y)
#define ck_assert_ptr_eq(x, y) STANDIN_COMPARE(const void *, "p", x, ==, y)
#define ck_assert_ptr_ne(x, y) STANDIN_COMPARE(const void *, "p", x, !=, y)
#define ck_assert_ptr_null(x) ck_assert_ptr_eq(x, NULL)
#define ck_assert_ptr_nonnull(x) ck_assert_ptr_ne(x, NULL)
#define ck_assert_str_eq(x, y) STANDIN_STRINGS(x, ==, y)
#define ck_assert_str_ne(x, y) STANDIN_STRINGS(x, !=, y)
#define ck_assert_mem_eq(x, y, bytes) STANDIN_BYTES(x, ==, y, bytes)
#define ck_assert_mem_ne(x, y, bytes) STANDIN_BYTES(x, !=, y, bytes)

#endif
