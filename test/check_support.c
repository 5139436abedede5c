/* SPDX-License-Identifier: MIT */
/*
 * check_support.c: the numbers that other tests hang on are those of this
 * process.
 */
#include "test/support.h"

#include <string.h>
#include <sys/mman.h>

enum { PLENTY = 32 * 1024 * 1024 };

START_TEST(test_random_repeats)
{
	struct test_random a, b, other;
	bool differs = false;

	test_random_init(&a, 1);
	test_random_init(&b, 1);
	test_random_init(&other, 2);
	for (int i = 0; i < 1000; i++) {
		uint64_t number = test_random_next(&a);

		ck_assert_uint_eq(number, test_random_next(&b));
		differs |= number != test_random_next(&other);
		ck_assert_uint_lt(test_random_below(&a, 10), 10);
		test_random_below(&b, 10);
	}
	ck_assert(differs);
}
END_TEST

START_TEST(test_process)
{
	size_t resident = test_resident_bytes();
	size_t dirty = test_private_dirty_bytes();
	size_t mappings;
	char *base = mmap(NULL, PLENTY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(base, MAP_FAILED);
	memset(base, 1, PLENTY);
	if (resident != TEST_UNKNOWN)
		ck_assert_uint_ge(test_resident_bytes(), resident + PLENTY * 9 / 10);
	if (dirty != TEST_UNKNOWN)
		ck_assert_uint_ge(test_private_dirty_bytes(), dirty + PLENTY * 9 / 10);

	/* Another access in its middle makes three mappings of one. */
	mappings = test_mappings();
	ck_assert_int_eq(mprotect(base + PLENTY / 2, PLENTY / 4, PROT_NONE), 0);
	if (mappings != TEST_UNKNOWN)
		ck_assert_uint_eq(test_mappings(), mappings + 2);
	munmap(base, PLENTY);
}
END_TEST

static Suite *support_suite(void)
{
	Suite *suite = suite_create("support");
	TCase *all = tcase_create("all");

	tcase_add_test(all, test_random_repeats);
	tcase_add_test(all, test_process);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return test_main(support_suite);
}
