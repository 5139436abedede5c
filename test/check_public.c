/* SPDX-License-Identifier: MIT */
/*
 * check_public.c: what the public headers promise by themselves: the version,
 * the error texts, the arithmetic of the size classes.
 */
#include "test/support.h"

#include <smal.h>

#include <stdio.h>
#include <string.h>

START_TEST(test_version)
{
	char text[64];

	snprintf(text, sizeof text, "%d.%d.%d", SMAL_VERSION_MAJOR, SMAL_VERSION_MINOR,
	         SMAL_VERSION_PATCH);
	ck_assert_str_eq(smal_version(), text);
}
END_TEST

START_TEST(test_error_texts)
{
	const char *texts[SMAL_ERROR_CORRUPT + 1];

	for (int i = SMAL_OK; i <= SMAL_ERROR_CORRUPT; i++) {
		texts[i] = smal_error_text((enum smal_error)i);
		ck_assert_ptr_nonnull(texts[i]);
		ck_assert_str_ne(texts[i], "");
		for (int j = SMAL_OK; j < i; j++)
			ck_assert_str_ne(texts[i], texts[j]);
	}
	ck_assert_ptr_nonnull(smal_error_text((enum smal_error)(SMAL_ERROR_CORRUPT + 1)));
}
END_TEST

/* Every size has the smallest class that it fits in. */
START_TEST(test_class_of_size)
{
	for (size_t bytes = 1; bytes <= SMAL_LARGE_BYTES; bytes++) {
		size_t index = smal_class_index(bytes);

		ck_assert_uint_lt(index, SMAL_CLASSES);
		ck_assert_uint_ge(smal_class_bytes(index), bytes);
		if (index > 0)
			ck_assert_uint_lt(smal_class_bytes(index - 1), bytes);
	}
	ck_assert_uint_eq(smal_class_index(1), 0);
	ck_assert_uint_eq(smal_class_index(SMAL_LARGE_BYTES), SMAL_CLASSES - 1);
}
END_TEST

/* Classes rise, in steps of 16 bytes to 128, then of at most an eighth. */
START_TEST(test_class_steps)
{
	for (size_t index = 0; index < SMAL_CLASSES; index++) {
		size_t bytes = smal_class_bytes(index);

		ck_assert_uint_eq(smal_class_index(bytes), index);
		ck_assert_uint_eq(bytes % 16, 0);
		if (index > 0) {
			size_t below = smal_class_bytes(index - 1);

			ck_assert_uint_gt(bytes, below);
			if (bytes <= 128)
				ck_assert_uint_eq(bytes - below, 16);
			else
				ck_assert_uint_le((bytes - below) * 8, below);
		}
	}
	ck_assert_uint_eq(smal_class_bytes(SMAL_CLASSES - 1), SMAL_LARGE_BYTES);
}
END_TEST

static Suite *public_suite(void)
{
	Suite *suite = suite_create("public");
	TCase *constants = tcase_create("constants");
	TCase *classes = tcase_create("classes");

	tcase_add_test(constants, test_version);
	tcase_add_test(constants, test_error_texts);
	suite_add_tcase(suite, constants);

	tcase_add_test(classes, test_class_of_size);
	tcase_add_test(classes, test_class_steps);
	suite_add_tcase(suite, classes);
	return suite;
}

int main(void)
{
	return test_main(public_suite);
}
