/* SPDX-License-Identifier: MIT */
/*
 * check_fsa.c: items are apart from each other, more than 65,536 of them too;
 * a reservation that fails changes nothing, and what is reserved never fails.
 * The checker sees each invariant broken.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <string.h>

enum { MANY = 70000 };

static struct smal_account account;
static struct smal_fsa fsa;
static struct smal_fsa_held held;

static void begin(size_t item_bytes, size_t items)
{
	struct smal_area area = { NULL, smal_round_up(item_bytes * items, smal_os_page_bytes()),
		                  0 };

	area.base = smal_os_reserve(area.bytes);
	ck_assert_ptr_nonnull(area.base);
	account = (struct smal_account){ .provider = &smal_provider_os };
	held = (struct smal_fsa_held){ 0 };
	smal_fsa_init(&fsa, &account, area, item_bytes);
}

static void end(void)
{
	ck_assert(smal_os_release(fsa.area.base, fsa.area.bytes));
}

static uint32_t take(void)
{
	uint32_t index;

	EXPECT(smal_fsa_reserve(&fsa));
	index = smal_fsa_take(&fsa);
	EXPECT_EQ(smal_fsa_index(&fsa, smal_fsa_at(&fsa, index)), index);
	held.used++;
	held.reserved++;
	held.index_sum += index;
	return index;
}

static void give(uint32_t index)
{
	smal_fsa_give(&fsa, index);
	smal_fsa_unreserve(&fsa);
	held.used--;
	held.reserved--;
	held.index_sum -= index;
}

static void expect_sound(void)
{
	ground_expect_sound(smal_fsa_check(&fsa, &held));
}

/* Random use against the tags that the items hold. */
START_TEST(test_model)
{
	static const size_t sizes[] = { 4, 8, 24, 32, 2048 };
	static uint32_t live[500];
	struct test_random random;

	test_random_init(&random, (uint64_t)_i);
	begin(sizes[_i], 500);
	for (int step = 0; step < 20000; step++) {
		bool takes = held.used == 0 ||
		             (held.used < 500 && test_random_below(&random, 100) < 52);

		if (takes) {
			uint32_t index = take();

			EXPECT(index < 500);
			memset(smal_fsa_at(&fsa, index), (int)(index & 255), sizes[_i]);
			live[held.used - 1] = index;
		} else {
			size_t at = test_random_below(&random, held.used);
			const unsigned char *item = smal_fsa_at(&fsa, live[at]);
			uint32_t index = live[at];

			for (size_t i = 0; i < sizes[_i]; i++)
				EXPECT_EQ(item[i], index & 255);
			live[at] = live[held.used - 1];
			give(index);
		}
		if (step % 64 == 0)
			expect_sound();
	}
	expect_sound();
	end();
}
END_TEST

/* No limit of 16 bits: a segment has more nodes than that, each with a map. */
START_TEST(test_many)
{
	static bool seen[MANY];

	begin(32, MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t index = take();

		EXPECT(index < MANY);
		EXPECT(!seen[index]);
		seen[index] = true;
	}
	expect_sound();
	for (uint32_t i = 0; i < MANY; i++)
		give(i * 3 % MANY); /* 3 does not divide it: each one once */
	expect_sound();
	ck_assert_uint_eq(fsa.used, 0);
	end();
}
END_TEST

/* The area's end, and a system that refuses. */
START_TEST(test_reserve_fails)
{
	size_t page = smal_os_page_bytes();
	uint32_t items = (uint32_t)(page / 64), index;

	begin(64, 2 * items);
	for (uint32_t i = 0; i < items; i++)
		ck_assert(smal_fsa_reserve(&fsa));
	fault_begin_only(FAULT_MPROTECT, 1, true);
	ck_assert(!smal_fsa_reserve(&fsa));
	index = smal_fsa_take(&fsa);
	smal_fsa_give(&fsa, index);
	fault_end();
	held.reserved = items;
	expect_sound();
	for (uint32_t i = 0; i < items; i++)
		ck_assert(smal_fsa_reserve(&fsa));
	ck_assert(!smal_fsa_reserve(&fsa));
	held.reserved = 2 * items;
	for (uint32_t i = 0; i < 2 * items; i++) {
		held.index_sum += smal_fsa_take(&fsa);
		held.used++;
	}
	expect_sound();
	end();
}
END_TEST

#define BREAK(field, value, tag) GROUND_BREAK(field, value, smal_fsa_check(&fsa, &held), tag)

START_TEST(test_checker)
{
	uint32_t taken[10], *link;

	begin(32, 200);
	for (int i = 0; i < 10; i++)
		taken[i] = take();
	for (int i = 0; i < 5; i++)
		give(taken[i]);
	ck_assert(smal_fsa_reserve(&fsa));
	held.reserved++;
	expect_sound();
	BREAK(fsa.used, fsa.reserved + 1, "fsa I1");
	BREAK(fsa.reserved, 100000, "fsa I1");
	BREAK(fsa.area.committed_bytes, 0, "fsa I1");
	BREAK(fsa.top, 3, "fsa I2");
	BREAK(fsa.top, 100000, "fsa I2");
	BREAK(fsa.top, fsa.top + 1, "fsa I2");
	BREAK(fsa.free, fsa.top, "fsa I2");
	link = smal_fsa_at(&fsa, fsa.free);
	BREAK(*link, fsa.top + 5, "fsa I2");
	/* The list leads into an item that is in use, or round. */
	BREAK(fsa.free, taken[7], "fsa I");
	BREAK(*link, fsa.free, "fsa I2");
	BREAK(held.used, held.used - 1, "fsa I3");
	BREAK(held.index_sum, held.index_sum + 1, "fsa I3");
	BREAK(held.reserved, held.reserved - 1, "fsa I3");
	BREAK(fsa.used, fsa.used - 1, "fsa I2");
	BREAK(fsa.used, fsa.used + 1, "fsa I2");
	end();
}
END_TEST

static Suite *fsa_suite(void)
{
	Suite *suite = suite_create("fsa");
	TCase *items = tcase_create("items");
	TCase *checker = tcase_create("checker");

	tcase_add_loop_test(items, test_model, 0, 5);
	tcase_add_test(items, test_many);
	tcase_add_test(items, test_reserve_fails);
	suite_add_tcase(suite, items);

	tcase_add_test(checker, test_checker);
	suite_add_tcase(suite, checker);
	return suite;
}

int main(void)
{
	return test_main(fsa_suite);
}
