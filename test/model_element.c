/* SPDX-License-Identifier: MIT */
/*
 * model_element.c: elements by random operations, against a map of granules:
 * each is apart from all others and from all runs, holds what was written
 * there, and is known by its start alone. From the system, and in buffers of a
 * caller, around which nothing is written.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <stdlib.h>
#include <string.h>

enum { LIVE = 60000, BLOCKS = 4096 };

struct live {
	char *base;
	/* What was asked for; what it has. */
	uint32_t bytes, has;
	uint64_t tag;
};

static struct live live[LIVE];
static size_t live_count;
static struct smal_space *space;
static struct test_random random_;

/* The map: for each granule of a block that was ever in use, a bit; the blocks lie
 * where their numbers do. */
static uintptr_t numbers[BLOCKS];
static struct block {
	uint64_t used[SMAL_BLOCK / SMAL_GRANULE / 64];
} *blocks;

static uint64_t below(uint64_t limit)
{
	return test_random_below(&random_, limit);
}

static struct block *block_at(uintptr_t number)
{
	return &blocks[ground_place(numbers, BLOCKS, number)];
}

/* A bit for each granule, and there is no room for a mistake. */
static void map_change(const char *base, size_t bytes, bool used)
{
	uintptr_t first = (uintptr_t)base / SMAL_GRANULE;

	for (uintptr_t i = first; i < first + bytes / SMAL_GRANULE; i++) {
		struct block *block = block_at(i * SMAL_GRANULE / SMAL_BLOCK);
		size_t bit = i % (SMAL_BLOCK / SMAL_GRANULE);

		EXPECT_EQ(block->used[bit / 64] >> (bit % 64) & 1, !used);
		block->used[bit / 64] ^= (uint64_t)1 << (bit % 64);
	}
}

static size_t random_size(void)
{
	static const uint16_t usual[] = { 16, 32, 40, 48, 64, 100, 128, 256, 512, 1024, 2048 };

	return below(3) == 0 ? 1 + below(SMAL_ELEMENT_LARGEST)
	                     : usual[below(sizeof usual / sizeof *usual)];
}

static void take(void)
{
	struct live *one = &live[live_count];
	size_t bytes = random_size();

	if (live_count == LIVE)
		return;
	one->base = smal_element_take(space, bytes);
	if (one->base == NULL) {
		EXPECT(space->options.buffer != NULL);
		return;
	}
	EXPECT_EQ((uintptr_t)one->base % SMAL_GRANULE, 0);
	one->bytes = (uint32_t)bytes;
	one->has = (uint32_t)smal_element_bytes(space, one->base);
	EXPECT(one->has >= bytes);
	one->tag = test_random_next(&random_);
	map_change(one->base, one->has, true);
	ground_mark(one->base, one->has, one->tag);
	live_count++;
}

static void give(size_t at)
{
	struct live one = live[at];

	ground_check_mark(one.base, one.has, one.tag);
	EXPECT_EQ(smal_element_bytes(space, one.base), one.has);
	if (below(4) == 0) {
		size_t inside = 1 + below(one.has - 1);

		EXPECT(!smal_element_give(space, one.base + inside));
		EXPECT_EQ(smal_element_bytes(space, one.base + inside), 0);
	}
	live[at] = live[--live_count];
	map_change(one.base, one.has, false);
	EXPECT(smal_element_give(space, one.base));
	if (below(4) == 0) {
		EXPECT(!smal_element_give(space, one.base));
		EXPECT_EQ(smal_element_bytes(space, one.base), 0);
	}
}

/* Runs beside them: of chunks that groups have, then, or had. */
static void other_run(void)
{
	static char *run;
	static size_t bytes;
	bool zeroed;

	if (run != NULL) {
		ground_check_mark(run, bytes, 1);
		map_change(run, bytes, false);
		EXPECT(!smal_element_give(space, run));
		EXPECT(smal_space_give(space, run, bytes));
		run = NULL;
		return;
	}
	if (live_count == 0)
		return; /* the end is near */
	bytes = (1 + below(300)) * SMAL_CHUNK;
	run = smal_space_take(space, bytes, 1, &zeroed);
	if (run != NULL) {
		map_change(run, bytes, true);
		ground_mark(run, bytes, 1);
	}
}

static void run_model(uint64_t steps)
{
	memset(numbers, 0, sizeof numbers);
	blocks = calloc(BLOCKS, sizeof *blocks);
	ck_assert_ptr_nonnull(blocks);
	for (uint64_t step = 0; step < steps; step++) {
		bool fills = step / 100000 % 2 == 0;
		uint64_t dice = below(1000);

		if (live_count == 0 || dice < (fills ? 650 : 350))
			take();
		else if (dice < 997)
			give(below(live_count));
		else if (dice < 999)
			other_run();
		else if (below(32) == 0)
			smal_space_purge(space, 0);
		if (step % 16384 == 0)
			ground_check(space);
	}
	ground_check(space);
	while (live_count > 0)
		give(below(live_count));
	other_run();
	if (space->account.committed_bytes != 0)
		smal_space_purge(space, 0);
	ground_check(space);
	ground_check_counts(space, 0);
	free(blocks);
}

START_TEST(test_system)
{
	struct smal_space_options options = { .provider = &ground_counted, .decay_ms = 5000 };

	test_random_init(&random_, 1);
	space = ground_space(&options);
	run_model(ground_steps() / 2);
	smal_space_destroy(space);
}
END_TEST

START_TEST(test_small_segments)
{
	struct smal_space_options options = { .provider = &ground_counted, .decay_ms = 5000,
		                              .segment_bytes = MIB };

	test_random_init(&random_, 2);
	space = ground_space(&options);
	run_model(ground_steps() / 4);
	smal_space_destroy(space);
}
END_TEST

static const size_t kibibytes[] = { 20, 33, 64, 100, 200, 512, 1000, 1024, 3000, 10000, 50000 };
enum { SIZES = sizeof kibibytes / sizeof *kibibytes };

START_TEST(test_buffer)
{
	struct smal_space_options options = { .buffer_bytes = kibibytes[_i] * 1024 };
	struct ground_buffer buffer;
	uint64_t calls;

	test_random_init(&random_, 10 + (uint64_t)_i);
	ground_buffer_init(&buffer, options.buffer_bytes, below(4096));
	options.buffer = buffer.base;
	calls = fault_calls(FAULT_ALL);
	space = smal_space_create(&options);
	ck_assert_ptr_nonnull(space);
	run_model(ground_steps() / 4 / SIZES);
	ground_buffer_check(&buffer);
	smal_space_destroy(space);
	ck_assert(fault_calls(FAULT_ALL) == calls || test_is_slow());
	ground_buffer_fini(&buffer);
}
END_TEST

static Suite *element_suite(void)
{
	TCase *os, *buffers;
	Suite *suite = ground_model_suite("model of elements", &os, &buffers);

	tcase_add_test(os, test_system);
	tcase_add_test(os, test_small_segments);
	tcase_add_loop_test(buffers, test_buffer, 0, SIZES);
	return suite;
}

int main(void)
{
	return test_main(element_suite);
}
