/* SPDX-License-Identifier: MIT */
/*
 * check_table.c: every address of every segment is found, and no other, however
 * many segments there are, of whatever size, and wherever they lie; without
 * memory for a larger table nothing changes. The checker sees each invariant
 * broken.
 *
 * The segments are made up: addresses that nobody reads.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <string.h>

enum { SEGMENTS = 200, ADDRESS_BITS = UINTPTR_MAX > 0xffffffffu ? 47 : 31 };

static struct smal_segment segments[SEGMENTS];
static bool inserted[SEGMENTS];

/* Makes up a segment at a place that is free, a multiple of its unit. */
static void make_up(struct smal_segment *segment, uintptr_t base, size_t bytes, unsigned unit_log2)
{
	segment->magic = SMAL_MAGIC_SEGMENT;
	segment->base = base;
	segment->bytes = bytes;
	segment->unit_log2 = (uint8_t)unit_log2;
}

static void expect_sound(void)
{
	ground_expect_sound(smal_table_check());
}

static void expect_found(struct smal_segment *segment)
{
	uintptr_t step = segment->bytes / 16 + 1, last = segment->base + segment->bytes - 1;

	for (uintptr_t at = 0; at < segment->bytes; at += step)
		EXPECT(smal_table_find(segment->base + at) == segment);
	EXPECT(smal_table_find(last) == segment);
	EXPECT(smal_table_find(segment->base - 1) != segment);
	EXPECT(smal_table_find(last + 1) != segment);
}

/* The segment that has an address, by looking at all. */
static struct smal_segment *naive_find(uintptr_t address)
{
	for (int i = 0; i < SEGMENTS; i++)
		if (inserted[i] && address - segments[i].base < segments[i].bytes)
			return &segments[i];
	return NULL;
}

static void expect_agreement(struct test_random *random, int count)
{
	for (int i = 0; i < count; i++) {
		uintptr_t address = (uintptr_t)test_random_next(random) >>
		                    (SMAL_WORD_BITS - ADDRESS_BITS);

		if (i % 2 == 0) {
			const struct smal_segment *near = &segments[test_random_below(random, SEGMENTS)];

			address = near->base + near->bytes / 2 + test_random_below(random, 1 << 30);
		}
		EXPECT(smal_table_find(address) == naive_find(address));
	}
}

static void insert(int i)
{
	ck_assert(smal_table_insert(&segments[i]));
	inserted[i] = true;
	expect_found(&segments[i]);
}

static void take_away(int i)
{
	smal_table_remove(&segments[i]);
	inserted[i] = false;
	EXPECT(smal_table_find(segments[i].base) == NULL);
	EXPECT(smal_table_find(segments[i].base + segments[i].bytes - 1) == NULL);
}

static size_t table_slots(void)
{
	const struct smal_table *table = smal_atomic_load_pointer(&smal_process.table);

	return table->mask + 1;
}

START_TEST(test_find)
{
	struct test_random random;

	test_random_init(&random, 1);
	ck_assert_ptr_null(smal_table_find((uintptr_t)&random));
	/* A large one, two behind each other, one that ends inside its unit. */
	make_up(&segments[0], (uintptr_t)1 << (ADDRESS_BITS - 1), 4 * (size_t)SMAL_REGION,
	        SMAL_REGION_LOG2);
	make_up(&segments[1], segments[0].base + segments[0].bytes, SMAL_REGION, SMAL_REGION_LOG2);
	make_up(&segments[2], segments[1].base + 5 * (uintptr_t)SMAL_REGION, SMAL_REGION + 4096,
	        SMAL_REGION_LOG2);
	for (int i = 0; i < 3; i++)
		insert(i);
	expect_sound();
	expect_agreement(&random, 1000);
	/* A small one behind the one that ends early makes the unit small. */
	make_up(&segments[3], segments[2].base + SMAL_REGION + 4 * MIB, 4 * MIB, 22);
	insert(3);
	for (int i = 0; i < 3; i++)
		expect_found(&segments[i]);
	expect_sound();
	for (uintptr_t word = 0; word < 4096; word++)
		EXPECT(smal_table_find(word) == NULL && smal_table_find(~word) == NULL);
	ck_assert_ptr_null(smal_table_find((uintptr_t)&random));
	ck_assert_ptr_null(smal_table_find((uintptr_t)segments));
	for (int i = 0; i < 4; i++)
		take_away(i);
	expect_agreement(&random, 1000);
	expect_sound();
}
END_TEST

/* Random segments come and go; the table's size stays where the worst of them
 * put it. */
START_TEST(test_model)
{
	struct test_random random;
	size_t slots = 0;
	int live = 0;

	test_random_init(&random, 2);
	for (int step = 0; step < 4000; step++) {
		int i = (int)test_random_below(&random, SEGMENTS);
		unsigned unit_log2 = 22 + (unsigned)test_random_below(&random, 7);
		uintptr_t unit = (uintptr_t)1 << unit_log2;

		if (inserted[i]) {
			take_away(i);
			live--;
		} else {
			uintptr_t base = (uintptr_t)test_random_next(&random) >>
			                 (SMAL_WORD_BITS - ADDRESS_BITS);
			uintptr_t near = segments[test_random_below(&random, SEGMENTS)].base;
			size_t bytes = unit * (1 + test_random_below(&random, 3));
			bool there = false;

			if (near != 0 && test_random_below(&random, 4) != 0)
				base = near + test_random_below(&random, 64) * unit;
			base = base & ~(unit - 1);
			if (base == 0 || base > ((uintptr_t)1 << ADDRESS_BITS) - bytes)
				continue;
			for (int j = 0; j < SEGMENTS && !there; j++)
				there = inserted[j] &&
				        base < smal_round_up(segments[j].base + segments[j].bytes,
				                             (size_t)1 << segments[j].unit_log2) &&
				        segments[j].base < base + bytes;
			if (there)
				continue;
			make_up(&segments[i], base, bytes - test_random_below(&random, 2) * 4096,
			        unit_log2);
			if (UINTPTR_MAX > 0xffffffffu || live < 20) {
				insert(i);
				live++;
			}
		}
		if (step % 16 == 0) {
			expect_agreement(&random, 50);
			if (table_slots() < 1 << 16 || step % 512 == 0)
				expect_sound();
			ck_assert_uint_ge(table_slots(), slots);
			slots = table_slots();
		}
	}
	for (int i = 0; i < SEGMENTS; i++)
		if (inserted[i])
			take_away(i);
	expect_sound();
}
END_TEST

/* A run of large blocks that comes and goes at changing places makes no more
 * tables than there are sizes. */
START_TEST(test_tables_are_few)
{
	struct test_random random;
	uint64_t calls = fault_calls(FAULT_MMAP);

	test_random_init(&random, 3);
	for (int round = 0; round < 2000; round++) {
		for (int i = 0; i < 4; i++) {
			uintptr_t page = test_random_below(&random, 1 << (ADDRESS_BITS - 28 - 2));

			make_up(&segments[i], ((uintptr_t)i << (ADDRESS_BITS - 2)) +
			                              (page << SMAL_REGION_LOG2) + SMAL_REGION,
			        SMAL_REGION, SMAL_REGION_LOG2);
			if (segments[i].base >> ADDRESS_BITS == 0)
				insert(i);
		}
		for (int i = 0; i < 4; i++)
			if (inserted[i])
				take_away(i);
	}
	ck_assert_uint_le(fault_calls(FAULT_MMAP) - calls, 40);
}
END_TEST

/* Alike in more of their low bits than the ones before, so that the table grows
 * and grows; and at times there is no memory for it. */
START_TEST(test_no_memory)
{
	int most = UINTPTR_MAX > 0xffffffffu ? 60 : 10, refused = 0;
	struct fault_sweep sweep = { .calls = FAULT_MMAP | FAULT_MPROTECT };

	while (fault_sweep_next(&sweep)) {
		fault_sweep_begin(&sweep);
		for (int i = 0; i < most; i++) {
			make_up(&segments[i], (uintptr_t)(2 * i + 1) << (22 + i % 4), 4 * MIB, 22);
			inserted[i] = smal_table_insert(&segments[i]);
		}
		fault_end();
		expect_sound();
		for (int i = 0; i < most; i++) {
			if (inserted[i]) {
				expect_found(&segments[i]);
			} else {
				refused++;
				ck_assert_ptr_null(smal_table_find(segments[i].base));
				insert(i);
			}
		}
		for (int i = 0; i < most; i++)
			if (inserted[i])
				take_away(i);
		/* Back to the smallest table, as in a process that begins. */
		smal_process.table = 0;
	}
	ck_assert_int_gt(refused, 0);
}
END_TEST

START_TEST(test_checker)
{
	volatile AO_t *first, *slots;
	AO_t kept;
	struct smal_table *table;

	make_up(&segments[0], (uintptr_t)8 * SMAL_REGION / (UINTPTR_MAX > 0xffffffffu ? 1 : 4),
	        3 * (size_t)SMAL_REGION / (UINTPTR_MAX > 0xffffffffu ? 1 : 4), 22);
	make_up(&segments[1], segments[0].base + segments[0].bytes, 4 * MIB, 22);
	insert(0);
	insert(1);
	expect_sound();
	table = smal_atomic_load_pointer(&smal_process.table);
	slots = table->slot;
	first = &slots[segments[0].base >> table->unit_log2 & table->mask];

	kept = first[1];
	first[1] = 0;
	ground_expect(smal_table_check(), "table I1");
	first[1] = (AO_t)&segments[1];
	ground_expect(smal_table_check(), "table I");
	first[1] = kept;
	expect_sound();

	first[0] = 0;
	ground_expect(smal_table_check(), "table I1");
	first[0] = kept;
	for (first = slots; *first != 0; first++)
		;
	ck_assert(first <= slots + table->mask);
	*first = (AO_t)&segments[1];
	ground_expect(smal_table_check(), "table I2");
	*first = 0;
	expect_sound();

	segments[1].magic = SMAL_MAGIC_GONE;
	ground_expect(smal_table_check(), "table I2");
	segments[1].magic = SMAL_MAGIC_SEGMENT;
	expect_sound();
	take_away(0);
	take_away(1);
}
END_TEST

static Suite *table_suite(void)
{
	Suite *suite = suite_create("table");
	TCase *finding = tcase_create("finding");
	TCase *checker = tcase_create("checker");

	tcase_add_test(finding, test_find);
	tcase_add_test(finding, test_model);
	tcase_add_test(finding, test_tables_are_few);
	tcase_add_test(finding, test_no_memory);
	suite_add_tcase(suite, finding);

	tcase_add_test(checker, test_checker);
	suite_add_tcase(suite, checker);
	return suite;
}

int main(void)
{
	return test_main(table_suite);
}
