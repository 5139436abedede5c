/* SPDX-License-Identifier: MIT */
/*
 * check_word.c: the arithmetic of words and masks (def.h, bitmap.h) and the
 * atomic words, against the simplest way of saying the same.
 */
#include "test/ground.h"

#include <smal/base/atomic.h>

#include <pthread.h>
#include <string.h>

enum { BITS = 5 * SMAL_WORD_BITS, STEPS = 20000 };

START_TEST(test_units)
{
	ck_assert_uint_eq(SMAL_GRANULE, 16);
	ck_assert_uint_eq(SMAL_CHUNK, 256 * SMAL_GRANULE);
	ck_assert_uint_eq(SMAL_BLOCK, 256 * SMAL_CHUNK);
	ck_assert_uint_eq(SMAL_REGION, 256 * SMAL_BLOCK);
	ck_assert_uint_eq(SMAL_ID_BYTES, 65536);
	ck_assert_uint_eq(1u << SMAL_WORD_LOG2, SMAL_WORD_BITS);
	ck_assert_uint_eq(sizeof(smal_word) * 8, SMAL_WORD_BITS);
}
END_TEST

START_TEST(test_arithmetic)
{
	struct test_random random;

	for (size_t n = 1; n <= 5000; n++) {
		unsigned k = smal_log2_ceil(n);

		EXPECT(((size_t)1 << k) >= n);
		EXPECT(k == 0 || ((size_t)1 << (k - 1)) < n);
		EXPECT_EQ(smal_is_power_of_two(n), n == (size_t)1 << k);
	}
	EXPECT(!smal_is_power_of_two(0));
	for (unsigned k = 1; k < SMAL_WORD_BITS - 1; k++) {
		EXPECT_EQ(smal_log2_ceil((size_t)1 << k), k);
		EXPECT_EQ(smal_log2_ceil(((size_t)1 << k) + 1), k + 1);
	}
	EXPECT_EQ(smal_round_up(0, 16), 0);
	EXPECT_EQ(smal_round_up(1, 16), 16);
	EXPECT_EQ(smal_round_up(16, 16), 16);
	EXPECT_EQ(smal_round_up(17, 1), 17);
	test_random_init(&random, 1);
	for (int i = 0; i < STEPS; i++) {
		smal_word word = (smal_word)(test_random_next(&random) >>
		                             test_random_below(&random, 64));
		unsigned count = 0, lowest = SMAL_WORD_BITS;

		if (i == 0)
			word = ~(smal_word)0;
		for (unsigned bit = SMAL_WORD_BITS; bit-- > 0;) {
			if (word >> bit & 1) {
				count++;
				lowest = bit;
			}
		}
		EXPECT_EQ(smal_word_count(word), count);
		if (word != 0)
			EXPECT_EQ(smal_word_lowest(word), lowest);
	}
}
END_TEST

START_TEST(test_masks)
{
	smal_word mask[BITS / SMAL_WORD_BITS] = { 0 };
	bool set[BITS] = { 0 };
	struct test_random random;

	test_random_init(&random, 2);
	for (int step = 0; step < STEPS; step++) {
		size_t first = test_random_below(&random, BITS + 1), at;
		size_t limit = first + test_random_below(&random, BITS + 1 - first);

		at = test_random_below(&random, BITS);
		set[at] = !set[at];
		if (set[at])
			smal_bit_set(mask, at);
		else
			smal_bit_clear(mask, at);
		EXPECT_EQ(smal_bit_get(mask, at), set[at]);
		for (at = first; at < limit && !set[at]; at++)
			;
		EXPECT_EQ(smal_bit_next(mask, first, limit), at);
		if (first == limit)
			continue;
		at = first + test_random_below(&random, limit - first);
		for (unsigned bit = 0; bit < SMAL_WORD_BITS; bit++) {
			size_t w = at / SMAL_WORD_BITS, i = w * SMAL_WORD_BITS + bit;

			EXPECT_EQ(smal_bits_in_word(w, first, limit) >> bit & 1,
			                 i >= first && i < limit);
		}
	}
}
END_TEST

START_TEST(test_atomic)
{
	volatile AO_t word = 5;
	volatile uint32_t half = 7;
	int object;

	ck_assert_uint_eq(smal_atomic_load(&word), 5);
	ck_assert_uint_eq(smal_atomic_load_relaxed(&word), 5);
	ck_assert_uint_eq(smal_atomic_add(&word, 3), 5);
	ck_assert_uint_eq(smal_atomic_or(&word, 6), 8);
	ck_assert_uint_eq(smal_atomic_or(&word, 6), 14);
	ck_assert(!smal_atomic_cas(&word, 15, 1));
	ck_assert(smal_atomic_cas(&word, 14, 1));
	smal_atomic_store(&word, UINTPTR_MAX);
	ck_assert_uint_eq(smal_atomic_add(&word, 1), UINTPTR_MAX);
	ck_assert_uint_eq(word, 0);
	smal_atomic_store_relaxed(&word, 9);
	ck_assert_uint_eq(smal_atomic_load(&word), 9);
	smal_atomic_store_pointer(&word, &object);
	ck_assert_ptr_eq(smal_atomic_load_pointer(&word), &object);
	ck_assert_uint_eq(smal_atomic_load_u32(&half), 7);
	smal_atomic_store_u32(&half, UINT32_MAX);
	ck_assert_uint_eq(smal_atomic_load_u32(&half), UINT32_MAX);
}
END_TEST

enum { THREADS = 4, ROUNDS = 20000 };

static volatile AO_t total, masks[ROUNDS / 1000];

static void *add_and_or(void *argument)
{
	uintptr_t bit = (uintptr_t)1 << (uintptr_t)argument, mine = 0;

	for (int i = 0; i < ROUNDS; i++) {
		smal_atomic_add(&total, 1);
		mine += (smal_atomic_or(&masks[i % (ROUNDS / 1000)], bit) & bit) == 0;
	}
	return (void *)mine;
}

/* No addition is lost, and each bit is set by one thread and seen once. */
START_TEST(test_threads)
{
	pthread_t threads[THREADS];
	void *mine;

	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, add_and_or, (void *)i), 0);
	for (int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &mine), 0);
		ck_assert_uint_eq((uintptr_t)mine, ROUNDS / 1000);
	}
	ck_assert_uint_eq(total, THREADS * ROUNDS);
	for (int i = 0; i < ROUNDS / 1000; i++)
		ck_assert_uint_eq(masks[i], (1 << THREADS) - 1);
}
END_TEST

static Suite *word_suite(void)
{
	Suite *suite = suite_create("word");
	TCase *words = tcase_create("words");
	TCase *atomic = tcase_create("atomic");

	tcase_add_test(words, test_units);
	tcase_add_test(words, test_arithmetic);
	tcase_add_test(words, test_masks);
	suite_add_tcase(suite, words);

	tcase_add_test(atomic, test_atomic);
	tcase_add_test(atomic, test_threads);
	suite_add_tcase(suite, atomic);
	return suite;
}

int main(void)
{
	return test_main(word_suite);
}
