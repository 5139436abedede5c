/* SPDX-License-Identifier: MIT */
/*
 * check_heap_bounds.c: what the heap promises of its growth, by counts and never by
 * time: a free slot is found by reading a few words, however many there are; there
 * is no new buffer while a free slot serves; blocks that come and go at one place
 * cost nothing; small blocks become large ones and back; what a small program
 * costs, and what is left when all is freed; and scribbling over free memory.
 *
 * Called with the word "ten", it is that small program.
 */
#include "test/heaps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SMALLEST = 16,
	FILL_BYTES = 64 << 20,
	/* What a small program may cost: a page for each size, the heap and its cache, and
	 * a page for each kind of metadata of two spaces. */
	TEN_BYTES = 224 << 10
};

/* ---- In front of bin.c, where masks are read ---- */

void *__real_smal_cache_refill(struct smal_cache *cache, unsigned class);
void *__wrap_smal_cache_refill(struct smal_cache *cache, unsigned class);

/* How often a bin has been filled: of slots of 16 bytes, from one word of a mask. */
static uint64_t refills;

void *__wrap_smal_cache_refill(struct smal_cache *cache, unsigned class)
{
	refills++;
	return __real_smal_cache_refill(cache, class);
}

/* ---- Finding ---- */

/* All slots of a stride are in use but the first and the last: A, B, free A, free B,
 * again and again, with so many slots in all; the most words that one take read. */
static uint64_t most_words(unsigned slots_log2)
{
	struct smal_space_options options = { .decay_ms = 1000000 };
	struct smal_space *space;
	struct smal_stride stride;
	uintptr_t first = 0, last = 0;
	uint64_t most = 0;

	smal_stride_sides(&options);
	space = smal_space_create(&options);
	EXPECT(space != NULL);
	EXPECT(smal_stride_init(&stride, space, 1, 1, SMALLEST));
	for (size_t i = 0; i < (size_t)1 << slots_log2; i += stride.slots) {
		struct smal_buffer *buffer = smal_stride_grow(&stride, 0);
		uintptr_t base, limit;

		EXPECT(buffer != NULL);
		base = smal_buffer_base(buffer);
		limit = base + smal_buffer_bytes(buffer);
		smal_buffer_claim_slots(buffer, base, limit, false);
		smal_stride_settle(buffer, false);
		first = i == 0 ? base : first;
		last = limit - SMALLEST;
	}
	EXPECT(smal_stride_take(&stride) == NULL);
	EXPECT(smal_stride_give(&stride, (void *)first) && smal_stride_give(&stride, (void *)last));
	for (int i = 0; i < 1000; i++) {
		uint64_t before = stride.words_read, between;
		void *a = smal_stride_take(&stride), *b;

		between = stride.words_read;
		b = smal_stride_take(&stride);
		EXPECT(a != NULL && b != NULL);
		most = smal_max(most, smal_max(between - before, stride.words_read - between));
		EXPECT(smal_stride_give(&stride, a) && smal_stride_give(&stride, b));
	}
	smal_stride_fini(&stride);
	smal_space_destroy(space);
	return most;
}

START_TEST(test_find_stride)
{
	ck_assert_uint_le(most_words(12), 4);
	ck_assert_uint_eq(most_words(12), most_words(18));
	ck_assert_uint_eq(most_words(12), most_words(test_is_slow() ? 20 : 24));
}
END_TEST

/* The heap itself, with its bins emptied each time, so that masks are read: a word for
 * each of the two, wherever they are. */
START_TEST(test_find_heap)
{
	size_t count = heaps_scale((size_t)1 << (_i == 0 ? 12 : 22));
	char **blocks = malloc(count * sizeof *blocks);
	struct smal_cache *cache;

	for (size_t i = 0; i < count; i++)
		blocks[i] = heaps_alloc(SMALLEST);
	cache = smal_cache_find(heap);
	if (cache == NULL)
		goto out;
	heaps_free(blocks[0]);
	heaps_free(blocks[count - 1]);
	for (int i = 0; i < 1000; i++) {
		smal_cache_flush(cache);
		refills = 0;
		blocks[0] = heaps_alloc(SMALLEST);
		blocks[count - 1] = heaps_alloc(SMALLEST);
		EXPECT(refills >= 1 && refills <= 2);
		heaps_free(blocks[0]);
		heaps_free(blocks[count - 1]);
	}
	/* And through the magazine none at all. */
	refills = 0;
	for (int i = 0; i < 1000; i++) {
		blocks[0] = heaps_alloc(SMALLEST);
		blocks[count - 1] = heaps_alloc(SMALLEST);
		heaps_free(blocks[0]);
		heaps_free(blocks[count - 1]);
	}
	ck_assert_uint_eq(refills, 0);
out:
	free(blocks);
}
END_TEST

/* ---- Growth ---- */

/* While the cache or the heap has a slot that fits, no buffer is made: with some
 * blocks freed at random, as many are had again in the same buffers. */
START_TEST(test_no_growth)
{
	enum { BLOCKS = 5000 };
	static void *blocks[BLOCKS];
	struct test_random random;
	uint64_t peak;

	test_random_init(&random, (uint64_t)_i);
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = heaps_alloc(smal_heap_class_bytes((unsigned)_i));
	peak = heaps_stats().buffer_bytes;
	for (uint64_t step = heaps_scale(test_long() ? 1000000 : 20000); step > 0;
	     step -= smal_min(step, 1000)) {
		for (int i = 0; i < 1000; i++) {
			size_t one = test_random_below(&random, BLOCKS);

			if (blocks[one] != NULL)
				heaps_free(blocks[one]);
			blocks[one] = NULL;
		}
		if (test_random_below(&random, 4) == 0)
			smal_heap_trim(heap);
		for (int i = 0; i < BLOCKS; i++)
			if (blocks[i] == NULL)
				blocks[i] = heaps_alloc(smal_heap_class_bytes((unsigned)_i));
		EXPECT(heaps_stats().buffer_bytes <= peak);
	}
	ck_assert_uint_le(heaps_stats().buffer_peak_bytes, peak);
	heaps_check();
}
END_TEST

/* One block comes and goes: at the end of all, and at the beginning of all. */
static void churn(void **blocks, size_t count, size_t at, size_t bytes)
{
	uint64_t committed = 0;

	for (size_t i = 0; i < heaps_scale(1000000); i++) {
		heaps_free(blocks[at]);
		blocks[at] = heaps_alloc(bytes);
		if (i == 10)
			committed = heaps_committed_bytes();
	}
	EXPECT_EQ(heaps_committed_bytes(), committed);
	heaps_audit(count, count * heaps_slot_bytes(bytes));
}

START_TEST(test_churn)
{
	static const size_t sizes[] = { 16, 100, 5000, 32768, 50000 };
	size_t bytes = sizes[_i];
	void *blocks[300];

	for (int i = 0; i < 300; i++)
		blocks[i] = heaps_alloc(bytes);
	churn(blocks, 300, 299, bytes);
	churn(blocks, 300, 0, bytes);
}
END_TEST

/* ---- Small blocks become large ones ---- */

/* An array that goes back to the system when it is freed. */
static size_t array_bytes(size_t count)
{
	return smal_round_up(count * sizeof(void *), 64 * KIB);
}

static void **fill(size_t bytes, size_t *count)
{
	void **blocks;

	*count = FILL_BYTES / bytes / (test_is_slow() ? 16 : 1);
	blocks = smal_os_reserve(array_bytes(*count));
	EXPECT(blocks != NULL && smal_os_commit(blocks, array_bytes(*count)));
	for (size_t i = 0; i < *count; i++)
		blocks[i] = heaps_alloc(bytes);
	return blocks;
}

static void free_all(void **blocks, size_t count, uint64_t stream)
{
	struct test_random random;

	test_random_init(&random, stream);
	heaps_shuffle(&random, blocks, count);
	for (size_t i = 0; i < count; i++)
		heaps_free(blocks[i]);
	smal_os_release(blocks, array_bytes(count));
	heaps_audit(0, 0);
}

START_TEST(test_small_to_large)
{
	uint64_t committed;
	size_t count, all;
	void **blocks = fill(SMALLEST, &count), *large;

	committed = heaps_committed_bytes();
	all = count * SMALLEST;
	free_all(blocks, count, 1);
	smal_heap_trim(heap);
	heaps_audit(0, 0);
	large = heaps_alloc(all - all / 64);
	memset(large, 1, all - all / 64);
	heaps_audit(1, all - all / 64);
	ck_assert_uint_le(heaps_committed_bytes(), committed);
}
END_TEST

START_TEST(test_large_to_small)
{
	size_t bytes = FILL_BYTES / (test_is_slow() ? 16 : 1), back = 0;
	char *large = heaps_alloc(bytes);
	uint64_t committed = heaps_committed_bytes();

	heaps_free(large);
	while (heaps_committed_bytes() <= committed && back < bytes / SMALLEST)
		for (int i = 0; i < 64; i++) {
			char *block = heaps_alloc(SMALLEST);

			back += block >= large && block < large + bytes;
		}
	ck_assert_uint_ge(back * SMALLEST, bytes / 100 * 99);
}
END_TEST

/* ---- What stays ---- */

START_TEST(test_all_freed)
{
	size_t resident = test_resident_bytes(), count, after;

	if (resident == TEST_UNKNOWN || test_is_slow())
		return;
	for (unsigned class = 0; class < SMAL_HEAP_CLASSES; class += 7) {
		size_t bytes = smal_heap_class_bytes(class);
		void **blocks = fill(bytes, &count);

		for (size_t i = 0; i < count; i++)
			memset(blocks[i], 1, bytes);
		free_all(blocks, count, class);
	}
	smal_heap_trim(heap);
	heaps_audit(0, 0);
	after = test_resident_bytes();
	printf("all freed and trimmed: %zu KiB, %zu KiB before\n", after / KIB, resident / KIB);
	ck_assert_uint_le(after, resident + MIB);
}
END_TEST

/* Nothing of the heap's lies where its blocks do: what a program does to memory that
 * it has freed, or that it never had, harms nobody's but its own data. */
START_TEST(test_scribble)
{
	enum { BLOCKS = 3000 };
	static void *blocks[BLOCKS];
	struct test_random random;

	if (!heaps_has_caches())
		return;
	test_random_init(&random, 3);
	for (int turn = 0; turn < 20; turn++) {
		for (int i = 0; i < BLOCKS; i++)
			blocks[i] = heaps_alloc(1 + test_random_below(&random, 40000));
		heaps_shuffle(&random, blocks, BLOCKS);
		for (int i = 0; i < BLOCKS; i++) {
			size_t bytes = smal_heap_usable(heap, blocks[i]);

			if (i % 3 != 0)
				heaps_free(blocks[i]);
			memset(blocks[i], (int)test_random_below(&random, 256), bytes);
		}
		heaps_check();
		for (int i = 0; i < BLOCKS; i += 3)
			heaps_free(blocks[i]);
		heaps_audit(0, 0);
	}
}
END_TEST

/* ---- A small program ---- */

struct resident {
	size_t all, dirty;
};

static struct resident resident(void)
{
	return (struct resident){ test_resident_bytes(), test_private_dirty_bytes() };
}

/* Its last line: what ten blocks cost. */
static int ten(void)
{
	static const size_t sizes[] = { 1, 16, 24, 40, 64, 100, 200, 500, 1000, 4000 };
	/* What the measure itself touches is there before. */
	struct resident before = resident(), after;

	before = resident();
	for (int i = 0; i < 10; i++)
		memset(smal_heap_alloc(NULL, sizes[i]), 1, sizes[i]);
	after = resident();
	printf("%zu %zu\n", after.all - before.all, after.dirty - before.dirty);
	return before.all == TEST_UNKNOWN ? 77 : 0;
}

START_TEST(test_ten)
{
	size_t all = 0, dirty = 0;
	FILE *output;
	int fields;

	if (test_is_slow() || test_resident_bytes() == TEST_UNKNOWN)
		return;
	output = popen(getenv("SMAL_TEST_TEN"), "r");
	ck_assert_ptr_nonnull(output);
	fields = fscanf(output, "%zu %zu", &all, &dirty);
	ck_assert_int_eq(pclose(output), 0);
	ck_assert_int_eq(fields, 2);
	printf("ten blocks: %zu KiB resident, %zu KiB of them written\n", all / KIB, dirty / KIB);
	ck_assert_uint_le(dirty, TEN_BYTES);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("heap bounds");
	TCase *t = tcase_create("bounds"), *program = tcase_create("program");

	tcase_add_checked_fixture(t, heaps_begin_plain, heaps_end);
	tcase_add_test(t, test_find_stride);
	tcase_add_loop_test(t, test_find_heap, 0, 2);
	tcase_add_loop_test(t, test_no_growth, 0, 48);
	tcase_add_loop_test(t, test_churn, 0, 5);
	tcase_add_test(t, test_small_to_large);
	tcase_add_test(t, test_large_to_small);
	tcase_add_test(t, test_all_freed);
	tcase_add_test(t, test_scribble);
	suite_add_tcase(s, t);
	tcase_add_test(program, test_ten);
	suite_add_tcase(s, program);
	return s;
}

int main(int argc, char **argv)
{
	char command[4096];

	if (argc > 1 && strcmp(argv[1], "ten") == 0)
		return ten();
	snprintf(command, sizeof command, "'%s' ten", argv[0]);
	setenv("SMAL_TEST_TEN", command, 1);
	return test_main(suite);
}
