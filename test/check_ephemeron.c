/* SPDX-License-Identifier: MIT */
/*
 * check_ephemeron.c: an ephemeron's value lives while its key does, whatever refers to
 * what, in whatever order and however long the chain; with the table of pairs and,
 * where there is no memory for it, without.
 *
 * (The program is linked with --wrap=smal_space_take.)
 */
#include <smal/gc/weak.h>

#include "test/collector.h"
#include "test/granule.h"
#include "test/starve.h"

#include <stdlib.h>

static struct smal_type *pair, *array;

static void begin(void)
{
	heap_begin_exact();
	pair = heap_pair_type();
	array = heap_array_type();
	starving = false;
}

static void **cons(void *a, void *b)
{
	return heap_cons(pair, a, b);
}

/* ---- Ephemerons ---- */

/* The value refers to the key, straight, around a corner, or is the key. */
START_TEST(test_value_refers_to_key)
{
	struct smal_ephemeron *ephemeron[3];
	void *key = roots[0] = cons(NULL, NULL);

	roots[4] = cons(cons(key, NULL), NULL);
	roots[1] = ephemeron[0] = heap_ephemeron(key, roots[4]);
	roots[2] = ephemeron[1] = heap_ephemeron(key, key);
	roots[4] = cons(key, NULL);
	roots[3] = ephemeron[2] = heap_ephemeron(key, heap_ephemeron(roots[4], roots[4]));
	roots[4] = NULL;
	heap_collect();
	/* The last value is an ephemeron whose key refers to itself alone. */
	ck_assert_uint_eq(heap_live(), 3 + 1 + 2 + 1);
	ck_assert_ptr_null(smal_ephemeron_key(smal_ephemeron_value(ephemeron[2])));
	roots[0] = NULL;
	heap_collect();
	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_null(smal_ephemeron_key(ephemeron[i]));
		ck_assert_ptr_null(smal_ephemeron_value(ephemeron[i]));
	}
	ck_assert_uint_eq(heap_live(), 3);
}
END_TEST

/* The ephemeron itself is garbage: it keeps nothing. */
START_TEST(test_dead_ephemeron)
{
	roots[0] = cons(NULL, NULL);
	for (int i = 0; i < 100; i++)
		heap_ephemeron(roots[0], cons(NULL, NULL));
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1);
}
END_TEST

START_TEST(test_ephemeron_set)
{
	void *key = roots[0] = cons(NULL, NULL), *value;
	struct smal_ephemeron *ephemeron;

	roots[1] = ephemeron = heap_ephemeron(key, NULL);
	heap_collect();
	ck_assert_ptr_eq(smal_ephemeron_key(ephemeron), key);
	value = cons(NULL, NULL);
	smal_ephemeron_set(ephemeron, value);
	heap_collect();
	ck_assert_ptr_eq(smal_ephemeron_value(ephemeron), value);
	ck_assert_uint_eq(heap_live(), 3);
	smal_ephemeron_set(ephemeron, (void *)24);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
	roots[0] = NULL;
	heap_collect();
	smal_ephemeron_set(ephemeron, value);
	ck_assert_ptr_null(smal_ephemeron_value(ephemeron));
}
END_TEST

/* ---- Values that are not their objects' addresses ---- */

/* Each word that means the value keeps it while the key lives; the next one does not. */
START_TEST(test_words_of_values)
{
	struct smal_type *type = granule_begin(_i);
	struct smal_ephemeron **all = roots[1] =
		heap_alloc_bytes(array, GRANULE_WORDS * sizeof *all);
	void *objects[GRANULE_WORDS], *other;

	roots[0] = heap_alloc(pair);
	for (unsigned n = 0; n < GRANULE_WORDS; n++) {
		roots[2] = objects[n] = heap_alloc(type);
		all[n] = heap_ephemeron(roots[0], granule_word(_i, objects[n], n));
	}
	/* At some distance, so that nothing begins behind it. */
	other = roots[2] = heap_alloc(type);
	roots[3] = heap_ephemeron(roots[0], granule_beyond(_i, other));
	roots[2] = NULL;
	for (unsigned again = 0; again < 2; again++) {
		heap_collect();
		ck_assert_uint_eq(heap_live(), 2 + 2 * GRANULE_WORDS + 1);
		for (unsigned n = 0; n < GRANULE_WORDS; n++) {
			EXPECT(granule_is_live(_i, objects[n]));
			EXPECT(smal_ephemeron_value(all[n]) == granule_word(_i, objects[n], n));
		}
	}
	roots[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1 + GRANULE_WORDS + 1);
	granule_end();
}
END_TEST

/* Each value is the next one's key: more steps than there are walks, so that the table of
 * pairs is used, or, without memory, walks go on. */
START_TEST(test_chain_of_words)
{
	enum { LENGTH = 4 * GRANULE_WORDS };
	int shape = _i / 2;
	struct smal_type *type = granule_begin(shape);
	void **objects = roots[1] = heap_alloc_bytes(array, LENGTH * sizeof *objects), *last;
	void **all = roots[2] = heap_alloc_bytes(array, LENGTH * sizeof *all);

	for (unsigned i = 0; i < LENGTH; i++)
		objects[i] = heap_alloc(type);
	for (unsigned i = LENGTH - 1; i-- > 0;)
		all[i] = heap_ephemeron(objects[i],
		                        granule_word(shape, objects[i + 1], i % GRANULE_WORDS));
	roots[0] = objects[0];
	last = objects[LENGTH - 1];
	roots[1] = NULL;
	starving = _i % 2 != 0;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	starving = false;
	heap_check();
	EXPECT(granule_is_live(shape, last));
	ck_assert_uint_eq(heap_live(), 1 + LENGTH + LENGTH - 1);
	roots[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1 + LENGTH - 1);
	granule_end();
}
END_TEST

/* ---- Chains ---- */

enum order { UPWARDS, DOWNWARDS, SHUFFLED, ORDERS };

struct chain {
	size_t count;
	void **keys;
	struct smal_ephemeron **ephemerons;
};

static void permute(size_t *at, size_t count, enum order order)
{
	struct test_random random;

	test_random_init(&random, count);
	for (size_t i = 0; i < count; i++)
		at[i] = order == DOWNWARDS ? count - 1 - i : i;
	for (size_t i = count; order == SHUFFLED && i > 1; i--) {
		size_t j = test_random_below(&random, i), other = at[j];

		at[j] = at[i - 1];
		at[i - 1] = other;
	}
}

/* The value of each key's ephemeron leads to the next key; the first key is roots[0].
 * nested: it leads there by way of the next ephemeron, and nothing else holds that. */
static struct chain make_chain(size_t count, enum order order, bool nested)
{
	struct chain chain = { .count = count };
	size_t *at = malloc(count * sizeof *at);

	ck_assert_ptr_nonnull(at);
	permute(at, count, order);
	roots[1] = chain.keys = heap_alloc_bytes(array, count * sizeof(void *));
	roots[2] = chain.ephemerons = heap_alloc_bytes(array, count * sizeof(void *));
	for (size_t i = 0; i < count; i++)
		chain.keys[at[i]] = heap_alloc(pair);
	for (size_t i = 0; i < count; i++)
		chain.ephemerons[at[i]] = heap_ephemeron(chain.keys[at[i]], NULL);
	for (size_t i = 0; i + 1 < count; i++)
		chain.ephemerons[i]->value =
			nested ? cons(chain.ephemerons[i + 1], chain.keys[i + 1])
			       : chain.keys[i + 1];
	roots[0] = chain.keys[0];
	roots[1] = NULL;
	if (nested) {
		roots[3] = chain.ephemerons[0];
		roots[2] = NULL;
	}
	free(at);
	return chain;
}

/* So many steps of it are alive, each with its key and its value. */
static void expect_chain(struct smal_ephemeron *at, size_t alive)
{
	size_t count = 0;

	while (at != NULL && smal_ephemeron_key(at) != NULL) {
		void **value = smal_ephemeron_value(at);

		EXPECT(smal_type_of(smal_ephemeron_key(at)) == pair);
		count++;
		at = value != NULL ? value[0] : NULL;
	}
	ck_assert_uint_eq(count, alive);
}

static void collect(bool starve)
{
	starving = starve;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	starving = false;
	heap_check();
}

/* Held by an array: all live with the first key; cut in the middle, the half. */
static void expect_flat(size_t count, enum order order, bool starve)
{
	struct chain chain = make_chain(count, order, false);
	struct smal_ephemeron **ephemerons = chain.ephemerons;
	uint64_t others;

	others = heap_live() - 2 * count;
	collect(starve);
	/* The array of keys is gone. */
	ck_assert_uint_eq(heap_live(), 2 * count + others - 1);
	smal_ephemeron_set(ephemerons[count / 2], NULL);
	collect(starve);
	for (size_t i = 0; i < count; i++)
		EXPECT((smal_ephemeron_key(ephemerons[i]) != NULL) == (i <= count / 2));
	ck_assert_uint_eq(heap_live(), count + count / 2 + 1 + others - 1);
	roots[0] = NULL;
	collect(starve);
	for (size_t i = 0; i < count; i++)
		EXPECT(smal_ephemeron_key(ephemerons[i]) == NULL &&
		       smal_ephemeron_value(ephemerons[i]) == NULL);
	ck_assert_uint_eq(heap_live(), count + others - 1);
	roots[2] = NULL;
}

static void expect_nested(size_t count, enum order order, bool starve)
{
	make_chain(count, order, true);
	collect(starve);
	expect_chain(roots[3], count);
	roots[0] = NULL;
	collect(starve);
	ck_assert_ptr_null(smal_ephemeron_key(roots[3]));
	ck_assert_uint_eq(heap_live(), 1);
	roots[3] = NULL;
}

START_TEST(test_chains)
{
	for (size_t count = 1; count <= 1000; count = count < 8 ? count + 1 : count * 5) {
		expect_flat(count, (enum order)_i, false);
		expect_nested(count, (enum order)_i, false);
		heap_collect();
	}
}
END_TEST

START_TEST(test_chains_without_memory)
{
	for (size_t count = 1; count <= 1000; count = count < 8 ? count + 1 : count * 5) {
		expect_flat(count, (enum order)_i, true);
		expect_nested(count, (enum order)_i, true);
		heap_collect();
	}
}
END_TEST

START_TEST(test_long_chains)
{
	/* Where a second marker runs, which is simple and slow, less. */
	size_t count = heap_must_be_small() ? 1500 : heap_scale(_i == SHUFFLED ? 1000000 : 200000);

	expect_flat(count, (enum order)_i, false);
	expect_nested(count / 2, (enum order)_i, false);
}
END_TEST

/* Thousand ephemerons for a key, values that are keys of others, many heads. */
START_TEST(test_random_ephemerons)
{
	enum { KEYS = 500 };
	size_t count = heap_scale(20000);
	struct smal_ephemeron **all = roots[2] = heap_alloc_bytes(array, count * sizeof *all);
	void **keys = roots[1] = heap_alloc_bytes(array, KEYS * sizeof *keys);
	struct {
		int key, value;
	} *model = malloc(count * sizeof *model);
	bool alive[KEYS] = { false }, more = true;
	struct test_random random;

	ck_assert_ptr_nonnull(model);
	test_random_init(&random, (uint64_t)_i);
	for (int i = 0; i < KEYS; i++)
		keys[i] = heap_alloc(pair);
	/* Few edges a key: some are reached and some are not. */
	for (size_t i = 0; i < count; i++) {
		model[i].key = (int)test_random_below(&random, KEYS);
		model[i].value = test_random_below(&random, count) < KEYS
		                         ? (int)test_random_below(&random, KEYS)
		                         : model[i].key;
		all[i] = heap_ephemeron(keys[model[i].key], keys[model[i].value]);
	}
	roots[3] = keys[0];
	roots[4] = keys[1];
	alive[0] = alive[1] = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++)
			if (alive[model[i].key] && !alive[model[i].value])
				more = alive[model[i].value] = true;
	}
	roots[1] = NULL;
	collect(_i % 2 != 0);
	for (size_t i = 0; i < count; i++)
		EXPECT((smal_ephemeron_key(all[i]) != NULL) == alive[model[i].key]);
	free(model);
}
END_TEST

static Suite *ephemeron_suite(void)
{
	Suite *suite = suite_create("ephemeron");
	TCase *ephemerons = tcase_create("ephemerons");
	TCase *chains = tcase_create("chains");

	tcase_add_checked_fixture(ephemerons, begin, heap_end);
	tcase_add_test(ephemerons, test_value_refers_to_key);
	tcase_add_test(ephemerons, test_dead_ephemeron);
	tcase_add_test(ephemerons, test_ephemeron_set);
	tcase_add_loop_test(ephemerons, test_words_of_values, 0, GRANULE_SHAPES);
	tcase_add_loop_test(ephemerons, test_chain_of_words, 0, 2 * GRANULE_SHAPES);
	suite_add_tcase(suite, ephemerons);

	tcase_add_checked_fixture(chains, begin, heap_end);
	tcase_add_loop_test(chains, test_chains, 0, ORDERS);
	tcase_add_loop_test(chains, test_chains_without_memory, 0, ORDERS);
	tcase_add_loop_test(chains, test_long_chains, 0, ORDERS);
	tcase_add_loop_test(chains, test_random_ephemerons, 0, 4);
	suite_add_tcase(suite, chains);
	return suite;
}

int main(void)
{
	return test_main(ephemeron_suite);
}
