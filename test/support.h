/* SPDX-License-Identifier: MIT */
/*
 * support.h: what the tests share: a main, random numbers that can be repeated,
 * and a look at this process from outside.
 *
 * Environment: SMAL_TEST_SEED=N repeats a run's random numbers; SMAL_TEST_LONG=1
 * asks for the long versions of tests (make check-all).
 */
#ifndef SMAL_TEST_SUPPORT_H
#define SMAL_TEST_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Runs a suite: `int main(void) { return test_main(suite); }`. Prints the seed
 * first and Check's summary last, and returns the exit status. A test may take
 * two minutes, or 20 with SMAL_TEST_LONG, unless its case says otherwise.
 */
int test_main(Suite *(*suite)(void));

/* True if SMAL_TEST_LONG is set. */
bool test_long(void);

/* The run's seed: SMAL_TEST_SEED, or the time; constant during a run. */
uint64_t test_seed(void);

/* A generator (splitmix64); any state is a good one. */
struct test_random {
	uint64_t state;
};

/* Starts a generator from the run's seed. Different streams of one run are
 * unrelated. */
void test_random_init(struct test_random *random, uint64_t stream);
uint64_t test_random_next(struct test_random *random);
/* A number below limit, which is at least 1. */
uint64_t test_random_below(struct test_random *random, uint64_t limit);

/* For what is asked millions of times: Check notes each of its own assertions in
 * a file, whether they hold or not. */
#define EXPECT(condition)                                       \
	do {                                                    \
		if (__builtin_expect(!(condition), 0))          \
			ck_abort_msg("failed: %s", #condition); \
	} while (0)

/* In a child, which has no runner to report to: says what failed, and ends it. */
#define TEST_DEMAND(condition)                                         \
	do {                                                           \
		if (__builtin_expect(!(condition), 0))                 \
			test_demanded(#condition, __FILE__, __LINE__); \
	} while (0)

_Noreturn void test_demanded(const char *condition, const char *file, int line);

/* Sets a field to a wrong value, sees it found, mends it, and sees that it is: the
 * last two are calls that fail the test otherwise. */
#define TEST_BREAK(field, value, see_broken, see_mended) \
	do {                                             \
		__typeof__(field) test_had = (field);    \
		(field) = (value);                       \
		see_broken;                              \
		(field) = test_had;                      \
		see_mended;                              \
	} while (0)

/* What the functions below return where the system does not tell. */
#define TEST_UNKNOWN SIZE_MAX

/* Mappings of this process. */
size_t test_mappings(void);
/* Memory of this process that is resident; that is its own and was written
 * to. */
size_t test_resident_bytes(void);
size_t test_private_dirty_bytes(void);

/* True under memcheck or a sanitizer, where time and memory prove nothing and
 * counts of operations are better divided by ten. */
bool test_is_slow(void);

/* ---- Units, and numbers that shall be equal ---- */

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* As EXPECT, with the two numbers in the message. */
#define EXPECT_EQ(x, y)                                                                           \
	do {                                                                                      \
		unsigned long long expect_x = (x), expect_y = (y);                                \
		if (__builtin_expect(expect_x != expect_y, 0))                                    \
			ck_abort_msg("failed: %s == %s: %llu, %llu", #x, #y, expect_x, expect_y); \
	} while (0)

#endif
