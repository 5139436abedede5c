/* SPDX-License-Identifier: MIT */
/*
 * check_class.c: the size classes: the table is what the rule says (every 16 bytes
 * to 128, then eight for each doubling), no block is more than an eighth longer
 * than what was asked for, and every alignment finds the lowest class that has it.
 */
#include "test/heaps.h"

/* The bytes of all classes, made anew. */
static size_t classes[SMAL_HEAP_CLASSES];

static void begin(void)
{
	unsigned class = 0;

	for (size_t bytes = 16; bytes <= 128; bytes += 16)
		classes[class ++] = bytes;
	for (size_t base = 128; base < SMAL_CLASS_LARGEST; base *= 2)
		for (unsigned i = 1; i <= 8; i++)
			classes[class ++] = base + i * base / 8;
	ck_assert_uint_eq(class, SMAL_HEAP_CLASSES);
	ck_assert_uint_eq(classes[SMAL_HEAP_CLASSES - 1], SMAL_CLASS_LARGEST);
}

/* The lowest class of at least so many bytes. */
static unsigned lowest(size_t bytes)
{
	unsigned class = 0;

	while (classes[class] < bytes)
		class ++;
	return class;
}

START_TEST(test_bytes)
{
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES; class++)
		ck_assert_uint_eq(smal_heap_class_bytes(class), classes[class]);
}
END_TEST

/* It holds places of bins: so many bytes for each class. */
START_TEST(test_table)
{
	ck_assert_uint_eq(sizeof(struct smal_bin), (size_t)1 << SMAL_BIN_LOG2);
	ck_assert_uint_eq(offsetof(struct smal_cache, bin), 0);
	ck_assert_uint_eq(smal_heap_class_table[0], SMAL_BINS_LIMIT);
	for (size_t bytes = 1; bytes <= SMAL_CLASS_TABLE_LARGEST; bytes++)
		EXPECT_EQ(smal_heap_class_table[(bytes + SMAL_GRANULE - 1) >> SMAL_GRANULE_LOG2],
		          lowest(bytes) << SMAL_BIN_LOG2);
}
END_TEST

START_TEST(test_of)
{
	for (size_t bytes = 1; bytes <= SMAL_CLASS_LARGEST; bytes++)
		EXPECT_EQ(smal_heap_class_of(bytes), lowest(bytes));
}
END_TEST

/* Less than 16 bytes up to 256, less than an eighth of the request above; and a
 * class is at most an eighth larger than the one before it. */
START_TEST(test_waste)
{
	for (size_t bytes = 1; bytes <= SMAL_CLASS_LARGEST; bytes++) {
		size_t waste = smal_heap_class_bytes(smal_heap_class_of(bytes)) - bytes;

		if (bytes <= 256)
			EXPECT(waste < 16);
		else
			EXPECT(waste * 8 < bytes);
	}
	for (unsigned class = 8; class < SMAL_HEAP_CLASSES; class++)
		ck_assert_uint_le((classes[class] - classes[class - 1]) * 8, classes[class - 1]);
}
END_TEST

/* The class of an alignment holds the request, all of its slots are aligned, and
 * no class between is as good. */
START_TEST(test_aligned)
{
	size_t align_bytes = (size_t)16 << _i;

	for (size_t bytes = 1; bytes <= SMAL_CLASS_LARGEST; bytes += bytes < 512 ? 1 : 31) {
		unsigned class = lowest(bytes);

		while (class < SMAL_HEAP_CLASSES && classes[class] % align_bytes != 0)
			class ++;
		EXPECT_EQ(smal_heap_class_aligned(bytes, align_bytes), class);
	}
	ck_assert_uint_lt(smal_heap_class_aligned(SMAL_CLASS_LARGEST, align_bytes),
	                  SMAL_HEAP_CLASSES);
}
END_TEST

/* Blocks of each class: as long as the class says, apart, aligned as its slots. */
START_TEST(test_blocks)
{
	size_t bytes = smal_heap_class_bytes((unsigned)_i), align_bytes = bytes & -bytes;
	uintptr_t blocks[40];

	for (int i = 0; i < 40; i++) {
		blocks[i] = (uintptr_t)heaps_alloc(bytes - (size_t)i % 16);
		ck_assert_uint_eq(smal_heap_usable(heap, (void *)blocks[i]), bytes);
		ck_assert_uint_eq(blocks[i] % smal_min(align_bytes, SMAL_CHUNK), 0);
		heaps_mark((void *)blocks[i], bytes, (uint64_t)i);
		for (int j = 0; j < i; j++)
			EXPECT(blocks[i] - blocks[j] >= bytes && blocks[j] - blocks[i] >= bytes);
	}
	heaps_audit(40, 40 * bytes);
	for (int i = 0; i < 40; i++) {
		heaps_check_mark((void *)blocks[i], bytes, (uint64_t)i);
		heaps_free((void *)blocks[i]);
	}
	heaps_audit(0, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("class");
	TCase *classes_case = tcase_create("classes"), *blocks = tcase_create("blocks");

	tcase_add_checked_fixture(classes_case, begin, NULL);
	tcase_add_test(classes_case, test_bytes);
	tcase_add_test(classes_case, test_table);
	tcase_add_test(classes_case, test_of);
	tcase_add_test(classes_case, test_waste);
	tcase_add_loop_test(classes_case, test_aligned, 0, 9);
	suite_add_tcase(s, classes_case);
	tcase_add_checked_fixture(blocks, heaps_begin_plain, heaps_end);
	tcase_add_loop_test(blocks, test_blocks, 0, SMAL_HEAP_CLASSES);
	suite_add_tcase(s, blocks);
	return s;
}

int main(void)
{
	return test_main(suite);
}
