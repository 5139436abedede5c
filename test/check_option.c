/* SPDX-License-Identifier: MIT */
/*
 * check_option.c: what SMAL_OPTIONS may say, what it then means, and that
 * anything else is named and changes nothing.
 */
#include "test/support.h"

#include <smal/base/option.h>

#include <stdio.h>
#include <string.h>

static struct smal_options parse(const char *text, const char *bad)
{
	struct smal_options options;
	const char *answer;

	memset(&options, 0xa5, sizeof options);
	answer = smal_options_parse(&options, text);
	if (bad == NULL)
		ck_assert_msg(answer == NULL, "\"%s\": %s is unknown", text, answer);
	else
		ck_assert_msg(answer != NULL && strcmp(answer, bad) == 0, "\"%s\": %s, not %s",
		              text, answer != NULL ? answer : "nothing is unknown", bad);
	return options;
}

static void expect_defaults(const char *text, const char *bad)
{
	struct smal_options options = parse(text, bad);

	ck_assert_uint_eq(options.torture, 0);
	ck_assert(!options.check_mark);
	ck_assert(!options.check_all);
	ck_assert(!options.log);
	ck_assert_uint_eq(options.decay_ms, 1000);
	ck_assert(!options.decay_given);
}

START_TEST(test_defaults)
{
	expect_defaults(NULL, NULL);
	expect_defaults("", NULL);
	expect_defaults(",", NULL);
	expect_defaults(",,,", NULL);
}
END_TEST

START_TEST(test_words)
{
	struct smal_options options = parse("torture=10", NULL);

	ck_assert_uint_eq(options.torture, 10);
	options = parse("decay=0", NULL);
	ck_assert_uint_eq(options.decay_ms, 0);
	ck_assert(options.decay_given);
	options = parse("decay=4294967295", NULL);
	ck_assert_uint_eq(options.decay_ms, 4294967295u);
	options = parse("decay=1000", NULL);
	ck_assert(options.decay_ms == 1000 && options.decay_given);
	options = parse("check=mark", NULL);
	ck_assert(!options.decay_given);
	ck_assert(options.check_mark && !options.check_all);
	options = parse("check=all", NULL);
	ck_assert(options.check_mark && options.check_all);
	options = parse("log", NULL);
	ck_assert(options.log);
	options = parse("log,,torture=3,decay=7,check=mark,torture=4,", NULL);
	ck_assert(options.log && options.check_mark && !options.check_all);
	ck_assert_uint_eq(options.torture, 4);
	ck_assert_uint_eq(options.decay_ms, 7);
}
END_TEST

/* The first unknown word is where the answer begins; it goes on to the end. */
START_TEST(test_unknown)
{
	expect_defaults("tortur=10", "tortur=10");
	expect_defaults("torture", "torture");
	expect_defaults("torture=", "torture=");
	expect_defaults("torture=x", "torture=x");
	expect_defaults("torture=1x", "torture=1x");
	expect_defaults("torture=-1", "torture=-1");
	expect_defaults("torture= 1", "torture= 1");
	expect_defaults("torture=4294967296", "torture=4294967296");
	expect_defaults("torture=99999999999999999999999999", "torture=99999999999999999999999999");
	expect_defaults("check", "check");
	expect_defaults("check=", "check=");
	expect_defaults("check=marks", "check=marks");
	expect_defaults("logs", "logs");
	expect_defaults("lo", "lo");
	expect_defaults(" log", " log");
	ck_assert(parse("what,log", "what,log").log);
	ck_assert(parse("log,what,why", "what,why").log);
}
END_TEST

/* Any text ends, and is read no further than its end. */
START_TEST(test_noise)
{
	static const char letters[] = "torture=,check=mark,all,log,decay=0123456789";
	struct test_random random;

	test_random_init(&random, 1);
	for (int i = 0; i < 20000; i++) {
		size_t n = test_random_below(&random, 40);
		struct smal_options options;
		char text[41];
		const char *bad;

		for (size_t at = 0; at < n; at++)
			text[at] = letters[test_random_below(&random, sizeof letters - 1)];
		text[n] = 0;
		bad = smal_options_parse(&options, text);
		ck_assert(bad == NULL || (bad >= text && bad < text + n));
	}
}
END_TEST

static Suite *option_suite(void)
{
	Suite *suite = suite_create("option");
	TCase *tcase = tcase_create("option");

	tcase_add_test(tcase, test_defaults);
	tcase_add_test(tcase, test_words);
	tcase_add_test(tcase, test_unknown);
	tcase_add_test(tcase, test_noise);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(option_suite);
}
