/* SPDX-License-Identifier: MIT */
/*
 * check_buffer.c: a space in a caller's buffer of any size at any place: it is
 * there from some size on, hands out all but a small part, writes nothing
 * outside, asks nothing of the system, and says no when it is full.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct ground_buffer buffer;
static struct smal_space *space;
static uint64_t calls;

/* A space in a new buffer, with what strides need or without; it may be too
 * small for one. */
static bool begin(size_t bytes, size_t offset, bool sides)
{
	struct smal_space_options options = { .buffer_bytes = bytes };

	ground_buffer_init(&buffer, bytes, offset);
	options.buffer = buffer.base;
	if (sides)
		smal_stride_sides(&options);
	calls = fault_calls(FAULT_ALL);
	space = smal_space_create(&options);
	return space != NULL;
}

static void end(void)
{
	if (space != NULL) {
		ground_check(space);
		smal_space_destroy(space);
	}
	EXPECT_EQ(fault_calls(FAULT_ALL), calls);
	ground_buffer_check(&buffer);
	ground_buffer_fini(&buffer);
}

/* Takes all chunks there are, one by one, writes all of each; they lie in the
 * buffer, each once. */
static size_t take_all(void)
{
	size_t bytes = 0;
	bool zeroed;
	char *chunk;

	while ((chunk = smal_space_take(space, SMAL_CHUNK, 1, &zeroed)) != NULL) {
		EXPECT(!zeroed);
		EXPECT(chunk >= buffer.base && chunk + SMAL_CHUNK <= buffer.base + buffer.bytes);
		memset(chunk, 0x5a, SMAL_CHUNK);
		bytes += SMAL_CHUNK;
	}
	return bytes;
}

static void give_all(void)
{
	struct smal_segment *segment =
		SMAL_CONTAINER(space->segments.next, struct smal_segment, link);

	EXPECT(smal_space_give(space, (void *)segment->base, segment->bytes));
	ground_check_counts(space, 0);
}

/* From nothing to 300 KiB. */
START_TEST(test_every_size)
{
	struct test_random random;
	size_t least = SIZE_MAX;

	test_random_init(&random, (uint64_t)_i);
	for (size_t bytes = 0; bytes < (test_is_slow() ? 60 : 300) * 1024;
	     bytes += 1 + test_random_below(&random, 2000)) {
		bool there = begin(bytes, test_random_below(&random, 4096), _i != 0);

		if (there) {
			least = smal_min(least, bytes);
			ground_check(space);
			EXPECT(take_all() > 0);
			ground_check(space);
			give_all();
		}
		end();
	}
	printf("the smallest buffer tried with a chunk in it has %zu bytes\n", least);
	ck_assert_uint_le(least, _i == 0 ? 20000 : 45000);
}
END_TEST

/* What is not handed out: some KiB, and in a large buffer what the nodes and
 * masks say. */
START_TEST(test_share)
{
	static const size_t kibibytes[] = { 512, 1024, 1025, 5000, 65536, 300000 };
	static const unsigned least_percent[2][6] = { { 97, 98, 98, 98, 99, 99 },
		                                      { 92, 95, 95, 96, 96, 96 } };

	for (int i = 0; i < (test_is_slow() ? 4 : 6); i++) {
		for (int sides = 0; sides <= 1; sides++) {
			size_t got;

			ck_assert(begin(kibibytes[i] * 1024, 100, sides != 0));
			got = take_all();
			printf("%zu KiB%s: %.2f %% handed out\n", kibibytes[i],
			       sides ? " for strides" : "", 100.0 * (double)got / (double)buffer.bytes);
			EXPECT(got * 100 >= buffer.bytes * least_percent[sides][i]);
			ground_check(space);
			give_all();
			end();
		}
	}
}
END_TEST

/* Blocks, regions, and a last region that is short. */
START_TEST(test_large_buffer)
{
	static const size_t blocks[] = { 3, 300, 700, 1100 };

	for (int i = 0; i < (UINTPTR_MAX > 0xffffffffu ? 4 : 1); i++) {
		size_t bytes = blocks[i] * SMAL_BLOCK, got = 0, n;
		bool zeroed;
		char *run;

		if (test_is_slow() && i > 1)
			break;
		ck_assert(begin(bytes, 16, true));
		/* The largest that there are first. */
		for (n = 256; n > 0; n /= 2) {
			while ((run = smal_space_take(space, n * SMAL_BLOCK, 1, &zeroed)) != NULL) {
				ground_mark(run, SMAL_BLOCK, n);
				got += n * SMAL_BLOCK;
			}
		}
		ground_check_counts(space, got);
		ck_assert_uint_ge(got + 4 * SMAL_BLOCK + bytes / 25, bytes);
		ck_assert_ptr_null(smal_space_take(space, SMAL_REGION + (size_t)1, 1, &zeroed));
		take_all();
		ground_check(space);
		give_all();
		/* 200 blocks fit wherever a region has as many. */
		for (n = 0; (run = smal_space_take(space, 200 * (size_t)SMAL_BLOCK, 1, &zeroed)) != NULL;
		     n++)
			ground_mark(run, SMAL_BLOCK, n);
		ck_assert_uint_eq(n, (blocks[i] + 40) / 256);
		end();
	}
}
END_TEST

/* A run that does not fit because one region is in use in part: the next one is
 * tried, whatever the order they are in. */
START_TEST(test_regions)
{
	char *runs[3], *run;
	bool zeroed;

	if (UINTPTR_MAX <= 0xffffffffu || !begin(1000 * (size_t)SMAL_BLOCK, 0, false))
		return;
	for (int i = 0; i < 3; i++) {
		runs[i] = smal_space_take(space, SMAL_REGION, 1, &zeroed);
		ck_assert_ptr_nonnull(runs[i]);
	}
	/* The short region is alone, so it is the first to be opened. */
	ck_assert(smal_space_give(space, runs[0], SMAL_REGION));
	ck_assert(smal_space_give(space, runs[1], SMAL_REGION));
	run = smal_space_take(space, 256 * (size_t)SMAL_BLOCK, 1, &zeroed);
	ck_assert(run == runs[0] || run == runs[1]);
	ck_assert_ptr_nonnull(smal_space_take(space, 256 * (size_t)SMAL_BLOCK, 1, &zeroed));
	ck_assert_ptr_null(smal_space_take(space, 256 * (size_t)SMAL_BLOCK, 1, &zeroed));
	ck_assert_ptr_nonnull(smal_space_take(space, 100 * (size_t)SMAL_BLOCK, 1, &zeroed));
	end();
}
END_TEST

/* Elements and strides work in 512 KiB, and say when they are full. */
START_TEST(test_inside)
{
	static const size_t sizes[] = { 512 * 1024, 700 * 1024 + 13, 3 * 1024 * 1024 + 4097 };

	for (int i = 0; i < 3; i++) {
		struct smal_stride stride;
		size_t elements = 0, slots = 0;
		char *last = NULL, *element;

		ck_assert(begin(sizes[i], 7, true));
		ck_assert(smal_stride_init(&stride, space, 1, 1, 48));
		while (smal_stride_grow(&stride, 0) != NULL)
			if (stride.heap_bytes > sizes[i] / 2)
				break;
		while ((element = smal_stride_take(&stride)) != NULL) {
			memset(element, 1, 48);
			slots++;
			last = element;
		}
		ck_assert_uint_gt(slots * 48, sizes[i] / 4);
		ck_assert_ptr_null(smal_stride_check(&stride));
		while ((element = smal_element_take(space, 40)) != NULL) {
			memset(element, 2, 40);
			EXPECT_EQ(smal_element_bytes(space, element), 48);
			elements++;
		}
		ck_assert_uint_gt((slots + elements) * 48, sizes[i] / 10 * 8);
		ck_assert(smal_stride_give(&stride, last));
		ck_assert(!smal_stride_give(&stride, last));
		ck_assert(!smal_element_give(space, last));
		ground_check(space);
		ck_assert_ptr_null(smal_stride_check(&stride));
		smal_stride_fini(&stride);
		ck_assert_ptr_nonnull(smal_element_take(space, 40));
		end();
	}
}
END_TEST

static Suite *buffer_suite(void)
{
	Suite *suite = suite_create("buffer");
	TCase *sizes = tcase_create("sizes");
	TCase *inside = tcase_create("inside");

	tcase_add_loop_test(sizes, test_every_size, 0, 2);
	tcase_add_test(sizes, test_share);
	tcase_add_test(sizes, test_large_buffer);
	tcase_add_test(sizes, test_regions);
	suite_add_tcase(suite, sizes);

	tcase_add_test(inside, test_inside);
	suite_add_tcase(suite, inside);
	return suite;
}

int main(void)
{
	return test_main(buffer_suite);
}
