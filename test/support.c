/* SPDX-License-Identifier: MIT */
/*
 * support.c: what the tests share (support.h).
 */
#include "test/support.h"

#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_VALGRIND_MEMCHECK_H
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

bool test_long(void)
{
	const char *text = getenv("SMAL_TEST_LONG");

	return text != NULL && *text != 0 && strcmp(text, "0") != 0;
}

bool test_is_slow(void)
{
	return SANITIZED || RUNNING_ON_VALGRIND != 0;
}

uint64_t test_seed(void)
{
	static uint64_t seed;
	const char *text = getenv("SMAL_TEST_SEED");

	if (text != NULL)
		return strtoull(text, NULL, 0);
	if (seed == 0)
		seed = (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
	return seed;
}

void test_demanded(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: process %d: failed: %s\n", file, line, (int)getpid(), condition);
	_exit(1);
}

/* The constants are those of splitmix64, by Steele, Lea and Flood. */
uint64_t test_random_next(struct test_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void test_random_init(struct test_random *random, uint64_t stream)
{
	random->state = stream;
	random->state = test_random_next(random) ^ test_seed();
}

uint64_t test_random_below(struct test_random *random, uint64_t limit)
{
	/* The bias is below limit / 2^64. */
	return test_random_next(random) % limit;
}

/*
 * Calls line(text, argument) for each line of a file, without allocation or
 * stdio, so that counting mappings makes none. False if it can't be read.
 */
static bool each_line(const char *path, void (*line)(const char *text, void *argument),
                      void *argument)
{
	char buffer[4096];
	size_t filled = 0;
	ssize_t n;
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return false;
	while ((n = read(file, buffer + filled, sizeof buffer - 1 - filled)) > 0) {
		char *at = buffer, *end;

		filled += (size_t)n;
		buffer[filled] = 0;
		while ((end = strchr(at, '\n')) != NULL) {
			*end = 0;
			line(at, argument);
			at = end + 1;
		}
		filled -= (size_t)(at - buffer);
		memmove(buffer, at, filled);
	}
	close(file);
	return n == 0;
}

static void count_line(const char *text, void *count)
{
	(void)text;
	++*(size_t *)count;
}

size_t test_mappings(void)
{
	size_t count = 0;

	return each_line("/proc/self/maps", count_line, &count) ? count : TEST_UNKNOWN;
}

struct wanted {
	const char *name;
	size_t bytes;
};

static void read_kilobytes(const char *text, void *argument)
{
	struct wanted *wanted = argument;
	size_t n = strlen(wanted->name);

	if (strncmp(text, wanted->name, n) == 0 && text[n] == ':')
		wanted->bytes = strtoull(text + n + 1, NULL, 10) * 1024;
}

static size_t rollup(const char *name)
{
	struct wanted wanted = { name, TEST_UNKNOWN };

	return each_line("/proc/self/smaps_rollup", read_kilobytes, &wanted) ? wanted.bytes
	                                                                     : TEST_UNKNOWN;
}

size_t test_resident_bytes(void)
{
	return rollup("Rss");
}

size_t test_private_dirty_bytes(void)
{
	return rollup("Private_Dirty");
}

int test_main(Suite *(*suite)(void))
{
	SRunner *runner;
	int failed;

	setenv("CK_DEFAULT_TIMEOUT", test_long() ? "1200" : "120", 0);
	printf("seed %" PRIu64 " (SMAL_TEST_SEED=%" PRIu64 " repeats this run)\n", test_seed(),
	       test_seed());
	runner = srunner_create(suite());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
