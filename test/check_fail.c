/* SPDX-License-Identifier: MIT */
/*
 * check_fail.c: a caller's mistake reaches the sink with everything that is
 * known of it, and the call it was made in returns the error.
 */
#include "test/support.h"

#include <smal/base/fail.h>

#include <string.h>

static struct smal_report told;
static char told_detail[512];
static unsigned told_count;

static void remember(const struct smal_report *report, void *user)
{
	told = *report;
	strncpy(told_detail, report->detail, sizeof told_detail - 1);
	*(unsigned *)user += 1;
}

static enum smal_error half(int n, int *result)
{
	SMAL_REQUIRE(n >= 0, SMAL_ERROR_INVALID, "negative number", &n, "%d, not %s", n, "more");
	SMAL_REQUIRE(n % 2 == 0, SMAL_ERROR_TOO_LARGE, "odd number", NULL, "%s", "");
	*result = n / 2;
	return SMAL_OK;
}

START_TEST(test_require)
{
	int result = 77;

	smal_error_set_sink(remember, &told_count);
	ck_assert_int_eq(half(8, &result), SMAL_OK);
	ck_assert_int_eq(result, 4);
	ck_assert_uint_eq(told_count, 0);
	ck_assert_int_eq(half(-3, &result), SMAL_ERROR_INVALID);
	ck_assert_uint_eq(told_count, 1);
	ck_assert_int_eq(told.error, SMAL_ERROR_INVALID);
	ck_assert_str_eq(told.function, "half");
	ck_assert_str_eq(told.what, "negative number");
	ck_assert_str_eq(told_detail, "-3, not more");
	ck_assert_ptr_nonnull(told.pointer);
	ck_assert_int_eq(half(7, &result), SMAL_ERROR_TOO_LARGE);
	ck_assert_uint_eq(told_count, 2);
	ck_assert_ptr_null(told.pointer);
	ck_assert_str_eq(told_detail, "");
	ck_assert_int_eq(result, 4);
	smal_error_set_sink(NULL, NULL);
}
END_TEST

/* A detail of any length is cut, not overrun. */
START_TEST(test_long_detail)
{
	char text[2000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = 0;
	smal_error_set_sink(remember, &told_count);
	ck_assert_int_eq(smal_fail(SMAL_ERROR_BUSY, "f", "what", NULL, "%s", text),
	                 SMAL_ERROR_BUSY);
	ck_assert_uint_lt(strlen(told_detail), 256);
	ck_assert_uint_gt(strlen(told_detail), 100);
	ck_assert_mem_eq(told_detail, text, strlen(told_detail));
	smal_error_set_sink(NULL, NULL);
}
END_TEST

static Suite *fail_suite(void)
{
	Suite *suite = suite_create("fail");
	TCase *tcase = tcase_create("fail");

	tcase_add_test(tcase, test_require);
	tcase_add_test(tcase, test_long_detail);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(fail_suite);
}
