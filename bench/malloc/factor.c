/* SPDX-License-Identifier: MIT */
/*
 * factor.c: arithmetic with large numbers, each a small block of its own that
 * lives for a moment.
 *
 * Pollard's rho with Floyd's cycle: x becomes x*x + c modulo n, y does so twice,
 * and every so many steps the greatest common divisor of n and the product of
 * their differences is looked at. Every operation returns a new number, of as
 * many words as it needs. n is the product of two primes that are known, so the
 * result is checked.
 *
 *   factors  to find, each with another c (3)
 *   threads  (1)
 */
#include "work.h"

#include <string.h>

/* The largest primes below 2^32 and 2^60. */
#define PRIME_P UINT64_C(4294967291)
#define PRIME_Q UINT64_C(1152921504606846883)

enum { WORD_BITS = 32, GCD_EVERY = 32, FIRST_C = 8 };

struct number {
	uint32_t used, word[];
};

static struct number *number_new(struct worker *worker, uint32_t words)
{
	struct number *number = malloc(sizeof *number + words * sizeof *number->word);

	if (!number)
		measure_fail("no memory");
	number->used = words;
	memset(number->word, 0, words * sizeof *number->word);
	tally_add(&worker->tally, sizeof *number);
	return number;
}

static void number_drop(struct worker *worker, struct number *number)
{
	worker->tally.live_bytes -= (int64_t)sizeof *number;
	free(number);
}

static void number_trim(struct number *number)
{
	while (number->used > 0 && number->word[number->used - 1] == 0)
		number->used--;
}

static struct number *number_of(struct worker *worker, uint64_t value)
{
	struct number *number = number_new(worker, 2);

	number->word[0] = (uint32_t)value;
	number->word[1] = (uint32_t)(value >> WORD_BITS);
	number_trim(number);
	return number;
}

static int number_compare(const struct number *a, const struct number *b)
{
	uint32_t i;

	if (a->used != b->used)
		return a->used < b->used ? -1 : 1;
	for (i = a->used; i-- > 0;)
		if (a->word[i] != b->word[i])
			return a->word[i] < b->word[i] ? -1 : 1;
	return 0;
}

static struct number *number_multiply(struct worker *worker, const struct number *a,
                                      const struct number *b)
{
	struct number *product = number_new(worker, a->used + b->used);
	uint32_t i, j;

	for (i = 0; i < a->used; i++) {
		uint64_t carry = 0;

		for (j = 0; j < b->used; j++) {
			carry += (uint64_t)a->word[i] * b->word[j] + product->word[i + j];
			product->word[i + j] = (uint32_t)carry;
			carry >>= WORD_BITS;
		}
		product->word[i + j] = (uint32_t)carry;
	}
	number_trim(product);
	return product;
}

/* The larger of two numbers less the smaller. */
static struct number *number_difference(struct worker *worker, const struct number *a,
                                        const struct number *b)
{
	struct number *result;
	uint64_t borrow = 0;
	uint32_t i;

	if (number_compare(a, b) < 0) {
		const struct number *other = a;

		a = b;
		b = other;
	}
	result = number_new(worker, a->used);
	for (i = 0; i < a->used; i++) {
		uint64_t word = a->word[i] - borrow - (i < b->used ? b->word[i] : 0);

		result->word[i] = (uint32_t)word;
		borrow = word >> 63;
	}
	number_trim(result);
	return result;
}

/* Takes word * n, at its place, from a remainder; returns what is missing. */
static uint32_t subtract_at(uint32_t *at, const uint32_t *n, uint32_t used, uint64_t word)
{
	uint64_t borrow = 0;
	uint32_t i;

	for (i = 0; i < used; i++) {
		uint64_t product = word * n[i] + borrow;

		borrow = (product >> WORD_BITS) + (at[i] < (uint32_t)product);
		at[i] -= (uint32_t)product;
	}
	i = at[used] < borrow;
	at[used] -= (uint32_t)borrow;
	return i;
}

static void add_at(uint32_t *at, const uint32_t *n, uint32_t used)
{
	uint64_t carry = 0;
	uint32_t i;

	for (i = 0; i < used; i++) {
		carry += (uint64_t)at[i] + n[i];
		at[i] = (uint32_t)carry;
		carry >>= WORD_BITS;
	}
	at[used] += (uint32_t)carry;
}

static struct number *number_shift(struct worker *worker, const struct number *a, unsigned bits)
{
	struct number *result = number_new(worker, a->used + 1);
	uint64_t carry = 0;
	uint32_t i;

	for (i = 0; i < a->used; i++) {
		carry |= (uint64_t)a->word[i] << bits;
		result->word[i] = (uint32_t)carry;
		carry >>= WORD_BITS;
	}
	result->word[i] = (uint32_t)carry;
	return result;
}

/* What a long division leaves, each word of the quotient guessed from the two
 * highest words of the remainder; n is shifted until its highest bit is one. */
static struct number *number_modulo(struct worker *worker, const struct number *a,
                                    const struct number *n)
{
	unsigned bits = (unsigned)__builtin_clz(n->word[n->used - 1]);
	struct number *rest = number_shift(worker, a, bits), *by = number_shift(worker, n, bits);
	uint32_t used = n->used, high = by->word[used - 1], i;

	for (i = rest->used - 1; rest->used > used && i >= used; i--) {
		uint64_t top = (uint64_t)rest->word[i] << WORD_BITS | rest->word[i - 1];
		uint64_t guess = top / high;

		if (guess > UINT32_MAX)
			guess = UINT32_MAX;
		if (subtract_at(&rest->word[i - used], by->word, used, guess))
			while (add_at(&rest->word[i - used], by->word, used), rest->word[i] != 0)
				;
	}
	for (i = 0; bits > 0 && i < rest->used; i++)
		rest->word[i] = rest->word[i] >> bits |
		                (i + 1 < rest->used ? rest->word[i + 1] << (WORD_BITS - bits) : 0);
	number_drop(worker, by);
	number_trim(rest);
	return rest;
}

static struct number *number_gcd(struct worker *worker, const struct number *a,
                                 const struct number *b)
{
	struct number *x = number_modulo(worker, a, b), *y = number_modulo(worker, b, x);

	while (y->used > 0) {
		struct number *rest = number_modulo(worker, x, y);

		number_drop(worker, x);
		x = y;
		y = rest;
	}
	number_drop(worker, y);
	return x;
}

/* x * y modulo n, in the place of x. */
static void times(struct worker *worker, struct number **x, const struct number *y,
                  const struct number *n)
{
	struct number *product = number_multiply(worker, *x, y);

	number_drop(worker, *x);
	*x = number_modulo(worker, product, n);
	number_drop(worker, product);
}

/* x * x - c modulo n, in the place of x. */
static void step(struct worker *worker, struct number **x, const struct number *c,
                 const struct number *n)
{
	struct number *difference;

	times(worker, x, *x, n);
	difference = number_difference(worker, *x, c);
	number_drop(worker, *x);
	*x = difference;
}

static struct number *rho(struct worker *worker, const struct number *n, const struct number *c)
{
	struct number *x = number_of(worker, 2), *y = number_of(worker, 2);
	struct number *product = number_of(worker, 1), *found = NULL;
	uint64_t i;

	for (i = 1; !found; i++) {
		struct number *difference;

		step(worker, &x, c, n);
		step(worker, &y, c, n);
		step(worker, &y, c, n);
		difference = number_difference(worker, x, y);
		times(worker, &product, difference, n);
		number_drop(worker, difference);
		if (product->used == 0)
			measure_fail("both factors at once");
		if (i % GCD_EVERY)
			continue;
		found = number_gcd(worker, product, n);
		if (found->used == 1 && found->word[0] == 1) {
			number_drop(worker, found);
			found = NULL;
		}
	}
	number_drop(worker, x);
	number_drop(worker, y);
	number_drop(worker, product);
	return found;
}

static uint64_t factors;

static void work(struct worker *worker)
{
	struct number *p = number_of(worker, PRIME_P), *q = number_of(worker, PRIME_Q);
	struct number *n = number_multiply(worker, p, q);
	uint64_t i;

	for (i = 0; i < factors; i++) {
		struct number *c = number_of(worker, FIRST_C + i);
		struct number *found = rho(worker, n, c);

		if (number_compare(found, p) && number_compare(found, q))
			measure_fail("a factor is wrong");
		number_drop(worker, found);
		number_drop(worker, c);
	}
	number_drop(worker, n);
	number_drop(worker, q);
	number_drop(worker, p);
}

void factor(void)
{
	unsigned threads = work_threads();

	factors = work_steps("factors", 3);
	work_run(threads, work);
}
