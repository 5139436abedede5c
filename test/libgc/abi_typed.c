/* SPDX-License-Identifier: MIT */
/*
 * abi_typed.c: objects of libgc with a descriptor that is made of bits: short and long
 * ones, arrays of them, objects that are larger than their descriptor.
 */
#include "test/libgc/abi.h"

#include <gc/gc_typed.h>

static void *statics[ABI_MANY];

/* Word i of an object may be a pointer. */
static bool is_pointer(size_t i, int seed)
{
	return seed == 0 ? i == 0 : (i * 7 + (size_t)seed * 3) % 5 < 2;
}

static GC_descr describe(size_t words, int seed)
{
	GC_word bits[32] = { 0 };

	EXPECT(words <= 32 * GC_WORDSZ);
	for (size_t i = 0; i < words; i++)
		if (is_pointer(i, seed))
			GC_set_bit(bits, i);
	return GC_make_descriptor(bits, words);
}

static const size_t lengths[] = { 1, 2, 3, 10, 30, 61, 62, 63, 64, 65, 100, 130, 500, 1000 };
enum { LENGTHS = sizeof lengths / sizeof *lengths };
static size_t pointers;
static GC_descr descr;

/* Fills `count` elements of `words` words each with objects: those in pointers first. */
static void fill(void **object, size_t words, size_t count, int seed)
{
	size_t last = words * count;

	pointers = 0;
	for (size_t i = 0; i < last; i++)
		if (is_pointer(i % words, seed))
			abi_watch(pointers++, object[i] = GC_malloc(16));
	for (size_t i = 0, n = pointers; i < last; i++)
		if (!is_pointer(i % words, seed))
			abi_watch(n++, object[i] = GC_malloc(16));
}

/* Those in the other words die, but for a few. */
static void see(size_t all)
{
	ABI_SEEN(statics);
	abi_collect();
	EXPECT_EQ(abi_dead(0, pointers), 0);
	ck_assert_uint_ge(abi_dead(pointers, all) + 3, (all - pointers) * 9 / 10);
}

static void make_typed(size_t words)
{
	void **object = GC_malloc_explicitly_typed(words * sizeof *object, descr);

	EXPECT(GC_size(object) >= words * sizeof *object);
	EXPECT(abi_all(object, 0, words * sizeof *object));
	statics[0] = object;
	fill(object, words, 1, 1);
}

START_TEST(test_typed)
{
	size_t words = lengths[_i];

	descr = describe(words, 1);
	abi_away(make_typed, words);
	see(words);
	see(words);
}
END_TEST

static void make_typed_off_page(size_t words)
{
	void **object = GC_malloc_explicitly_typed_ignore_off_page(words * sizeof *object, descr);

	EXPECT(abi_all(object, 0, words * sizeof *object));
	fill(statics[0] = object, words, 1, 1);
}

START_TEST(test_typed_off_page)
{
	size_t words = lengths[_i];

	descr = describe(words, 1);
	abi_away(make_typed_off_page, words);
	see(words);
}
END_TEST

/* An object that is larger than its descriptor: the rest are no pointers. */
static void make_larger(size_t words)
{
	void **object = GC_malloc_explicitly_typed((words + 200) * sizeof *object, descr);

	fill(statics[0] = object, words, 1, 1);
	for (size_t i = words; i < words + 200; i++)
		abi_watch(i, object[i] = GC_malloc(16));
}

START_TEST(test_typed_larger)
{
	size_t words = lengths[_i];

	descr = describe(words, 1);
	abi_away(make_larger, words);
	see(words + 200);
}
END_TEST

/* No pointers at all; nothing but pointers. */
static void make_none(size_t words)
{
	void **object = GC_malloc_explicitly_typed(words * sizeof *object, descr);

	statics[0] = object;
	for (size_t i = 0; i < words; i++)
		abi_watch(i, object[i] = GC_malloc(16));
}

START_TEST(test_typed_uniform)
{
	static GC_word none[16], all[16];

	memset(all, 0xff, sizeof all);
	descr = GC_make_descriptor(none, 1000);
	abi_away(make_none, 1000);
	abi_collect();
	EXPECT_MOST_DEAD();
	descr = GC_make_descriptor(all, 1000);
	abi_away(make_none, 1000);
	abi_collect();
	EXPECT_ALL_LIVE();
}
END_TEST

enum { ARRAY = 20 };

static void make_array(size_t words)
{
	void **object = GC_calloc_explicitly_typed(ARRAY, words * sizeof *object, descr);

	EXPECT(GC_size(object) >= ARRAY * words * sizeof *object);
	EXPECT(abi_all(object, 0, ARRAY * words * sizeof *object));
	statics[0] = object;
	fill(object, words, ARRAY, 1);
}

/* Elements that are each described so. */
START_TEST(test_typed_array)
{
	size_t words = lengths[_i];

	if (words * ARRAY > ABI_WATCHES)
		words = 33;
	descr = describe(words, 1);
	abi_away(make_array, words);
	see(words * ARRAY);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: descriptors");
	TCase *typed = tcase_create("descriptors");

	tcase_add_checked_fixture(typed, abi_begin, NULL);
	tcase_add_loop_test(typed, test_typed, 0, LENGTHS);
	tcase_add_loop_test(typed, test_typed_off_page, 0, LENGTHS);
	tcase_add_loop_test(typed, test_typed_larger, 0, LENGTHS);
	tcase_add_test(typed, test_typed_uniform);
	tcase_add_loop_test(typed, test_typed_array, 0, LENGTHS);
	suite_add_tcase(suite, typed);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
