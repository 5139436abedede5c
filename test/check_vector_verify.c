/* SPDX-License-Identifier: MIT */
/*
 * check_vector_verify.c: every invariant of pools, broken on purpose, is found by the
 * checker; mended, it finds nothing.
 */
#include "test/vectors.h"

#include <string.h>

static void broken(const char *detail)
{
	ck_assert_int_eq(smal_vector_check(pool), SMAL_ERROR_CORRUPT);
	if (strcmp(reported.detail, detail) != 0)
		ck_abort_msg("said: %s; not: %s", reported.detail, detail);
	heaps_told(SMAL_ERROR_CORRUPT, "an invariant does not hold");
}

#define BREAK(field, value, detail) TEST_BREAK(field, value, broken(detail), vectors_check())

/* A bit of the codes is turned, and turned back. */
static void turn(size_t quad, unsigned bit, const char *detail)
{
	size_t at = quad * pool->shape.code_bits + bit;

	BREAK(pool->codes[at / 8], (unsigned char)(pool->codes[at / 8] ^ 1u << at % 8), detail);
}

static void forget_all(void)
{
	for (unsigned i = 0; i <= pool->seen_mask; i++)
		pool->seen[i].stretch = SMAL_INDEX_NONE;
}

static size_t unit_of(const char *vector)
{
	return (size_t)(vector - pool->disc) / 16;
}

static const char other_blocks[] = "disc D1: the index has other free blocks than the codes";
static const char not_remembered[] = "disc D2: a stretch is not what is remembered of it";

START_TEST(test_shape)
{
	static const char no_geometry[] = "pool: the sizes are no geometry";

	BREAK(pool->shape.code_bits, 18, no_geometry);
	BREAK(pool->shape.growth_log2, 3, no_geometry);
	BREAK(pool->index.maps, 5, no_geometry);
	BREAK(pool->units, pool->units - 16,
	      "pool: the disc is not whole blocks of the largest class");
	BREAK(pool->units, pool->units - 256, "pool: the disc is more or less than is committed");
}
END_TEST

START_TEST(test_codes)
{
	char *vector = vectors_resize(vectors_alloc(200), 150), *free = vectors_alloc(16);
	size_t quad = unit_of(vector) / 4;

	/* Its order, 4; what is used of it; its last quad; what is behind. */
	turn(quad + 1, 0, "code I2: inside of a vector is something");
	turn(quad + 1, 3, "code: a vector is of no class");
	turn(quad + 2, 3, "code: more of a vector is used than it has");
	turn(quad + 3, 0, "code I2: inside of a vector is something");
	turn(quad + 3, 16, "code I2: inside of a vector is something");
	/* A free unit becomes one in use, and the other way round. */
	forget_all();
	turn(unit_of(free) / 4, 0, other_blocks);
	vectors_free(free);
	forget_all();
	turn(unit_of(free) / 4 + 8, 1, other_blocks);
	vectors_free(vector);
}
END_TEST

START_TEST(test_no_code)
{
	char *vector = vectors_alloc(16);

	/* 0x1ffff is more than BEGINS. */
	unsigned char had[3];
	size_t at = unit_of(vector) / 4 * 17 / 8;

	ck_assert_uint_eq(unit_of(vector), 0);
	memcpy(had, pool->codes + at, 3);
	memset(pool->codes + at, 0xff, 3);
	broken("code I2: a number is no code");
	memcpy(pool->codes + at, had, 3);
	vectors_check();
}
END_TEST

START_TEST(test_order)
{
	char *vector = vectors_alloc(200);
	size_t unit = unit_of(vector);

	/* The same vector, one stretch's half and a quarter further. */
	smal_code_erase(pool, unit, 4);
	smal_code_write(pool, &(struct smal_vector_place){ unit + 8, 0, 4 });
	broken("code: a vector does not begin at a multiple of its size");
	smal_code_erase(pool, unit + 8, 4);
	smal_code_write(pool, &(struct smal_vector_place){ unit, 0, 4 });
	vectors_check();
}
END_TEST

START_TEST(test_index)
{
	char *vector = vectors_alloc(16);
	uint64_t *low = pool->index.level[0], *next = pool->index.level[1];

	for (unsigned order = 0; order <= 8; order++) {
		BREAK(low[order], low[order] ^ 1, other_blocks);
		BREAK(low[order], low[order] ^ (uint64_t)1 << 20, other_blocks);
	}
	BREAK(low[9], low[9] ^ 1, "disc D3: a block is warm and not free");
	BREAK(low[9], low[9] ^ 16, "disc D3: the warm blocks are more or fewer than are counted");
	BREAK(pool->system->warm_blocks, 7,
	      "disc D3: the warm blocks are more or fewer than are counted");
	BREAK(next[0], next[0] ^ 1, "index: a higher level does not say what the lower one has");
	BREAK(next[3], next[3] ^ 1, "index: a higher level does not say what the lower one has");
	vectors_free(vector);
	/* A block that is a vector is free as well. */
	vector = vectors_alloc(4096);
	BREAK(low[8], low[8] | (uint64_t)1 << unit_of(vector) / 64,
	      "disc D1: a free block of the index is in a vector");
	vectors_free(vector);
}
END_TEST

START_TEST(test_seen)
{
	char *vector = vectors_alloc(16);
	size_t stretch = unit_of(vector) / 64;
	struct smal_stretch *seen = &pool->seen[stretch], *next = &pool->seen[stretch + 1];

	ck_assert_uint_eq(seen->stretch, stretch);
	BREAK(seen->free, seen->free ^ 1, not_remembered);
	BREAK(seen->begins, seen->begins ^ 1, not_remembered);
	BREAK(seen->orders, seen->orders ^ 1, not_remembered);
	vectors_free(vector);
	vector = vectors_alloc(4096);
	next = &pool->seen[unit_of(vector) / 64 + 1];
	*next = (struct smal_stretch){ unit_of(vector) / 64 + 1, 1, 0, 1 };
	broken(not_remembered);
	*next = (struct smal_stretch){ unit_of(vector) / 64 + 1, 0, 0, 0 };
	vectors_check();
	next->stretch = SMAL_INDEX_NONE;
	vectors_free(vector);
}
END_TEST

START_TEST(test_slots)
{
	static const char
		order[] = "slot S1: used, capacity, committed and size are out of order",
		sums[] = "slot S2: the bytes of all vectors are not what is counted",
		moved[] = "slot S3: the slots with moved pages are more or fewer than are counted",
		counted[] = "slot R1: the free slots are more or fewer than are counted";
	char *vector = vectors_resize(vectors_alloc(100000), 100000), *other = vectors_alloc(50000);
	struct smal_vector_system *system = pool->system;
	struct smal_slots *region = &system->region[0];
	struct smal_slot *slot = &region->slot[0];

	ck_assert_ptr_eq(region->base, vector);
	vectors_free(other);
	BREAK(slot->used_bytes, slot->capacity_bytes + 1, order);
	BREAK(slot->committed_bytes, slot->capacity_bytes - 1, order);
	BREAK(slot->committed_bytes, smal_slots_size(region) + 1, order);
	BREAK(region->slot[1].used_bytes, 1, order);
	BREAK(slot->capacity_bytes, slot->capacity_bytes + 4096, sums);
	BREAK(system->taken_bytes, 1, sums);
	BREAK(system->warm_bytes, 1, sums);
	smal_index_set(&region->index, SMAL_SLOT_WARM, 0);
	broken("slot S2: the warm slots are not those of the index");
	smal_index_clear(&region->index, SMAL_SLOT_WARM, 0);
	vectors_check();
	BREAK(slot->moved, true, moved);
	BREAK(system->moved_slots, 3, moved);
	BREAK(region->free_slots, region->free_slots - 1, counted);
	BREAK(region->known, 3, counted);
	smal_index_set(&region->index, 0, 5);
	broken("slot R1: a slot that was never used was given back");
	smal_index_clear(&region->index, 0, 5);
	vectors_check();
	vectors_free(vector);
}
END_TEST

START_TEST(test_own_region)
{
	char *vector = smal_vector_alloc(pool, sizeof(void *) == 8 ? (size_t)5 << 30 : 64 * MIB);
	struct smal_slots *region;
	size_t number;

	ck_assert_ptr_nonnull(vector);
	region = smal_slots_find(pool->system, vector, &number);
	ck_assert_uint_eq(region->slots, 1);
	BREAK(region->free_slots, 1, "slot R1: a region of one has no vector");
	vectors_free(vector);
	ck_assert_ptr_null(smal_slots_find(pool->system, vector, &number));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("vector checker");
	TCase *t = tcase_create("invariants");

	tcase_add_checked_fixture(t, vectors_begin_plain, vectors_end);
	tcase_add_test(t, test_shape);
	tcase_add_test(t, test_codes);
	tcase_add_test(t, test_no_code);
	tcase_add_test(t, test_order);
	tcase_add_test(t, test_index);
	tcase_add_test(t, test_seen);
	tcase_add_test(t, test_slots);
	tcase_add_test(t, test_own_region);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
