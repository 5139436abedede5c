/* SPDX-License-Identifier: MIT */
/*
 * check_element.c: elements of every size from 1 to 2048 bytes are apart from
 * each other, as many to a chunk as fit; their metadata is exactly as large as
 * is said, and lies elsewhere; what is not a live element's start is refused.
 * The checker sees each invariant broken.
 */
#include "test/fault.h"
#include "test/ground.h"

#include <string.h>

static struct smal_space *space;

static void begin(void)
{
	struct smal_space_options options = { .provider = &ground_counted, .decay_ms = 1000000 };

	space = ground_space(&options);
}

static void end(void)
{
	ground_check(space);
	smal_space_destroy(space);
}

static char *take(size_t bytes)
{
	char *element = smal_element_take(space, bytes);

	if (element == NULL)
		ck_abort_msg("no element of %zu bytes", bytes);
	return element;
}

static struct smal_segment *first_segment(void)
{
	return SMAL_CONTAINER(space->segments.next, struct smal_segment, link);
}

static uint64_t metadata_bytes(void)
{
	struct smal_space_counts counts;

	smal_space_get_counts(space, &counts);
	return counts.metadata_bytes;
}

/* ---- Sizes and places ---- */

/* Exactly 256 elements of 16 bytes fill a chunk; the next is elsewhere. */
START_TEST(test_smallest)
{
	char *first = take(16), *element = first;

	ck_assert_uint_eq((uintptr_t)first % SMAL_CHUNK, 0);
	for (int i = 1; i < 256; i++) {
		element = take(1 + (size_t)i % 16);
		ck_assert_ptr_eq(element, first + i * 16);
	}
	element = take(16);
	ck_assert(element < first || element >= first + SMAL_CHUNK);
	ground_check(space);
	/* The last of the chunk, and the first. */
	ck_assert(smal_element_give(space, first + 255 * 16));
	ck_assert_ptr_eq(take(16), first + 255 * 16);
	ck_assert(smal_element_give(space, first));
	ck_assert_ptr_eq(take(16), first);
	ground_check(space);
	/* All 256 chunks of the group; then another group. */
	for (int i = 257; i < 256 * 256; i++)
		EXPECT((uintptr_t)take(16) / SMAL_BLOCK == (uintptr_t)first / SMAL_BLOCK);
	ck_assert_uint_ne((uintptr_t)take(16) / SMAL_BLOCK, (uintptr_t)first / SMAL_BLOCK);
	ground_check(space);
	ck_assert(smal_element_give(space, first + 65535 * 16));
	ck_assert_ptr_eq(take(16), first + 65535 * 16);
	end();
}
END_TEST

START_TEST(test_every_size)
{
	for (size_t bytes = 1; bytes <= SMAL_ELEMENT_LARGEST; bytes++) {
		char *element = take(bytes);
		size_t has = smal_element_bytes(space, element);

		ck_assert_uint_eq((uintptr_t)element % SMAL_GRANULE, 0);
		ck_assert_uint_ge(has, bytes);
		ck_assert_uint_eq(has % SMAL_GRANULE, 0);
		/* Nothing that would fit as many to a chunk is given away: the waste
		 * is at most what the division of a chunk leaves. */
		ck_assert_uint_eq(SMAL_CHUNK / has,
		                  SMAL_CHUNK / smal_round_up(bytes, SMAL_GRANULE));
		ground_mark(element, has, bytes);
	}
	ground_check(space);
	ck_assert_ptr_null(smal_element_take(space, 0));
	ck_assert_ptr_null(smal_element_take(space, SMAL_ELEMENT_LARGEST + 1));
	ck_assert_ptr_null(smal_element_take(space, SIZE_MAX));
	ck_assert_ptr_null(smal_element_take(space, SIZE_MAX - 15));
	end();
}
END_TEST

/* The bytes of a chunk's metadata: its node, and a map where the node has no
 * room for one. */
START_TEST(test_metadata)
{
	size_t sizes[SMAL_ELEMENT_CLASSES], classes = 0, sum = 0;

	for (size_t bytes = 1; bytes <= SMAL_ELEMENT_LARGEST; bytes += SMAL_GRANULE) {
		char *element = take(bytes);
		size_t has = smal_element_bytes(space, element);

		if (classes == 0 || has != sizes[classes - 1])
			sizes[classes++] = has;
		ck_assert(smal_element_give(space, element));
	}
	ck_assert_uint_eq(classes, SMAL_ELEMENT_CLASSES);
	smal_space_purge(space, 0);
	for (size_t i = 0; i < classes; i++) {
		struct smal_segment *segment = first_segment();
		size_t capacity = SMAL_CHUNK / sizes[i], map = 0, changed = 0;
		uint32_t items = segment->element_maps.used, group;
		char *element = take(sizes[i]);
		unsigned char *maps;

		if (capacity > 24)
			map = (capacity + 63) / 64 * 8;
		ck_assert_uint_eq(segment->element_maps.used - items, map != 0);
		group = (uint32_t)(((uintptr_t)element - segment->base) >> SMAL_BLOCK_LOG2);
		if (map != 0) {
			/* What a whole group writes of its item, and no byte more. */
			maps = smal_fsa_at(&segment->element_maps, segment->group_maps[group]);
			memset(maps + 256 * map, 0xa5, (size_t)(8192 - 256 * map));
			for (size_t j = 1; j < capacity * SMAL_BLOCK_CHUNKS; j++)
				EXPECT((uintptr_t)take(sizes[i]) >> SMAL_BLOCK_LOG2 ==
				       (uintptr_t)element >> SMAL_BLOCK_LOG2);
			for (size_t j = 0; j < 256 * map; j++)
				changed += maps[j] == 0xff;
			EXPECT_EQ(changed, 256 * map);
			for (size_t j = 256 * map; j < 8192; j++)
				EXPECT_EQ(maps[j], 0xa5);
		}
		sum = sizeof(struct smal_chunk_node) + map;
		switch (sizes[i]) {
		case 16:
			ck_assert_uint_eq(sum, 40); /* 0.98 % */
			break;
		case 32:
			ck_assert_uint_eq(sum, 24); /* 0.59 % */
			break;
		case 64:
			ck_assert_uint_eq(sum, 16); /* 0.39 % */
			break;
		default:
			if (sizes[i] >= 176)
				ck_assert_uint_eq(sum, 8); /* 0.20 % */
			ck_assert_uint_le(sum, 24);
		}
	}
	end();
}
END_TEST

/* Metadata grows with what is in use, not with what came and went. */
START_TEST(test_metadata_stays)
{
	enum { COUNT = 30000 };
	static char *elements[COUNT];
	uint64_t before = 0;

	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < COUNT; i++)
			elements[i] = take(1 + (size_t)(i * 37) % 2048);
		for (int i = 0; i < COUNT; i++)
			EXPECT(smal_element_give(space, elements[i]));
		if (round == 0)
			before = metadata_bytes();
	}
	ck_assert_uint_eq(metadata_bytes(), before);
	end();
}
END_TEST

/* ---- What is refused ---- */

START_TEST(test_refusals)
{
	char *elements[40], *run;
	bool zeroed;

	for (size_t i = 0; i < 40; i++)
		elements[i] = take(1 + i * 52);
	run = smal_space_take(space, 3 * SMAL_CHUNK, 1, &zeroed);
	for (size_t i = 0; i < 40; i++) {
		size_t has = smal_element_bytes(space, elements[i]);

		for (size_t inside = 1; inside < has; inside++) {
			EXPECT(!smal_element_give(space, elements[i] + inside));
			EXPECT_EQ(smal_element_bytes(space, elements[i] + inside), 0);
		}
	}
	for (size_t at = 0; at < 3 * SMAL_CHUNK; at += 16)
		EXPECT(!smal_element_give(space, run + at));
	ck_assert(!smal_element_give(space, NULL));
	ck_assert(!smal_element_give(space, &run));
	ck_assert(!smal_element_give(space, space));
	ck_assert(!smal_element_give(space, first_segment()));
	ck_assert(!smal_element_give(space, (char *)first_segment()->base + first_segment()->bytes - 16));
	for (size_t i = 0; i < 40; i++) {
		ck_assert(smal_element_give(space, elements[i]));
		ck_assert(!smal_element_give(space, elements[i]));
		ck_assert_uint_eq(smal_element_bytes(space, elements[i]), 0);
		ground_check(space);
	}
	/* What an element of another size begins at, once the chunk is another's. */
	smal_space_purge(space, 0);
	for (size_t i = 0; i < 40; i++)
		ck_assert(!smal_element_give(space, elements[i]));
	end();
}
END_TEST

/* Elements in chunks that nobody opened, or beyond the last of a chunk. */
START_TEST(test_no_element)
{
	char *element = take(48);

	ck_assert(!smal_element_give(space, element + SMAL_CHUNK));
	ck_assert(!smal_element_give(space, element + 48));
	ck_assert(!smal_element_give(space, element + 85 * 48)); /* 16 bytes are left */
	ck_assert_uint_eq(smal_element_bytes(space, element), 48);
	end();
}
END_TEST

/* Without memory there is no element, and all is as before. */
START_TEST(test_no_memory)
{
	char *element = take(300);

	for (unsigned kind = FAULT_MMAP; kind <= FAULT_MPROTECT; kind *= 2) {
		fault_begin_only(kind, 1, true);
		for (size_t bytes = 1; bytes <= SMAL_ELEMENT_LARGEST; bytes += 16)
			smal_element_take(space, bytes);
		ck_assert_ptr_nonnull(smal_element_take(space, 300));
		fault_end();
		ground_check(space);
	}
	ck_assert_ptr_nonnull(smal_element_take(space, 1000));
	ck_assert(smal_element_give(space, element));
	end();
}
END_TEST

/* ---- The checker ---- */

#define BREAK(field, value, tag) GROUND_BREAK(field, value, smal_space_check(space), tag)

/* Groups of one class: the first is full, the next two have room. Chunks of the
 * second: 0, 1, 3 and 4 have room, 2 is full. A group of another class. */
START_TEST(test_checker)
{
	enum { BYTES = 64, CAPACITY = SMAL_CHUNK / BYTES, GROUP = 256 * CAPACITY };
	static char *elements[3 * GROUP];
	struct smal_segment *segment;
	struct smal_node *groups;
	struct smal_chunk_node *nodes, *small_nodes;
	uint32_t full, roomy, third, other;
	uint64_t *map;
	uint32_t class;

	for (int i = 0; i < 2 * GROUP + 5 * CAPACITY; i++)
		elements[i] = take(BYTES);
	segment = first_segment();
	for (int i = 0; i < 5; i++)
		if (i != 2)
			ck_assert(smal_element_give(space, elements[GROUP + i * CAPACITY + 7]));
	small_nodes = NULL;
	other = (uint32_t)(((uintptr_t)take(1000) - segment->base) >> SMAL_BLOCK_LOG2);
	full = (uint32_t)(((uintptr_t)elements[0] - segment->base) >> SMAL_BLOCK_LOG2);
	roomy = (uint32_t)(((uintptr_t)elements[GROUP] - segment->base) >> SMAL_BLOCK_LOG2);
	third = (uint32_t)(((uintptr_t)elements[2 * GROUP] - segment->base) >> SMAL_BLOCK_LOG2);
	groups = segment->groups;
	nodes = &segment->chunk_nodes[roomy * 256];
	small_nodes = &segment->chunk_nodes[other * 256];
	map = smal_fsa_at(&segment->element_maps, segment->group_maps[roomy]);
	class = groups[roomy].order - 1u;
	ground_expect_sound(smal_space_check(space));

	/* I1: the ring of a group's chunks. */
	BREAK(groups[roomy].free_index, 2, "element I1");
	BREAK(groups[roomy].capacity_1, 0, "element I1");
	BREAK(nodes[0].next, 2, "element I1");
	BREAK(nodes[0].next, 0, "element I1");
	BREAK(nodes[0].prev, 0, "element I1");
	BREAK(groups[full].count, 254, "element I3");

	/* I2: a chunk's counts. */
	BREAK(nodes[0].count, 1, "element I2");
	BREAK(nodes[2].count, CAPACITY - 1, "element I2");
	BREAK(nodes[0].capacity_1, 7, "element I2");
	BREAK(nodes[0].free_index, 8, "element I2");
	BREAK(map[0], UINT64_MAX, "element I2");
	BREAK(map[2], UINT64_MAX - 1, "element I2");
	BREAK(small_nodes[0].bits[0], 7, "element I2");
	BREAK(small_nodes[0].bits[2], 0x7f, "element I2");
	BREAK(segment->group_maps[roomy], segment->element_maps.top, "element I2");

	/* I3: the ring of a class's groups. */
	BREAK(segment->group_heads[class], SMAL_NODE_NONE, "element I3");
	BREAK(segment->group_heads[class], full, "element I3");
	BREAK(segment->group_heads[class], other, "element I3");
	BREAK(segment->group_heads[class], SMAL_NODES - 1, "element I3");
	BREAK(segment->group_heads[0], roomy, "element I3");
	BREAK(groups[roomy].next, (uint16_t)roomy, "element I3");
	BREAK(groups[roomy].prev, (uint16_t)full, "element I3");
	BREAK(groups[other].order, SMAL_NODE_CLOSED, "element I3");
	BREAK(groups[other].order, 100, "element I3");

	/* I4: no element is lost with its chunk or its group. */
	BREAK(segment->element_count, segment->element_count - 1, "element I4");
	BREAK(groups[third].count, 3, "element I4");

	/* Maps have one owner. */
	BREAK(groups[full].order, SMAL_NODE_CLOSED, "fsa I3");
	BREAK(segment->group_maps[full], segment->group_maps[third], "");
	end();
}
END_TEST

static Suite *element_suite(void)
{
	Suite *suite = suite_create("element");
	TCase *places = tcase_create("places");
	TCase *refusals = tcase_create("refusals");
	TCase *checker = tcase_create("checker");

	tcase_add_checked_fixture(places, begin, NULL);
	tcase_add_test(places, test_smallest);
	tcase_add_test(places, test_every_size);
	tcase_add_test(places, test_metadata);
	tcase_add_test(places, test_metadata_stays);
	suite_add_tcase(suite, places);

	tcase_add_checked_fixture(refusals, begin, NULL);
	tcase_add_test(refusals, test_refusals);
	tcase_add_test(refusals, test_no_element);
	tcase_add_test(refusals, test_no_memory);
	suite_add_tcase(suite, refusals);

	tcase_add_checked_fixture(checker, begin, NULL);
	tcase_add_test(checker, test_checker);
	suite_add_tcase(suite, checker);
	return suite;
}

int main(void)
{
	return test_main(element_suite);
}
