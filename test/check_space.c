/* SPDX-License-Identifier: MIT */
/*
 * check_space.c: runs of every size are where the contract says, whole or in
 * parts, and grow where they stand; what is given back is handed out before
 * more is committed, and freed neighbours are one run again; nothing is written
 * into memory by the space itself. The checker sees each invariant broken.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct smal_space *space;
static bool zeroed;

static struct smal_segment *first_segment(void)
{
	ck_assert(!smal_link_is_alone(&space->segments));
	return SMAL_CONTAINER(space->segments.next, struct smal_segment, link);
}

static char *take_aligned(size_t bytes, size_t align_bytes)
{
	char *run = smal_space_take(space, bytes, align_bytes, &zeroed);

	if (run == NULL)
		ck_abort_msg("no run of %zu bytes", bytes);
	return run;
}

static char *take(size_t bytes)
{
	return take_aligned(bytes, SMAL_CHUNK);
}

static void give(void *run, size_t bytes)
{
	EXPECT(smal_space_give(space, run, bytes));
}

static void begin(void)
{
	struct smal_space_options options = { .provider = &ground_counted, .decay_ms = 100000 };

	space = ground_space(&options);
}

static void begin_untouched(void)
{
	struct smal_space_options options = { .provider = &ground_untouched,
		                              .segment_bytes = ground_untouched_bytes,
		                              .decay_ms = 100000 };

	space = ground_space(&options);
}

static void end(void)
{
	ground_check(space);
	smal_space_destroy(space);
}

static uint64_t used(void)
{
	struct smal_space_counts counts;

	smal_space_get_counts(space, &counts);
	return counts.used_bytes;
}

/* ---- Where runs are ---- */

/* Up to 1 MiB at a multiple of the size rounded up to a power of two, or of the
 * alignment; above it at a block; each apart from all others. */
START_TEST(test_positions)
{
	static const size_t above[] = { 257, 300, 511, 512, 513, 1000, 25600, 65535, 65536 };
	size_t chunks, sum = 0;
	char *run, *next;

	for (chunks = 1; chunks <= SMAL_BLOCK_CHUNKS; chunks++) {
		size_t bytes = chunks * SMAL_CHUNK, align = bytes;

		while (!smal_is_power_of_two(align))
			align += SMAL_CHUNK;
		run = take(bytes - chunks % 3);
		ck_assert_uint_eq((uintptr_t)run % align, 0);
		ground_mark(run, bytes, chunks);
		next = take_aligned(SMAL_CHUNK, align);
		ck_assert_uint_eq((uintptr_t)next % align, 0);
		ground_mark(next, SMAL_CHUNK, chunks + 1000);
		ground_check_mark(run, bytes, chunks);
		sum += bytes + SMAL_CHUNK;
		if (chunks % 16 == 0)
			ground_check_counts(space, sum);
	}
	for (size_t i = 0; i < sizeof above / sizeof *above; i++) {
		run = take(above[i] * SMAL_CHUNK);
		ck_assert_uint_eq((uintptr_t)run % SMAL_BLOCK, 0);
		ck_assert_ptr_eq(smal_table_find((uintptr_t)run),
		                 smal_table_find((uintptr_t)run + above[i] * SMAL_CHUNK - 1));
		ck_assert(!smal_table_find((uintptr_t)run)->direct);
		sum += above[i] * SMAL_CHUNK;
		ground_check_counts(space, sum);
	}
	run = take(SMAL_REGION + (size_t)1);
	ck_assert(smal_table_find((uintptr_t)run)->direct);
	ck_assert_uint_eq((uintptr_t)run % SMAL_ID_BYTES, 0);
	ground_check_counts(space, sum + SMAL_REGION + SMAL_CHUNK);
	end();
}
END_TEST

START_TEST(test_impossible_sizes)
{
	static const size_t sizes[] = { 0, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 4095, SIZE_MAX - 4096,
		                        SIZE_MAX / 2 + 1, SIZE_MAX / 2, SIZE_MAX / 2 - 65536 };

	take(1);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		ck_assert_ptr_null(smal_space_take(space, sizes[i], 1, &zeroed));
		ground_check(space);
	}
	ground_check_counts(space, SMAL_CHUNK);
	end();
}
END_TEST

/* Memory that was never used, or was purged, reads as zero; else it is as it was
 * left, and that is said. */
START_TEST(test_zeroed)
{
	char *first = take(5 * SMAL_CHUNK), *run;

	ck_assert(zeroed);
	ground_check_zero(first, 5 * SMAL_CHUNK);
	ground_mark(first, 5 * SMAL_CHUNK, 1);
	give(first + 2 * SMAL_CHUNK, SMAL_CHUNK);
	run = take(SMAL_CHUNK);
	ck_assert_ptr_eq(run, first + 2 * SMAL_CHUNK);
	ck_assert(!zeroed);
	ground_check_mark(run, SMAL_CHUNK, 1);
	give(first, 5 * SMAL_CHUNK);
	ck_assert_uint_eq(smal_space_purge(space, 0), 5 * SMAL_CHUNK);
	run = take(8 * SMAL_CHUNK);
	ck_assert_ptr_eq(run, first);
	ck_assert(zeroed);
	ground_check_zero(run, 8 * SMAL_CHUNK);
	/* A run that is dirty in one chunk of many is dirty. */
	give(run + 7 * SMAL_CHUNK, SMAL_CHUNK);
	give(run, 7 * SMAL_CHUNK);
	smal_space_purge(space, 0);
	run = take(2 * (size_t)SMAL_BLOCK);
	ck_assert(zeroed);
	give(run, 2 * (size_t)SMAL_BLOCK);
	smal_space_purge(space, 0);
	ck_assert_ptr_eq(take_aligned(SMAL_CHUNK, SMAL_BLOCK), run);
	give(run, SMAL_CHUNK);
	ck_assert_ptr_eq(take(2 * (size_t)SMAL_BLOCK), run);
	ck_assert(!zeroed);
	end();
}
END_TEST

/* ---- Parts ---- */

/* Every part of a run can be given by itself, and is then all that is free. */
START_TEST(test_parts)
{
	static const unsigned sizes[] = { 1, 2, 7, 256, 257, 300, 512, 700, 1024 };
	static const unsigned points[] = { 0, 1, 2, 6, 100, 255, 256, 257, 300, 511, 512, 600, 700,
		                           768, 1023, 1024 };

	size_t step = test_is_slow() ? 3 : 1;

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		size_t n = sizes[s];

		for (size_t f = 0; f < sizeof points / sizeof *points; f += step) {
			for (size_t l = f + 1; l < sizeof points / sizeof *points; l++) {
				size_t first = points[f] * (size_t)SMAL_CHUNK;
				size_t bytes = (points[l] - points[f]) * (size_t)SMAL_CHUNK;
				char *run;

				if (points[l] > n)
					continue;
				run = take(n * SMAL_CHUNK);
				give(run + first, bytes);
				ground_check(space);
				ground_check_counts(space, n * SMAL_CHUNK - bytes);
				if (first > 0)
					give(run, first);
				ground_check_counts(space, (n - points[l]) * SMAL_CHUNK);
				if (points[l] < n)
					give(run + first + bytes, (n - points[l]) * SMAL_CHUNK);
				ground_check_counts(space, 0);
			}
		}
	}
	end();
}
END_TEST

/* A run of several blocks, chunk by chunk in a random order; it holds what it
 * held until its chunk goes. */
START_TEST(test_chunk_by_chunk)
{
	enum { CHUNKS = 1000 };
	static unsigned order[CHUNKS];
	struct test_random random;
	char *run = take(CHUNKS * SMAL_CHUNK);

	test_random_init(&random, 1);
	ground_mark(run, CHUNKS * SMAL_CHUNK, 1);
	for (unsigned i = 0; i < CHUNKS; i++) {
		unsigned j = (unsigned)test_random_below(&random, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (unsigned i = 0; i < CHUNKS; i++) {
		ground_check_mark(run + order[i] * (size_t)SMAL_CHUNK, SMAL_CHUNK, 1);
		give(run + order[i] * (size_t)SMAL_CHUNK, SMAL_CHUNK);
		ground_check_counts(space, (CHUNKS - 1 - i) * (uint64_t)SMAL_CHUNK);
	}
	ground_check(space);
	ck_assert_ptr_eq(take(CHUNKS * SMAL_CHUNK), run);
	end();
}
END_TEST

/* Above 256 MiB: parts go back as memory at once, the addresses with the last. */
START_TEST(test_direct)
{
	const size_t bytes = SMAL_REGION + 5 * (size_t)SMAL_BLOCK + 1;
	const size_t chunks = smal_round_up(bytes, SMAL_CHUNK);
	size_t mappings;
	char *run, *other;

	take(1);
	run = take(bytes);
	other = take(bytes);
	ck_assert(zeroed);
	ground_check_zero(run, chunks);
	memset(run, 1, 1);
	memset(run + bytes - 1, 1, 1);
	ground_mark(other, chunks, 2);
	ck_assert_ptr_eq(smal_space_segment(space, run + bytes - 1),
	                 smal_space_segment(space, run));
	ck_assert(!smal_space_extend(space, run, bytes, bytes + SMAL_BLOCK, &zeroed));
	mappings = test_mappings();
	give(run, bytes);
	ck_assert_ptr_null(smal_space_segment(space, run));
	ck_assert(mappings == TEST_UNKNOWN || test_mappings() < mappings);
	ground_check_counts(space, SMAL_CHUNK + chunks);
	ground_check_mark(other, chunks, 2);

	/* The end, the front, the middle. */
	give(other + SMAL_BLOCK, chunks - SMAL_BLOCK);
	ground_check_counts(space, SMAL_CHUNK + SMAL_BLOCK);
	ground_check_mark(other, SMAL_BLOCK, 2);
	ground_check(space);
	give(other, SMAL_CHUNK);
	ck_assert_ptr_nonnull(smal_space_segment(space, other));
	ground_check_mark(other + SMAL_CHUNK, SMAL_BLOCK - SMAL_CHUNK, 2);
	give(other + SMAL_CHUNK, SMAL_BLOCK - SMAL_CHUNK);
	ck_assert_ptr_null(smal_space_segment(space, other));
	ground_check_counts(space, SMAL_CHUNK);
	ground_check(space);
	end();
}
END_TEST

/* ---- Growing ---- */

START_TEST(test_extend)
{
	char *run = take(SMAL_CHUNK), *next;

	ground_mark(run, SMAL_CHUNK, 1);
	ck_assert(smal_space_extend(space, run, SMAL_CHUNK, 2 * SMAL_CHUNK, &zeroed));
	ck_assert(zeroed);
	ground_check_zero(run + SMAL_CHUNK, SMAL_CHUNK);
	ck_assert(smal_space_extend(space, run, SMAL_CHUNK + 1, 2 * SMAL_CHUNK, &zeroed));
	/* Over the end of its block, and of several. */
	ck_assert(smal_space_extend(space, run, 2 * SMAL_CHUNK, 700 * SMAL_CHUNK, &zeroed));
	ground_check(space);
	ground_check_counts(space, 700 * SMAL_CHUNK);
	ground_check_mark(run, SMAL_CHUNK, 1);
	ground_mark(run, 700 * SMAL_CHUNK, 2);
	/* Something in the way: nothing changes. */
	next = take(3 * (size_t)SMAL_BLOCK);
	ground_mark(next, 3 * (size_t)SMAL_BLOCK, 3);
	ck_assert_ptr_eq(next, run + 1024 * SMAL_CHUNK);
	ck_assert(!smal_space_extend(space, run, 700 * SMAL_CHUNK, 1025 * SMAL_CHUNK, &zeroed));
	ground_check(space);
	ground_check_counts(space, (700 + 768) * SMAL_CHUNK);
	ck_assert(smal_space_extend(space, run, 700 * SMAL_CHUNK, 1024 * SMAL_CHUNK, &zeroed));
	ck_assert(!smal_space_extend(space, run, 1024 * SMAL_CHUNK, 1025 * SMAL_CHUNK, &zeroed));
	ground_check_mark(run, 700 * SMAL_CHUNK, 2);
	ground_check_mark(next, 3 * (size_t)SMAL_BLOCK, 3);
	/* Into what was given back: as it was left. */
	give(next, 3 * (size_t)SMAL_BLOCK);
	ck_assert(smal_space_extend(space, run, 1024 * SMAL_CHUNK, 1025 * SMAL_CHUNK, &zeroed));
	ck_assert(!zeroed);
	ground_check_mark(run + 1024 * SMAL_CHUNK, SMAL_CHUNK, 3);
	give(run, 1025 * SMAL_CHUNK);
	ground_check_counts(space, 0);
	end();
}
END_TEST

/* ---- Which memory ---- */

/* Blocks full of single chunks, of which 2^k aligned neighbours are given back
 * in any order: the next run of that size is exactly there. */
START_TEST(test_merge)
{
	enum { BLOCKS = 3 };
	struct test_random random;
	char *base = take(BLOCKS * (size_t)SMAL_BLOCK);

	test_random_init(&random, 2);
	for (int round = 0; round < 500; round++) {
		unsigned order = (unsigned)test_random_below(&random, 9), n = 1u << order;
		unsigned first = (unsigned)test_random_below(&random, BLOCKS * 256) & ~(n - 1);
		unsigned step = (unsigned)test_random_next(&random) | 1;

		for (unsigned i = 0; i < n; i++)
			give(base + (first + ((i * step) & (n - 1))) * (size_t)SMAL_CHUNK, SMAL_CHUNK);
		ck_assert_ptr_eq(take(n * (size_t)SMAL_CHUNK), base + first * (size_t)SMAL_CHUNK);
	}
	ground_check(space);
	/* And blocks, into a run of many. */
	for (int i = 0; i < BLOCKS; i++)
		give(base + (i * 2 % BLOCKS) * (size_t)SMAL_BLOCK, SMAL_BLOCK);
	ck_assert_ptr_eq(take(BLOCKS * (size_t)SMAL_BLOCK), base);
	end();
}
END_TEST

/* Free blocks are used before more is committed, however they lie. */
START_TEST(test_committed_first)
{
	char *base = take(40 * (size_t)SMAL_BLOCK);
	uint64_t commits;

	give(base + 4 * SMAL_BLOCK, 2 * (size_t)SMAL_BLOCK);
	give(base + 16 * SMAL_BLOCK, 8 * (size_t)SMAL_BLOCK);
	commits = ground_commits();
	ck_assert_ptr_eq(take(SMAL_BLOCK), base + 4 * SMAL_BLOCK);
	ck_assert_ptr_eq(take(SMAL_BLOCK), base + 5 * SMAL_BLOCK);
	for (int i = 16; i < 24; i++)
		ck_assert_ptr_eq(take(SMAL_BLOCK), base + i * (size_t)SMAL_BLOCK);
	ck_assert_uint_eq(ground_commits(), commits);
	give(base, 40 * (size_t)SMAL_BLOCK);
	/* The region is free as a whole now, and still the one that is committed. */
	ck_assert_ptr_eq(take(20 * (size_t)SMAL_BLOCK), base);
	ck_assert_uint_lt((size_t)(take(SMAL_BLOCK) - base), 40 * (size_t)SMAL_BLOCK);
	ck_assert_uint_eq(ground_commits(), commits);
	end();
}
END_TEST

/* Runs come and go at either end of what there is; what is committed stays. */
START_TEST(test_churn)
{
	int rounds = test_is_slow() ? 20000 : 500000;
	struct smal_space_counts before, after;
	struct test_random random;
	char *base, *ends[2];
	size_t sizes[2];

	test_random_init(&random, 3);
	base = take(30 * (size_t)SMAL_BLOCK);
	give(base + 10 * (size_t)SMAL_BLOCK, 10 * (size_t)SMAL_BLOCK);
	for (int i = 0; i < 2; i++)
		ends[i] = take(sizes[i] = SMAL_CHUNK);
	smal_space_get_counts(space, &before);
	for (int i = 0; i < rounds; i++) {
		give(ends[i % 2], sizes[i % 2]);
		sizes[i % 2] = (1 + test_random_below(&random, 256)) * SMAL_CHUNK;
		ends[i % 2] = take(sizes[i % 2]);
		if (i % 1000 == 0)
			ground_check_counts(space, 20 * (uint64_t)SMAL_BLOCK + sizes[0] + sizes[1]);
	}
	smal_space_get_counts(space, &after);
	ck_assert_uint_eq(after.committed_bytes, before.committed_bytes);
	ck_assert_uint_eq(after.reserved_bytes, before.reserved_bytes);
	ck_assert_uint_eq(after.commits, before.commits);
	end();
}
END_TEST

/* One run that comes and goes costs no call of the system. */
START_TEST(test_ping_pong)
{
	static const size_t sizes[] = { 1, 65536, SMAL_BLOCK, 3 * SMAL_BLOCK + 1, SMAL_REGION };
	int rounds = test_is_slow() ? 10000 : 100000;

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		uint64_t calls;

		give(take(sizes[s]), sizes[s]);
		calls = fault_calls(FAULT_ALL);
		for (int i = 0; i < rounds; i++)
			give(take(sizes[s]), sizes[s]);
		ck_assert_uint_le((fault_calls(FAULT_ALL) - calls) * 1000, (uint64_t)rounds);
	}
	end();
}
END_TEST

/* ---- What is not touched ---- */

/* Nothing is ever written to, or read from, a run: this one can't be. */
START_TEST(test_untouched)
{
	struct test_random random;
	char *runs[64] = { NULL };
	size_t sizes[64] = { 0 };

	test_random_init(&random, 4);
	for (int i = 0; i < 20000; i++) {
		size_t at = test_random_below(&random, 64);

		if (runs[at] != NULL) {
			if (sizes[at] <= SMAL_ELEMENT_LARGEST) {
				EXPECT(smal_element_bytes(space, runs[at]) >= sizes[at]);
				EXPECT(smal_element_give(space, runs[at]));
				EXPECT(!smal_element_give(space, runs[at]));
			} else {
				give(runs[at], sizes[at]);
			}
		}
		sizes[at] = 1 + test_random_below(&random, (size_t)1 << test_random_below(&random, 24));
		runs[at] = sizes[at] <= SMAL_ELEMENT_LARGEST ? smal_element_take(space, sizes[at])
		                                             : take(sizes[at]);
		EXPECT(runs[at] != NULL);
		if (i % 1000 == 0) {
			ground_check(space);
			smal_space_purge(space, 0);
		}
	}
	end();
}
END_TEST

/* After its end a space leaves no mapping behind. */
START_TEST(test_destroy)
{
	size_t before, rounds = 20;

	smal_space_destroy(ground_space(NULL)); /* the table stays, whose first use this is */
	before = test_mappings();
	while (rounds-- > 0) {
		space = ground_space(NULL);
		take(1);
		take(7 * (size_t)SMAL_BLOCK);
		take(300 * (size_t)SMAL_BLOCK);
		smal_element_take(space, 100);
		end();
	}
	/* Neighbours may have been joined, or not. */
	ck_assert(before == TEST_UNKNOWN || test_is_slow() || test_mappings() <= before + 2);
}
END_TEST

/* ---- Time ---- */

/* The same operations with 1 MiB in use, and with 32 GiB of it in runs of many
 * sizes: the system is not asked, and no more is done; how long it takes is
 * printed. */
START_TEST(test_flat)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} levels[] = {
		{ "1 MiB", (uint64_t)1 << 20 }, { "32 MiB", (uint64_t)32 << 20 },
		{ "1 GiB", GIB }, { "32 GiB", 32 * GIB },
	};
	struct test_random random;
	uint64_t total = 0;

	test_random_init(&random, 5);
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		int rounds = test_is_slow() ? 2000 : 200000;
		uint64_t start, calls;
		char *runs[16];

		if (levels[i].bytes > ground_untouched_bytes / (test_is_slow() ? 100 : 2))
			break;
		while (total < levels[i].bytes) {
			size_t bytes = SMAL_CHUNK * (1 + test_random_below(&random, 64));
			char *run = take(bytes);

			/* Holes of a chunk here and there. */
			if (bytes > SMAL_CHUNK && test_random_below(&random, 8) == 0) {
				give(run + SMAL_CHUNK, SMAL_CHUNK);
				bytes -= SMAL_CHUNK;
			}
			total += bytes;
		}
		calls = fault_calls(FAULT_ALL);
		for (int j = 0; j < 16; j++)
			runs[j] = take(16 * SMAL_CHUNK);
		start = smal_os_clock_ns();
		for (int j = 0; j < rounds; j++) {
			give(runs[j % 16], 16 * SMAL_CHUNK);
			runs[j % 16] = take(16 * SMAL_CHUNK);
		}
		printf("%7s in use: %" PRIu64 " ns for giving and taking 64 KiB\n", levels[i].name,
		       (smal_os_clock_ns() - start) / (unsigned)rounds);
		ck_assert_uint_le(fault_calls(FAULT_ALL) - calls, 16);
		for (int j = 0; j < 16; j++)
			give(runs[j], 16 * SMAL_CHUNK);
	}
	ck_assert_uint_eq(used(), total);
	end();
}
END_TEST

/* ---- The checker ---- */

#define BREAK(field, value, tag) GROUND_BREAK(field, value, smal_space_check(space), tag)

START_TEST(test_checker)
{
	struct smal_segment *segment, *direct;
	struct smal_block_info *infos;
	struct smal_table *table;
	volatile AO_t *slot;
	char *run;

	run = take(5 * SMAL_CHUNK);
	take(3 * (size_t)SMAL_BLOCK);
	give(take(SMAL_REGION + (size_t)1), SMAL_REGION + (size_t)1);
	direct = smal_space_segment(space, take(SMAL_REGION + (size_t)1));
	give(run, 2 * SMAL_CHUNK);
	segment = first_segment();
	infos = segment->infos;
	ground_expect_sound(smal_space_check(space));

	BREAK(space->magic, SMAL_MAGIC_GONE, "space");
	BREAK(segment->space, NULL, "segment");

	/* I1: dirty is free. */
	BREAK(infos[0].dirty[0], infos[0].dirty[0] | 4, "space I1");
	BREAK(infos[segment->committed_blocks > 4 ? 4 : 1].dirty[1], 1, "space I");

	/* I2: the count of what is dirty. */
	BREAK(infos[0].dirty[0], infos[0].dirty[0] & ~(uint64_t)1, "space I2");
	BREAK(infos[0].dirty[3], (uint64_t)1 << 63, "space I2");
	BREAK(segment->dirty_chunks, 0, "space I2");
	BREAK(segment->dirty_chunks, 3, "space I2");
	BREAK(segment->dirty_regions[0], 0, "space I2");

	/* I3: the count of what is in use. */
	BREAK(segment->used_bytes, segment->used_bytes + SMAL_CHUNK, "space I3");
	BREAK(direct->used_bytes, 0, "space I3");
	BREAK(direct->used_bytes, direct->bytes + SMAL_CHUNK, "space I3");
	{
		/* A block that is handed out whole is free at the same time. */
		struct smal_binmap *map = smal_fsa_at(&segment->maps, segment->region_maps[0]);
		struct smal_node node = segment->region_nodes[0];
		uint32_t chunk = (uint32_t)(((uintptr_t)run - segment->base) >> SMAL_CHUNK_LOG2);
		uint32_t block = chunk / SMAL_FAN;

		ck_assert(map->word[block / 64] >> (block % 64) & 1);
		smal_level_give(&segment->blocks, block, 1);
		ground_expect(smal_space_check(space), "space I3: a free block");
		ck_assert(smal_level_take_at(&segment->blocks, block, 1));
		ck_assert_int_eq(segment->region_nodes[0].order, node.order);
		ground_expect_sound(smal_space_check(space));
		/* Blocks are in use beyond what is committed. */
		block = segment->block_count > 255 ? 255 : segment->block_count - 1;
		ck_assert(smal_level_take_at(&segment->blocks, block, 1));
		ground_expect(smal_space_check(space), "space I3: blocks are in use");
		smal_level_give(&segment->blocks, block, 1);
		ground_expect_sound(smal_space_check(space));
	}

	/* I4: the table. */
	table = smal_atomic_load_pointer(&smal_process.table);
	slot = &table->slot[segment->base >> table->unit_log2 & table->mask];
	BREAK(*slot, 0, "space I4");
	slot = &table->slot[(direct->base + direct->bytes - 1) >> table->unit_log2 & table->mask];
	BREAK(*slot, 0, "space I4");
	BREAK(*slot, (AO_t)segment, "space I4");

	/* I5: all that was committed. */
	BREAK(space->account.committed_bytes, space->account.committed_bytes + SMAL_CHUNK,
	      "space I5");
	BREAK(segment->side[SMAL_SIDE_MASK].committed_bytes,
	      segment->side[SMAL_SIDE_MASK].committed_bytes + SMAL_CHUNK, "space I5");
	BREAK(segment->maps.area.committed_bytes, segment->maps.area.committed_bytes + SMAL_CHUNK,
	      "space I5");
	BREAK(direct->memory.committed_bytes, direct->memory.committed_bytes - SMAL_CHUNK,
	      "space I5");

	/* Items of metadata have one owner. */
	BREAK(space->directs.used, 0, "fsa");
	BREAK(space->directs.reserved, 3, "fsa I");
	BREAK(segment->maps.reserved, segment->maps.reserved + 1, "fsa I3");
	BREAK(segment->element_maps.reserved, 1, "fsa");
	BREAK(segment->top_map, segment->region_maps[0], "");
	end();
}
END_TEST

static Suite *space_suite(void)
{
	Suite *suite = suite_create("space");
	TCase *runs = tcase_create("runs");
	TCase *untouched = tcase_create("untouched");
	TCase *ends = tcase_create("ends");
	TCase *checker = tcase_create("checker");

	tcase_add_checked_fixture(runs, begin, NULL);
	tcase_add_test(runs, test_positions);
	tcase_add_test(runs, test_impossible_sizes);
	tcase_add_test(runs, test_zeroed);
	tcase_add_test(runs, test_parts);
	tcase_add_test(runs, test_chunk_by_chunk);
	tcase_add_test(runs, test_direct);
	tcase_add_test(runs, test_extend);
	tcase_add_test(runs, test_merge);
	tcase_add_test(runs, test_committed_first);
	tcase_add_test(runs, test_churn);
	tcase_add_test(runs, test_ping_pong);
	suite_add_tcase(suite, runs);

	tcase_add_checked_fixture(untouched, begin_untouched, NULL);
	tcase_add_test(untouched, test_untouched);
	tcase_add_test(untouched, test_flat);
	suite_add_tcase(suite, untouched);

	tcase_add_test(ends, test_destroy);
	suite_add_tcase(suite, ends);

	tcase_add_checked_fixture(checker, begin, NULL);
	tcase_add_test(checker, test_checker);
	suite_add_tcase(suite, checker);
	return suite;
}

int main(void)
{
	return test_main(space_suite);
}
