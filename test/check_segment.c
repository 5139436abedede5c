/* SPDX-License-Identifier: MIT */
/*
 * check_segment.c: 64 GiB cost addresses and next to nothing else; 36 bits name
 * every byte of them, 32 every granule; all of them can be handed out, to the
 * last chunk of the last block, with every block in part as well; where they
 * can't be had, smaller segments do. Metadata is as large as the structures
 * say. The checker sees each invariant broken.
 */
#include "test/ground.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct smal_space *space;

static struct smal_segment *first_segment(void)
{
	ck_assert(!smal_link_is_alone(&space->segments));
	return SMAL_CONTAINER(space->segments.next, struct smal_segment, link);
}

static unsigned segment_count(void)
{
	unsigned count = 0;

	SMAL_LIST_EACH(link, &space->segments)
		count++;
	return count;
}

static void *take(size_t bytes)
{
	bool zeroed;
	void *run = smal_space_take(space, bytes, SMAL_CHUNK, &zeroed);

	if (run == NULL)
		ck_abort_msg("no run of %zu bytes", bytes);
	return run;
}

static void give(void *run, size_t bytes)
{
	EXPECT(smal_space_give(space, run, bytes));
}

static void end(void)
{
	ground_check(space);
	smal_space_destroy(space);
}

/* ---- What it costs ---- */

START_TEST(test_cost)
{
	size_t before = test_resident_bytes(), after;
	uint64_t start = smal_os_clock_ns(), ready;
	struct smal_space_counts counts;

	space = ground_space(NULL);
	memset(take(1), 1, 1);
	ready = smal_os_clock_ns();
	after = test_resident_bytes();
	smal_space_get_counts(space, &counts);
	printf("%" PRIu64 " MiB reserved in %" PRIu64 " us, %zu KiB resident\n",
	       counts.reserved_bytes >> 20, (ready - start) / 1000, (after - before) >> 10);
	ck_assert_uint_ge(counts.reserved_bytes, ground_untouched_bytes);
	if (before != TEST_UNKNOWN && !test_is_slow())
		ck_assert_uint_lt(after, before + MIB);
	end();
}
END_TEST

/* Metadata of a space with these many blocks, in whole pages, is `bytes`. */
static void expect_metadata(size_t bytes, size_t used_bytes)
{
	struct smal_space_counts counts;

	smal_space_get_counts(space, &counts);
	ck_assert_uint_eq(counts.used_bytes, used_bytes);
	ck_assert_uint_eq(counts.committed_bytes, ground_committed_bytes());
	ck_assert_uint_ge(counts.metadata_bytes, bytes);
	ck_assert_uint_le(counts.metadata_bytes, bytes + 12 * smal_os_page_bytes());
}

/* A block has a node, a place for its map, and what is known of it; besides,
 * where there are elements, a node a chunk and what its group needs. */
START_TEST(test_metadata)
{
	enum { BLOCKS = 64 };
	const size_t block_bytes = sizeof(struct smal_node) + sizeof(uint32_t) +
	                           sizeof(struct smal_block_info);
	const size_t group_bytes = SMAL_BLOCK_CHUNKS * sizeof(struct smal_chunk_node) +
	                           sizeof(struct smal_node) + sizeof(uint32_t);
	const size_t fixed_bytes = sizeof(struct smal_space) + sizeof(struct smal_segment) +
	                           2 * sizeof(struct smal_binmap);
	struct smal_space_options options = { .provider = &ground_counted,
		                              .segment_bytes = BLOCKS * SMAL_BLOCK };
	size_t bytes = 0, lazy = 0;

	space = smal_space_create(&options);
	ck_assert_ptr_nonnull(space);
	take(BLOCKS * SMAL_BLOCK);
	expect_metadata(fixed_bytes + BLOCKS * block_bytes, BLOCKS * SMAL_BLOCK);
	give((void *)first_segment()->base, BLOCKS * SMAL_BLOCK);
	/* Elements that need a map of the largest size: 8 KiB a group. */
	for (size_t i = 0; i < BLOCKS * (size_t)(SMAL_BLOCK / SMAL_GRANULE); i++)
		EXPECT(smal_element_take(space, 1) != NULL);
	expect_metadata(fixed_bytes + BLOCKS * (block_bytes + group_bytes + 8192),
	                BLOCKS * SMAL_BLOCK);
	/* A percent; without elements, a hundredth of one. */
	ck_assert_uint_le((block_bytes + group_bytes + 8192) * 100, SMAL_BLOCK);
	ck_assert_uint_le(block_bytes * 10000, SMAL_BLOCK);
	end();
	ck_assert_uint_eq(ground_committed_bytes(), 0);

	/* What a stride keeps beside: at most 2.5 %. */
	options = (struct smal_space_options){ 0 };
	smal_stride_sides(&options);
	for (unsigned i = 0; i < SMAL_SIDES; i++) {
		bytes += options.side_bytes[i];
		lazy += options.lazy_sides >> i & 1 ? options.side_bytes[i] : 0;
	}
	ck_assert_uint_le(bytes * 1000, (size_t)SMAL_ID_BYTES * 25);
	ck_assert_uint_le((bytes - lazy) * 1000, (size_t)SMAL_ID_BYTES * 17);
}
END_TEST

/* ---- Addresses ---- */

START_TEST(test_addresses)
{
	int points = test_is_slow() ? 100000 : 1000000;
	struct smal_space_options options = { .provider = &ground_untouched,
		                              .segment_bytes = ground_untouched_bytes };
	struct smal_segment *segment;
	struct test_random random;
	char *other;

	test_random_init(&random, 1);
	space = ground_space(&options);
	take(1);
	segment = first_segment();
	ck_assert_uint_eq(segment->bytes, ground_untouched_bytes);
	ck_assert_uint_eq(segment->base % SMAL_REGION, 0);
	for (int i = 0; i < points; i++) {
		uintptr_t offset = (uintptr_t)test_random_below(&random, ground_untouched_bytes);
		uintptr_t address = segment->base + offset;
		unsigned region = (unsigned)(offset >> SMAL_REGION_LOG2);
		unsigned block = (unsigned)(offset >> SMAL_BLOCK_LOG2 & 255);
		unsigned chunk = (unsigned)(offset >> SMAL_CHUNK_LOG2 & 255);
		unsigned granule = (unsigned)(offset >> SMAL_GRANULE_LOG2 & 255);
		uint32_t name = (uint32_t)(offset >> SMAL_GRANULE_LOG2);

		EXPECT(smal_table_find(address) == segment);
		EXPECT(smal_space_segment(space, (void *)address) == segment);
		EXPECT_EQ(smal_segment_id(segment, address), offset / SMAL_ID_BYTES);
		EXPECT_EQ(region * (uint64_t)SMAL_REGION + block * (uint64_t)SMAL_BLOCK +
		                  chunk * SMAL_CHUNK + granule * SMAL_GRANULE,
		          offset & ~(uintptr_t)15);
		EXPECT_EQ(segment->base + ((uintptr_t)name << SMAL_GRANULE_LOG2),
		          address & ~(uintptr_t)15);
		EXPECT_EQ(name, region << 24 | block << 16 | chunk << 8 | granule);
	}
	/* What is not a segment's memory is not found: its metadata either. */
	ck_assert_ptr_null(smal_table_find((uintptr_t)segment));
	ck_assert_ptr_null(smal_table_find(segment->base - 1));
	ck_assert_ptr_null(smal_table_find(segment->base + segment->bytes));
	ck_assert_ptr_null(smal_table_find((uintptr_t)space));
	ck_assert_ptr_null(smal_table_find((uintptr_t)&options));
	ck_assert_ptr_null(smal_table_find((uintptr_t)&space));
	other = malloc(100);
	ck_assert_ptr_null(smal_table_find((uintptr_t)other));
	ck_assert_ptr_null(smal_space_segment(space, other));
	free(other);
	for (int i = 0; i < points; i++) {
		uintptr_t address = (uintptr_t)test_random_next(&random);

		if (i % 2 == 0)
			address >>= SMAL_WORD_BITS == 64 ? 17 : 1;
		EXPECT((smal_table_find(address) == segment) ==
		       (address - segment->base < segment->bytes));
	}
	end();
}
END_TEST

/* Another space's memory is foreign to a space. */
START_TEST(test_other_space)
{
	struct smal_space *other = ground_space(NULL);
	bool zeroed;
	void *run = smal_space_take(other, 1, 1, &zeroed), *element = smal_element_take(other, 1);

	space = ground_space(NULL);
	take(1);
	ck_assert_ptr_null(smal_space_segment(space, run));
	ck_assert_ptr_nonnull(smal_space_segment(other, run));
	ck_assert(!smal_element_give(space, element));
	ck_assert_uint_eq(smal_element_bytes(space, element), 0);
	ck_assert_uint_eq(smal_element_bytes(other, element), 16);
	ground_check(other);
	end();
	ground_check(other);
	smal_space_destroy(other);
}
END_TEST

/* ---- All of it ---- */

static void begin_untouched(void)
{
	struct smal_space_options options = { .provider = &ground_untouched,
		                              .segment_bytes = ground_untouched_bytes,
		                              .decay_ms = 1000000 };

	space = ground_space(&options);
}

/* Every block, or where that takes long, region by region; and the last block
 * chunk by chunk. Then all back, each far from the one before. */
START_TEST(test_hand_out_all)
{
	const uint32_t blocks = (uint32_t)(ground_untouched_bytes / SMAL_BLOCK);
	const uint32_t each = test_is_slow() ? 256 : 1;
	struct smal_segment *segment;
	uintptr_t base, last;
	uint32_t step;

	begin_untouched();
	base = (uintptr_t)take(each * (size_t)SMAL_BLOCK);
	segment = first_segment();
	ck_assert_uint_eq(segment->block_count, blocks);
	for (uint32_t i = each; i + each < blocks; i += each)
		take(each * (size_t)SMAL_BLOCK);
	for (uint32_t i = 1; i < each; i++)
		take(SMAL_BLOCK);
	last = segment->base + segment->bytes - SMAL_BLOCK;
	for (uintptr_t i = 0; i < SMAL_BLOCK_CHUNKS; i++)
		EXPECT_EQ((uintptr_t)take(1), last + i * SMAL_CHUNK);
	ck_assert_uint_eq(segment->used_bytes, ground_untouched_bytes);
	ck_assert_uint_eq(segment_count(), 1);
	ground_check(space);
	give((void *)(last + SMAL_BLOCK - SMAL_CHUNK), SMAL_CHUNK);
	ck_assert_uint_eq((uintptr_t)take(1), last + SMAL_BLOCK - SMAL_CHUNK);
	give((void *)(last + 7 * SMAL_CHUNK), SMAL_CHUNK);
	ck_assert_uint_eq((uintptr_t)take(1), last + 7 * SMAL_CHUNK);
	/* An odd step visits each of a power of two. */
	step = blocks / each / 3 * 2 + 1;
	for (uint32_t i = 0; i < blocks / each; i++)
		give((void *)(base + (uintptr_t)(i * step % (blocks / each)) * each * SMAL_BLOCK),
		     each * (size_t)SMAL_BLOCK);
	ck_assert_uint_eq(segment->used_bytes, 0);
	ground_check(space);
	take(256 * (size_t)SMAL_BLOCK);
	end();
}
END_TEST

/* As many maps as there can be: every block has a node that is partly used. */
START_TEST(test_every_block_in_part)
{
	const uint32_t blocks = (uint32_t)(ground_untouched_bytes / SMAL_BLOCK);
	const size_t bytes = 129 * SMAL_CHUNK, rest = 64 * SMAL_CHUNK;
	struct smal_segment *segment;
	uintptr_t base;

	if (test_is_slow())
		return;
	begin_untouched();
	base = (uintptr_t)take(bytes);
	segment = first_segment();
	for (uint32_t i = 1; i < blocks; i++)
		take(bytes);
	ck_assert_uint_eq(segment_count(), 1);
	ck_assert_uint_eq(segment->maps.used, blocks); /* regions are full */
	ground_check(space);
	/* A second segment for more of that, but the rest of each block is there. */
	for (uint32_t i = 0; i < blocks; i++)
		take(rest);
	ck_assert_uint_eq(segment_count(), 1);
	ck_assert_uint_eq(segment->used_bytes, blocks * (bytes + rest));
	ground_check(space);
	for (uint32_t i = blocks; i-- > 0;)
		give((void *)(base + ((uintptr_t)i << SMAL_BLOCK_LOG2)), bytes);
	for (uint32_t i = 0; i < blocks; i++)
		give((void *)(base + ((uintptr_t)i << SMAL_BLOCK_LOG2) + 192 * SMAL_CHUNK), rest);
	ck_assert_uint_eq(segment->used_bytes, 0);
	end();
}
END_TEST

/* The last block as a group of elements is a group like any other. */
START_TEST(test_last_group)
{
	const uint32_t blocks = (uint32_t)(ground_untouched_bytes / SMAL_BLOCK);
	struct smal_segment *segment;
	char *first, *next;
	uintptr_t last;

	begin_untouched();
	for (uint32_t i = 0; i < blocks; i += 256)
		take(256 * (size_t)SMAL_BLOCK);
	segment = first_segment();
	last = segment->base + segment->bytes - SMAL_BLOCK;
	give((void *)last, SMAL_BLOCK);
	first = smal_element_take(space, 32);
	ck_assert_uint_eq((uintptr_t)first, last);
	next = smal_element_take(space, 32);
	ck_assert_uint_eq((uintptr_t)next, last + 32);
	ground_check(space);
	/* Beside another group of its class, first and second in the ring. */
	give((void *)(last - SMAL_BLOCK), SMAL_BLOCK);
	for (uint32_t i = 2; i < SMAL_BLOCK / 32; i++)
		EXPECT(smal_element_take(space, 32) != NULL);
	ck_assert_uint_eq((uintptr_t)smal_element_take(space, 32), last - SMAL_BLOCK);
	ground_check(space);
	ck_assert(smal_element_give(space, next));
	ck_assert_ptr_eq(smal_element_take(space, 32), next);
	ck_assert(smal_element_give(space, first));
	ground_check(space);
	ck_assert_uint_eq(segment_count(), 1);
	end();
}
END_TEST

/* ---- Smaller ones ---- */

static size_t most_bytes;
static unsigned refusals;

static void *scarce_reserve(size_t bytes)
{
	if (bytes > most_bytes) {
		refusals++;
		return NULL;
	}
	return smal_os_reserve(bytes);
}

static const struct smal_provider scarce = { scarce_reserve, smal_os_commit, smal_os_discard,
	                                     smal_os_release };

START_TEST(test_smaller_segments)
{
	struct smal_space_options options = { .provider = &scarce };
	void *run, *runs[300];
	bool zeroed;

	most_bytes = 40 * MIB;
	space = ground_space(&options);
	for (int i = 0; i < 300; i++)
		ground_mark(runs[i] = take(MIB), MIB, (uint64_t)i);
	ck_assert_uint_ge(segment_count(), 15);
	ck_assert_uint_le(refusals, 20 + 2 * segment_count());
	ground_check(space);
	/* What no segment can be had for fails and leaves nothing. */
	ck_assert_ptr_null(smal_space_take(space, 60 * MIB, 1, &zeroed));
	ck_assert_ptr_null(smal_space_take(space, 300 * MIB, 1, &zeroed));
	ground_check(space);
	/* It can again as soon as the addresses are there. */
	most_bytes = 2000 * MIB;
	run = take(60 * MIB);
	ground_mark(run, 60 * MIB, 1000);
	ground_mark(take(300 * MIB), 300 * MIB, 1001);
	ground_check_mark(run, 60 * MIB, 1000);
	/* And segments are large again, one after another. */
	for (int i = 0; i < 40; i++)
		take(30 * MIB);
	ck_assert_uint_ge(first_segment()->bytes, 32 * MIB);
	for (int i = 0; i < 300; i++) {
		ground_check_mark(runs[i], MIB, (uint64_t)i);
		ck_assert_ptr_eq(smal_table_find((uintptr_t)runs[i])->space, space);
		give(runs[i], MIB);
	}
	end();
}
END_TEST

/* All that there are, of which some are taken. */
static size_t all_bytes, taken_bytes;

static void *limited_reserve(size_t bytes)
{
	void *at = bytes <= all_bytes - taken_bytes ? smal_os_reserve(bytes) : NULL;

	taken_bytes += at != NULL ? bytes : 0;
	return at;
}

static bool limited_release(void *at, size_t bytes)
{
	taken_bytes -= bytes;
	return smal_os_release(at, bytes);
}

static const struct smal_provider limited = { limited_reserve, smal_os_commit, smal_os_discard,
	                                      limited_release };

/* Of few addresses, most are left to others until they are needed; then nearly all are had. */
START_TEST(test_few_addresses)
{
	struct smal_space_options options = { .provider = &limited };
	unsigned count = 0;
	bool zeroed;

	all_bytes = 128 * MIB;
	taken_bytes = 0;
	space = ground_space(&options);
	take(MIB);
	ck_assert_uint_le(taken_bytes, 12 * MIB);
	for (int i = 0; i < 16; i++)
		take(MIB);
	ck_assert_uint_le(taken_bytes, 32 * MIB);
	while (smal_space_take(space, MIB, 1, &zeroed) != NULL)
		count++;
	ck_assert_uint_ge(count, 80);
	ground_check(space);
	end();
	ck_assert_uint_eq(taken_bytes, 0);
}
END_TEST

/* Each size that an option may ask for; a run that is larger is served too. */
START_TEST(test_segment_bytes)
{
	struct smal_space_options options = { 0 };

	for (options.segment_bytes = MIB; options.segment_bytes <= ground_untouched_bytes;
	     options.segment_bytes *= 2) {
		size_t large = 3 * MIB + SMAL_CHUNK;

		space = ground_space(&options);
		ground_mark(take(SMAL_CHUNK), SMAL_CHUNK, 1);
		ck_assert_uint_eq(first_segment()->bytes, options.segment_bytes);
		ground_mark(take(MIB), MIB, 2);
		ground_mark(take(large), large, 3);
		ck_assert_ptr_nonnull(smal_element_take(space, 100));
		end();
	}
	for (int i = 0; i < 4; i++) {
		static const uint64_t bad[] = { 1, SMAL_BLOCK / 2, 3 * SMAL_BLOCK,
			                        (uint64_t)128 << 30 };

		options.segment_bytes = bad[i];
		ck_assert_ptr_null(smal_space_create(&options));
	}
}
END_TEST

/* ---- The checker ---- */

#define BREAK(field, value, tag) GROUND_BREAK(field, value, smal_space_check(space), tag)

START_TEST(test_checker)
{
	struct smal_segment *segment;

	space = ground_space(NULL);
	take(5 * SMAL_CHUNK);
	take(3 * (size_t)SMAL_BLOCK);
	ck_assert_ptr_nonnull(smal_element_take(space, 100));
	segment = first_segment();
	ground_expect_sound(smal_space_check(space));
	ck_assert_uint_ge(segment->committed_blocks, 4);
	BREAK(segment->magic, SMAL_MAGIC_GONE, "segment");
	BREAK(segment->memory.committed_bytes, SMAL_BLOCK, "segment I1");
	BREAK(segment->memory.committed_bytes, segment->bytes + SMAL_BLOCK, "segment I1");
	for (int i = 0; i < SMAL_PIECES; i++)
		BREAK(segment->piece[i].committed_bytes, 0, "segment I1");
	BREAK(segment->side[SMAL_SIDE_MASK].committed_bytes, 1, "segment I1");
	BREAK(segment->committed_blocks, segment->block_count + 1, "segment I1");
	BREAK(segment->committed_blocks, segment->committed_blocks - 1, "segment I2");
	BREAK(segment->chunks.node_count, segment->committed_blocks - 1, "segment I2");
	BREAK(segment->chunks.nodes[0].capacity_1, 17, "segment I3");
	BREAK(segment->region_nodes[0].capacity_1, 17, "segment I3");
	BREAK(segment->top_node.capacity_1, segment->top_node.capacity_1 - 1, "segment I3");
	BREAK(segment->fixed_bytes, 0, "space I5");
	end();
}
END_TEST

static Suite *segment_suite(void)
{
	Suite *suite = suite_create("segment");
	TCase *costs = tcase_create("costs");
	TCase *addresses = tcase_create("addresses");
	TCase *all = tcase_create("all of it");
	TCase *smaller = tcase_create("smaller ones");
	TCase *checker = tcase_create("checker");

	tcase_add_test(costs, test_cost);
	tcase_add_test(costs, test_metadata);
	suite_add_tcase(suite, costs);

	tcase_add_test(addresses, test_addresses);
	tcase_add_test(addresses, test_other_space);
	suite_add_tcase(suite, addresses);

	tcase_add_test(all, test_hand_out_all);
	tcase_add_test(all, test_every_block_in_part);
	tcase_add_test(all, test_last_group);
	suite_add_tcase(suite, all);

	tcase_add_test(smaller, test_smaller_segments);
	tcase_add_test(smaller, test_few_addresses);
	tcase_add_test(smaller, test_segment_bytes);
	suite_add_tcase(suite, smaller);

	tcase_add_test(checker, test_checker);
	suite_add_tcase(suite, checker);
	return suite;
}

int main(void)
{
	return test_main(segment_suite);
}
