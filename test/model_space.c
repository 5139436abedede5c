/* SPDX-License-Identifier: MIT */
/*
 * model_space.c: runs by random operations, against a map of bytes: a chunk is
 * one run's alone, and holds what was written there; what is said to be zero
 * is; bytes in use, free and of metadata are what was committed after every
 * operation; more is committed only if nothing that is there fits; a request
 * fails only if nothing fits at all. From the system, in one segment and in
 * many, and in buffers of a caller from the smallest on, around which nothing
 * is written, and for which the system is not called.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <string.h>

enum { RUNS = 4096, BLOCKS = 1 << 14, SEGMENTS = 256 };

struct run {
	char *base;
	size_t bytes;
	uint64_t tag;
};

static struct run runs[RUNS];
static size_t run_count;
static uint64_t used_bytes, most_bytes;
static struct smal_space *space;
static struct test_random random_;

/* The map: a byte for each chunk of a block that was ever in use; the blocks lie
 * where their numbers do. */
static uintptr_t numbers[BLOCKS];
static struct block {
	unsigned char used[SMAL_BLOCK_CHUNKS];
} blocks[BLOCKS];

/* Blocks of each segment that were committed after the last operation. */
static struct known {
	struct smal_segment *segment;
	size_t blocks;
} known[SEGMENTS];

static uint64_t below(uint64_t limit)
{
	return test_random_below(&random_, limit);
}

/* ---- The map ---- */

/* In a caller's buffer, blocks are counted from its first chunk. */
static uintptr_t map_origin;

static struct block *block_at(uintptr_t number)
{
	return &blocks[ground_place(numbers, BLOCKS, number)];
}

static void map_change(const char *base, size_t bytes, bool used)
{
	uintptr_t at = (uintptr_t)base - map_origin, limit = at + bytes;

	EXPECT_EQ(at % SMAL_CHUNK, 0);
	while (at < limit) {
		struct block *block = block_at(at / SMAL_BLOCK);
		size_t first = at / SMAL_CHUNK % SMAL_BLOCK_CHUNKS;
		size_t n = smal_min(SMAL_BLOCK_CHUNKS - first, (limit - at) / SMAL_CHUNK);

		for (size_t i = first; i < first + n; i++) {
			EXPECT_EQ(block->used[i], !used);
			block->used[i] = used;
		}
		at += n * SMAL_CHUNK;
	}
}

static bool is_free(const unsigned char *used, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (used[i])
			return false;
	return true;
}

/* True if n chunks at a multiple of `align` chunks are free in the first blocks
 * of a segment; above 256, the whole blocks that hold them. */
static bool fits(const struct smal_segment *segment, size_t segment_blocks, size_t n, size_t align)
{
	uintptr_t first = (segment->base - map_origin) / SMAL_BLOCK;
	size_t want = (size_t)1 << smal_log2_ceil((n + 255) / 256), free_blocks = 0;

	align = smal_max(align, (size_t)1 << smal_log2_ceil(n));
	for (size_t b = 0; b < segment_blocks; b++) {
		const unsigned char *used = block_at(first + b)->used;
		size_t capacity = smal_min((segment->bytes >> SMAL_CHUNK_LOG2) - b * 256, 256);

		if (n <= 256) {
			for (size_t at = 0; at + align <= capacity; at += align)
				if (is_free(used + at, align))
					return true;
			continue;
		}
		if (b % want == 0)
			free_blocks = 0;
		free_blocks += capacity == 256 && is_free(used, 256);
		if (b % want == want - 1 && free_blocks == want)
			return true;
	}
	return false;
}

static struct known *known_of(const struct smal_segment *segment)
{
	size_t i = 0;

	while (i < SEGMENTS && known[i].segment != segment && known[i].segment != NULL)
		i++;
	EXPECT(i < SEGMENTS);
	return &known[i];
}

/* After a request for n chunks: whatever had to be committed for it did not fit
 * into what was. Then remembers what is committed now. */
static void check_growth(size_t n, size_t align)
{
	static size_t committed;
	size_t sum = 0;

	SMAL_LIST_EACH(link, &space->segments)
		sum += SMAL_CONTAINER(link, struct smal_segment, link)->committed_blocks;
	if (sum == committed)
		return;
	committed = sum;
	for (size_t i = 0; n != 0 && i < SEGMENTS && known[i].segment != NULL; i++)
		EXPECT(!fits(known[i].segment, known[i].blocks, n, align));
	SMAL_LIST_EACH(link, &space->segments) {
		struct smal_segment *segment = SMAL_CONTAINER(link, struct smal_segment, link);

		if (!segment->direct)
			*known_of(segment) = (struct known){ segment, segment->committed_blocks };
	}
}

/* ---- Contents ---- */

/* Calls look(chunk, bytes, tag) for the chunks of a run: all of a small one's;
 * of a large one's, whose tag is odd, those at multiples of 64 KiB. */
static void each_chunk(char *base, size_t bytes, uint64_t tag,
                       void (*look)(char *chunk, size_t bytes, uint64_t tag))
{
	if (tag % 2 == 0) {
		look(base, bytes, tag);
		return;
	}
	for (char *at = (char *)smal_round_up((uintptr_t)base, 65536); at < base + bytes; at += 65536)
		look(at, SMAL_CHUNK, tag);
}

static void mark_chunk(char *chunk, size_t bytes, uint64_t tag)
{
	ground_mark(chunk, bytes, tag);
}

static void check_chunk(char *chunk, size_t bytes, uint64_t tag)
{
	ground_check_mark(chunk, bytes, tag);
}

static void zero_chunk(char *chunk, size_t bytes, uint64_t tag)
{
	(void)tag;
	ground_check_zero(chunk, bytes);
}

static void mark(char *base, size_t bytes, uint64_t tag)
{
	each_chunk(base, bytes, tag, mark_chunk);
}

static void check_mark(char *base, size_t bytes, uint64_t tag)
{
	each_chunk(base, bytes, tag, check_chunk);
}

static void check_zero(char *base, size_t bytes, uint64_t tag)
{
	each_chunk(base, bytes, tag, zero_chunk);
}

/* ---- Operations ---- */

static void add(char *base, size_t bytes, uint64_t tag)
{
	EXPECT(run_count < RUNS);
	runs[run_count++] = (struct run){ base, bytes, tag };
}

/* In chunks: most are small, few are very large. */
static size_t random_size(void)
{
	uint64_t dice = below(100000);
	size_t most = space->options.buffer != NULL ? space->options.buffer_bytes >> SMAL_CHUNK_LOG2
	                                            : SIZE_MAX;
	size_t n;

	if (dice < 2)
		n = 65537 + below(20000);
	else if (dice < 10)
		n = 1 + below(65536);
	else if (dice < 200)
		n = 1 + below(4096);
	else if (dice < 8000)
		n = 1 + below(256);
	else
		n = 1 + below((uint64_t)1 << below(6));
	return n <= most ? n : 1 + below(most + 1);
}

static bool is_direct(const struct run *run)
{
	return smal_space_segment(space, run->base)->direct;
}

static void take(void)
{
	size_t n = random_size(), align = below(4) == 0 ? (size_t)1 << below(9) : 1;
	size_t bytes = n * SMAL_CHUNK, least = (size_t)1 << smal_log2_ceil(n);
	uint64_t tag = test_random_next(&random_) << 1 | (n > 64);
	struct smal_segment *segment;
	bool zeroed;
	char *run;

	if (run_count == RUNS || used_bytes + bytes > most_bytes)
		return;
	run = smal_space_take(space, bytes - below(SMAL_CHUNK), align * SMAL_CHUNK, &zeroed);
	check_growth(n, align);
	if (run == NULL) {
		EXPECT(space->options.buffer != NULL);
		segment = SMAL_CONTAINER(space->segments.next, struct smal_segment, link);
		if (n <= 65536)
			EXPECT(!fits(segment, segment->block_count, n, align));
		return;
	}
	segment = smal_space_segment(space, run);
	EXPECT(segment != NULL && segment == smal_space_segment(space, run + bytes - 1));
	EXPECT_EQ(segment->direct, n > 65536);
	EXPECT_EQ(((uintptr_t)run - segment->base) %
	                  (smal_min(smal_max(least, align), 256) * SMAL_CHUNK),
	          0);
	if (!segment->direct)
		map_change(run, bytes, true);
	if (zeroed)
		check_zero(run, bytes, tag);
	mark(run, bytes, tag);
	add(run, bytes, tag);
	used_bytes += bytes;
}

static void give(size_t at)
{
	struct run run = runs[at];

	check_mark(run.base, run.bytes, run.tag);
	runs[at] = runs[--run_count];
	if (!is_direct(&run))
		map_change(run.base, run.bytes, false);
	EXPECT(smal_space_give(space, run.base, run.bytes));
	used_bytes -= run.bytes;
}

/* A part goes, one or two are left. */
static void give_part(size_t at)
{
	struct run run = runs[at];
	size_t n = run.bytes / SMAL_CHUNK, first = below(n), count = 1 + below(n - first);
	char *part = run.base + first * SMAL_CHUNK, *behind = part + count * SMAL_CHUNK;

	if (count == n || run_count + 1 >= RUNS)
		return;
	check_mark(part, count * SMAL_CHUNK, run.tag);
	if (!is_direct(&run))
		map_change(part, count * SMAL_CHUNK, false);
	EXPECT(smal_space_give(space, part, count * SMAL_CHUNK));
	used_bytes -= count * SMAL_CHUNK;
	runs[at] = runs[--run_count];
	if (first > 0)
		add(run.base, first * SMAL_CHUNK, run.tag);
	if (first + count < n)
		add(behind, (n - first - count) * SMAL_CHUNK, run.tag);
}

static void extend(size_t at)
{
	struct run *run = &runs[at];
	size_t more = (1 + below((uint64_t)1 << below(10))) * SMAL_CHUNK;
	char *end = run->base + run->bytes;
	bool zeroed, done;

	if (used_bytes + more > most_bytes)
		return;
	done = smal_space_extend(space, run->base, run->bytes, run->bytes + more, &zeroed);
	check_growth(0, 0);
	if (!done)
		return;
	EXPECT(!is_direct(run));
	EXPECT(smal_space_segment(space, end + more - 1) == smal_space_segment(space, run->base));
	map_change(end, more, true);
	if (zeroed)
		check_zero(end, more, run->tag);
	mark(end, more, run->tag);
	run->bytes += more;
	used_bytes += more;
}

static void run_model(uint64_t steps)
{
	for (uint64_t step = 0; step < steps; step++) {
		bool fills = step / 3000 % 2 == 0;
		uint64_t dice = below(1000), at = run_count > 0 ? below(run_count) : 0;

		if (run_count == 0 || dice < (fills ? 560 : 400))
			take();
		else if (dice < 850)
			give(at);
		else if (dice < 930)
			give_part(at);
		else if (dice < 999)
			extend(at);
		else if (below(16) == 0)
			smal_space_purge(space, (unsigned)below(2) * 5);
		ground_check_counts(space, used_bytes);
		if (step % 4096 == 0)
			ground_check(space);
	}
	ground_check(space);
	while (run_count > 0)
		give(run_count - 1);
	ground_check(space);
	ground_check_counts(space, 0);
}

static void begin(const struct smal_space_options *options, uint64_t stream)
{
	test_random_init(&random_, stream);
	memset(numbers, 0, sizeof numbers);
	memset(blocks, 0, sizeof blocks);
	memset(known, 0, sizeof known);
	used_bytes = map_origin = 0;
	space = ground_space(options);
	check_growth(0, 0);
}

START_TEST(test_one_segment)
{
	struct smal_space_options options = { .provider = &ground_counted, .decay_ms = 5000 };

	begin(&options, 1);
	most_bytes = 300 * MIB;
	run_model(ground_steps() / 2);
	smal_space_destroy(space);
}
END_TEST

START_TEST(test_many_segments)
{
	struct smal_space_options options = { .provider = &ground_counted,
		                              .segment_bytes = 4 * MIB,
		                              .decay_ms = 5000 };

	begin(&options, 2);
	most_bytes = 200 * MIB;
	run_model(ground_steps() / 4);
	smal_space_destroy(space);
	/* And with a system that is given everything at once. */
	options.decay_ms = 0;
	begin(&options, 3);
	run_model(ground_steps() / 32);
	smal_space_destroy(space);
}
END_TEST

/* ---- In a caller's buffer ---- */

/* KiB; each is tried at a place and with a length of its own. */
static const size_t kibibytes[] = {
	60,   61,   70,   90,   128,   200,   300,    512,    700,    1024,
	1500, 2048, 3333, 8192, 20000, 65536, 100000, 262144, 300000, 600000,
};
enum { SIZES = sizeof kibibytes / sizeof *kibibytes };

START_TEST(test_buffer)
{
	struct smal_space_options options = { .decay_ms = 5000 };
	struct ground_buffer buffer;
	uint64_t calls;

	test_random_init(&random_, 100 + (uint64_t)_i);
	options.buffer_bytes = kibibytes[_i] * 1024 + below(4096);
	if (options.buffer_bytes > 100 * MIB && UINTPTR_MAX <= 0xffffffffu)
		return;
	ground_buffer_init(&buffer, options.buffer_bytes, below(4096));
	options.buffer = buffer.base;
	calls = fault_calls(FAULT_ALL);
	begin(&options, 200 + (uint64_t)_i);
	map_origin = SMAL_CONTAINER(space->segments.next, struct smal_segment, link)->base %
	             SMAL_BLOCK;
	most_bytes = options.buffer_bytes;
	run_model(ground_steps() / 4 / SIZES);
	ck_assert_uint_eq(fault_calls(FAULT_ALL), calls);
	smal_space_destroy(space);
	ck_assert_uint_eq(fault_calls(FAULT_ALL), calls);
	ground_buffer_check(&buffer);
	ground_buffer_fini(&buffer);
}
END_TEST

static Suite *space_suite(void)
{
	TCase *os, *buffers;
	Suite *suite = ground_model_suite("model of the space", &os, &buffers);

	tcase_add_test(os, test_one_segment);
	tcase_add_test(os, test_many_segments);
	tcase_add_loop_test(buffers, test_buffer, 0, SIZES);
	return suite;
}

int main(void)
{
	return test_main(space_suite);
}
