/* SPDX-License-Identifier: MIT */
/*
 * check_vector.c: the public functions of vectors: geometry, sizes, growing, appending,
 * mistakes, limits; and what the design promises of moves, bytes copied, and memory.
 */
#include "test/vectors.h"

#include <string.h>

/* ---- Geometry ---- */

START_TEST(test_geometry)
{
	struct smal_vector_geometry g;

	ck_assert_int_eq(smal_vector_get_geometry(32 * KIB, 16, 1024, 2, &g), SMAL_OK);
	ck_assert_uint_eq(g.classes, 7);
	ck_assert_uint_eq(g.entries, 127);
	ck_assert_uint_eq(g.channel_factor, 8);
	ck_assert_uint_eq(g.channel_bytes, 8 * KIB);
	ck_assert_uint_eq(g.channels, 4);
	ck_assert_int_eq(smal_vector_get_geometry(MIB, 64, 64 * 256, 4, &g), SMAL_OK);
	ck_assert_uint_eq(g.classes, 5);
	ck_assert_uint_eq(g.entries, 256 + 64 + 16 + 4 + 1);
	ck_assert_uint_eq(g.channel_factor, 6);
	ck_assert_uint_eq(g.channels, MIB / (6 * 64 * 256));
	ck_assert_int_eq(smal_vector_get_geometry(100, 32, 32, 2, &g), SMAL_OK);
	ck_assert_uint_eq(g.classes, 1);
	ck_assert_uint_eq(g.entries, 1);
	ck_assert_uint_eq(g.channels, 1);
	ck_assert_int_eq(smal_vector_get_geometry(0, 16, 1024, 2, &g), SMAL_OK);
	ck_assert_uint_eq(g.channels, 0);
}
END_TEST

/* For all powers of two, by the definition. */
START_TEST(test_geometry_general)
{
	for (unsigned growth = 2; growth <= 16; growth *= 2)
		for (size_t smallest = 8; smallest <= 4096; smallest *= 2)
			for (size_t largest = smallest; largest <= smallest * 4096;
			     largest *= growth) {
				struct smal_vector_geometry g;
				unsigned classes = 0;
				size_t entries = 0;

				for (size_t size = smallest; size <= largest; size *= growth) {
					classes++;
					entries += largest / size;
				}
				ck_assert_int_eq(smal_vector_get_geometry(MIB, smallest, largest,
				                                          growth, &g),
				                 SMAL_OK);
				EXPECT_EQ(g.classes, classes);
				EXPECT_EQ(g.entries, entries);
				EXPECT_EQ(g.channel_factor, classes + 1);
				EXPECT_EQ(g.channel_bytes, (classes + 1) * largest);
				EXPECT_EQ(g.channels, MIB / ((classes + 1) * largest));
			}
}
END_TEST

START_TEST(test_geometry_wrong)
{
	static const struct {
		size_t smallest, largest;
		unsigned growth;
	} wrong[] = { { 0, 1024, 2 },     { 16, 0, 2 },     { 15, 1024, 2 }, { 16, 1000, 2 },
		      { 16, 1024, 1 },    { 16, 1024, 0 },  { 16, 1024, 3 }, { 16, 1024, 32 },
		      { 16, 2048, 4 },    { 4, 1024, 2 },   { 1024, 16, 2 }, { 16, 131072, 2 },
		      { 16, 1024, 8192 }, { 8192, 8192, 2 } };
	struct smal_vector_geometry g = { .classes = 77 };

	heaps_listen();
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_int_eq(smal_vector_get_geometry(MIB, wrong[i].smallest, wrong[i].largest,
		                                          wrong[i].growth, &g),
		                 SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_vector_get_geometry(MIB, 16, 1024, 2, NULL), SMAL_ERROR_INVALID);
	ck_assert_uint_eq(g.classes, 77);
	heaps_silent();
}
END_TEST

/* ---- Sizes ---- */

START_TEST(test_sizes)
{
	for (size_t capacity = 0; capacity <= 20000; capacity += capacity < 5000 ? 1 : 997) {
		char *vector = vectors_alloc(capacity);
		size_t had = smal_vector_capacity(pool, vector);

		if (capacity <= 4096)
			EXPECT(had == 16 || had < 2 * capacity);
		EXPECT_EQ((uintptr_t)vector % 16, 0);
		heaps_mark(vector, had, capacity);
		EXPECT(smal_vector_resize(pool, vector, had) == vector);
		EXPECT_EQ(smal_vector_used(pool, vector), had);
		EXPECT(smal_vector_resize(pool, vector, 0) == vector);
		EXPECT_EQ(smal_vector_used(pool, vector), 0);
		EXPECT_EQ(smal_vector_capacity(pool, vector), had);
		heaps_check_mark(vector, had, capacity);
		vectors_free(vector);
	}
	ck_assert_int_eq(smal_vector_free(pool, NULL), SMAL_OK);
	ck_assert_uint_eq(vectors_stats().moves, 0);
	ck_assert_uint_eq(vectors_stats().vectors, 0);
}
END_TEST

/* Every size used of every class is told from every other. */
START_TEST(test_every_used)
{
	for (size_t capacity = 16; capacity <= 4096; capacity *= 2) {
		char *before = vectors_alloc(capacity), *vector = vectors_alloc(capacity),
		     *behind = vectors_alloc(capacity);

		for (size_t used = 0; used <= capacity; used++) {
			EXPECT(vectors_resize(vector, used) == vector);
			EXPECT_EQ(smal_vector_used(pool, before), 0);
			EXPECT_EQ(smal_vector_used(pool, behind), 0);
		}
		vectors_check();
		vectors_free(before);
		vectors_free(behind);
		EXPECT_EQ(smal_vector_used(pool, vector), capacity);
		vectors_free(vector);
	}
}
END_TEST

START_TEST(test_too_large)
{
	char *vector = vectors_resize(vectors_alloc(10), 10);

	memset(vector, 7, 10);
	ck_assert_ptr_null(smal_vector_alloc(pool, SIZE_MAX));
	ck_assert_ptr_null(smal_vector_alloc(pool, SIZE_MAX - 4096));
	ck_assert_ptr_null(smal_vector_alloc(pool, PTRDIFF_MAX));
	ck_assert_ptr_null(smal_vector_resize(pool, vector, SIZE_MAX));
	ck_assert_ptr_null(smal_vector_reserve(pool, vector, PTRDIFF_MAX));
	ck_assert(!smal_vector_try_expand(pool, vector, SIZE_MAX));
	ck_assert_uint_eq(smal_vector_used(pool, vector), 10);
	ck_assert_int_eq(vector[9], 7);
	vector = vectors_resize(vector, 10000);
	ck_assert_ptr_null(smal_vector_resize(pool, vector, SIZE_MAX));
	ck_assert_ptr_null(smal_vector_reserve(pool, vector, (size_t)PTRDIFF_MAX + 1));
	ck_assert(!smal_vector_try_expand(pool, vector, SIZE_MAX));
	ck_assert_uint_eq(smal_vector_used(pool, vector), 10000);
	ck_assert_int_eq(vector[9], 7);
}
END_TEST

/* ---- Growing ---- */

/* Two vectors that are in each other's way. */
static void append_both(void)
{
	char *vectors[2] = { vectors_alloc(0), vectors_alloc(0) };
	struct smal_vector_stats before = vectors_stats(), after;

	for (size_t used = 1; used <= 1024; used++)
		for (int i = 0; i < 2; i++) {
			vectors[i] = vectors_resize(vectors[i], used);
			vectors[i][used - 1] = (char)(used + (size_t)i);
		}
	after = vectors_stats();
	ck_assert_uint_le(after.moves - before.moves, 2 * 6);
	ck_assert_uint_le(after.copied_bytes - before.copied_bytes, 2 * 1008);
	for (int i = 0; i < 2; i++) {
		for (size_t used = 1; used <= 1024; used++)
			EXPECT(vectors[i][used - 1] == (char)(used + (size_t)i));
		vectors_free(vectors[i]);
	}
}

START_TEST(test_append)
{
	vectors_begin(NULL);
	append_both();
	vectors_end();
	ck_assert(vectors_begin_in(32 * KIB, 16, 1024, 2));
	append_both();
	vectors_end_in();
}
END_TEST

/* With nothing behind it a vector stays where it is. */
START_TEST(test_append_alone)
{
	char *vector = vectors_alloc(0), *same = vector;

	for (size_t used = 1; used <= 4096; used++)
		same = vectors_resize(same, used);
	ck_assert_ptr_eq(same, vector);
	ck_assert_uint_eq(vectors_stats().moves, 0);
	vectors_check();
	vectors_free(vector);
}
END_TEST

START_TEST(test_expand)
{
	char *a = vectors_alloc(16), *b = vectors_alloc(16), *c;

	ck_assert(smal_vector_try_expand(pool, a, 16));
	ck_assert(!smal_vector_try_expand(pool, a, 17));
	ck_assert_uint_eq(smal_vector_capacity(pool, a), 16);
	vectors_free(b);
	ck_assert(smal_vector_try_expand(pool, a, 17));
	ck_assert_uint_eq(smal_vector_capacity(pool, a), 32);
	c = smal_vector_reserve(pool, a, 3000);
	ck_assert_uint_eq(smal_vector_capacity(pool, c), 4096);
	ck_assert_uint_eq(smal_vector_used(pool, c), 0);
	ck_assert(!smal_vector_try_expand(pool, c, 4097));
	c = vectors_resize(c, 5000);
	ck_assert(smal_vector_try_expand(pool, c, MIB));
	ck_assert_uint_ge(smal_vector_capacity(pool, c), MIB);
	ck_assert_uint_eq(smal_vector_used(pool, c), 5000);
	ck_assert_uint_eq(vectors_stats().large_vectors, 1);
	vectors_free(c);
}
END_TEST

START_TEST(test_shrink)
{
	for (size_t capacity = 16; capacity <= 4096; capacity *= 2)
		for (size_t used = 0; used <= capacity; used += 1 + capacity / 37) {
			char *vector = vectors_resize(vectors_alloc(capacity), used);

			heaps_mark(vector, used, used);
			EXPECT(smal_vector_shrink(pool, vector) == vector);
			EXPECT(smal_vector_capacity(pool, vector) < smal_max(2 * used, 17));
			EXPECT_EQ(smal_vector_used(pool, vector), used);
			heaps_check_mark(vector, used, used);
			vectors_check();
			vectors_free(vector);
		}
	ck_assert_uint_eq(vectors_stats().moves, 0);
}
END_TEST

/* Twice the live bytes and a half are enough for two vectors that leapfrog. */
START_TEST(test_leapfrog)
{
	enum { LAST = 32768 };
	char *vectors[2];

	ck_assert(vectors_begin_in(2 * LAST * 5 / 2, 16, LAST, 2));
	vectors[0] = vectors_alloc(16);
	vectors[1] = vectors_alloc(16);
	for (size_t used = 16; used <= LAST; used *= 2)
		for (int i = 0; i < 2; i++)
			vectors[i] = vectors_resize(vectors[i], used);
	vectors_end_in();
}
END_TEST

/* ---- Appending ---- */

START_TEST(test_push)
{
	struct smal_vector_tail tail;
	uint32_t *elements;

	ck_assert(smal_vector_tail_begin(&tail, pool, NULL));
	for (uint32_t i = 0; i < 300000; i++)
		EXPECT(smal_vector_push(&tail, &i, sizeof i));
	for (uint32_t i = 300000; i-- > 200000;)
		EXPECT(*(uint32_t *)smal_vector_pop(&tail, sizeof i) == i);
	elements = smal_vector_tail_end(&tail);
	ck_assert_uint_eq(smal_vector_used(pool, elements), 200000 * sizeof *elements);
	for (uint32_t i = 0; i < 200000; i++)
		EXPECT(elements[i] == i);
	ck_assert_uint_le(vectors_stats().copied_bytes, 2 * 4096);
	ck_assert(smal_vector_tail_begin(&tail, pool, elements));
	ck_assert_ptr_eq(tail.next, elements + 200000);
	ck_assert_ptr_null(smal_vector_pop(&tail, 200000 * sizeof *elements + 1));
	ck_assert(!smal_vector_tail_grow(&tail, SIZE_MAX));
	ck_assert(!smal_vector_tail_grow(&tail, SIZE_MAX - 3));
	ck_assert_ptr_nonnull(smal_vector_pop(&tail, 200000 * sizeof *elements));
	elements = smal_vector_tail_end(&tail);
	ck_assert_uint_eq(smal_vector_used(pool, elements), 0);
	vectors_free(elements);
}
END_TEST

/* An element larger than any class; a full disc. */
START_TEST(test_extend)
{
	struct smal_vector_tail tail;
	char *at;

	vectors_begin(NULL);
	ck_assert(smal_vector_tail_begin(&tail, pool, NULL));
	at = smal_vector_extend(&tail, 100000);
	ck_assert_ptr_eq(at, tail.base);
	memset(at, 1, 100000);
	vectors_free(smal_vector_tail_end(&tail));
	vectors_end();
	ck_assert(vectors_begin_in(1024, 16, 1024, 2));
	ck_assert(smal_vector_tail_begin(&tail, pool, NULL));
	for (int i = 0; i < 1024; i++)
		ck_assert(smal_vector_push(&tail, &i, 1));
	ck_assert(!smal_vector_push(&tail, "", 1));
	ck_assert_uint_eq(tail.next - tail.base, 1024);
	ck_assert_uint_eq(smal_vector_used(pool, smal_vector_tail_end(&tail)), 1024);
	ck_assert(!smal_vector_tail_begin(&tail, pool, NULL));
	vectors_end_in();
}
END_TEST

/* ---- Memory ---- */

/* One class has all of the disc, whichever it is; then another one has it. */
START_TEST(test_borrow)
{
	size_t count;

	ck_assert(vectors_begin_in(128 * KIB, 16, 1024, 2));
	for (int turn = 0; turn < 2; turn++)
		for (size_t size = 16; size <= 1024; size *= 2) {
			static char *vectors[128 * 64 + 1];

			for (count = 0; (vectors[count] = smal_vector_alloc(pool, size)) != NULL;
			     count++)
				EXPECT(count < 128 * 64);
			ck_assert_uint_eq(count * size, 128 * KIB);
			vectors_check();
			while (count != 0)
				vectors_free(vectors[--count]);
			vectors_check();
		}
	vectors_end_in();
}
END_TEST

static void see_metadata(size_t disc, size_t largest)
{
	struct smal_vector_geometry g;

	ck_assert_int_eq(smal_vector_get_geometry(disc, 16, largest, 2, &g), SMAL_OK);
	ck_assert_uint_le(g.map_bytes, (uint64_t)disc * 35 / 1000 + 256);
}

START_TEST(test_metadata)
{
	struct smal_vector_stats stats;

	for (size_t disc = 32 * KIB; disc <= 256 * MIB; disc *= 2)
		for (size_t largest = 1024; largest <= 4096; largest *= 2)
			see_metadata(disc, largest);
	for (size_t i = 0; i < 32 * MIB; i += 16)
		vectors_alloc(16);
	stats = vectors_stats();
	ck_assert_uint_ge(stats.capacity_bytes * 10, stats.disc_bytes * 8);
	/* Of regions and the pool itself there are some pages. */
	ck_assert_uint_le(stats.metadata_bytes, stats.disc_bytes * 37 / 1000 + 64 * KIB);
}
END_TEST

START_TEST(test_limit)
{
	struct smal_vector_options options = { .limit_bytes = MIB };
	size_t count = 0;
	char *last = NULL, *vector;

	vectors_end();
	vectors_begin(&options);
	ck_assert_ptr_null(smal_vector_alloc(pool, 2 * MIB));
	vector = smal_vector_alloc(pool, MIB / 2);
	ck_assert_ptr_nonnull(vector);
	ck_assert_ptr_null(smal_vector_resize(pool, vector, MIB + 1));
	while ((vector = smal_vector_alloc(pool, 100)) != NULL) {
		last = vector;
		count++;
	}
	ck_assert_uint_ge(count * 128, MIB / 4);
	ck_assert_uint_le(vectors_stats().disc_bytes, MIB);
	vectors_free(last);
	vectors_alloc(100);
	/* Warm pages go for others. */
	vectors_end();
	vectors_begin(&options);
	vectors_free(vectors_resize(vectors_alloc(MIB * 3 / 4), MIB / 2));
	vectors_alloc(100);
	vectors_free(vectors_alloc(MIB * 3 / 4));
}
END_TEST

/* ---- Mistakes ---- */

static void told(const char *function, const char *what, const char *detail, const void *pointer)
{
	ck_assert_str_eq(reported.function, function);
	ck_assert_str_eq(reported.detail, detail);
	ck_assert_ptr_eq(reported.pointer, pointer);
	heaps_told(SMAL_ERROR_INVALID, what);
}

START_TEST(test_pointers)
{
	char *vector = vectors_resize(vectors_alloc(100), 100), *large = vectors_alloc(10000);
	char *small = vectors_alloc(5), here;

	ck_assert_int_eq(smal_vector_free(pool, vector + 16), SMAL_ERROR_INVALID);
	told("smal_vector_free", "interior pointer", "16 bytes into a vector of 128 bytes",
	     vector + 16);
	ck_assert_int_eq(smal_vector_free(pool, vector + 65), SMAL_ERROR_INVALID);
	told("smal_vector_free", "interior pointer", "65 bytes into a vector of 128 bytes",
	     vector + 65);
	ck_assert_int_eq(smal_vector_free(pool, small + 3), SMAL_ERROR_INVALID);
	told("smal_vector_free", "interior pointer", "3 bytes into a vector of 16 bytes",
	     small + 3);
	ck_assert_int_eq(smal_vector_free(pool, large + 9000), SMAL_ERROR_INVALID);
	told("smal_vector_free", "interior pointer", "9000 bytes into a vector of 12288 bytes",
	     large + 9000);
	ck_assert_int_eq(smal_vector_free(pool, &here), SMAL_ERROR_INVALID);
	told("smal_vector_free", "foreign pointer", "in no vector of this pool", &here);
	ck_assert_ptr_null(smal_vector_resize(pool, &here, 1));
	told("smal_vector_resize", "foreign pointer", "in no vector of this pool", &here);
	vectors_free(small);
	ck_assert_int_eq(smal_vector_free(pool, small), SMAL_ERROR_INVALID);
	told("smal_vector_free", "double free", "a free unit", small);
	ck_assert_int_eq(smal_vector_free(pool, small + 1), SMAL_ERROR_INVALID);
	told("smal_vector_free", "interior pointer", "1 bytes into a free unit", small + 1);
	vectors_free(vector);
	ck_assert_uint_eq(smal_vector_used(pool, vector), 0);
	told("smal_vector_used", "double free", "a free unit", vector);
	ck_assert_uint_eq(smal_vector_capacity(pool, vector), 0);
	told("smal_vector_capacity", "double free", "a free unit", vector);
	ck_assert_ptr_null(smal_vector_reserve(pool, vector, 10));
	told("smal_vector_reserve", "double free", "a free unit", vector);
	ck_assert(!smal_vector_try_expand(pool, vector, 10));
	told("smal_vector_try_expand", "double free", "a free unit", vector);
	ck_assert_ptr_null(smal_vector_shrink(pool, vector));
	told("smal_vector_shrink", "double free", "a free unit", vector);
	vectors_free(large);
	ck_assert_int_eq(smal_vector_free(pool, large), SMAL_ERROR_INVALID);
	told("smal_vector_free", "double free", "a free slot", large);
	ck_assert_int_eq(smal_vector_free(pool, large + 8), SMAL_ERROR_INVALID);
	told("smal_vector_free", "interior pointer", "8 bytes into a free slot", large + 8);
}
END_TEST

START_TEST(test_tail_mistakes)
{
	struct smal_vector_tail tail;
	char *vector = vectors_alloc(10), *other = vectors_alloc(10);

	ck_assert(smal_vector_tail_begin(&tail, pool, vector));
	vectors_free(vector);
	ck_assert(!smal_vector_tail_grow(&tail, 100));
	told("smal_vector_tail_grow", "double free", "a free unit", vector);
	ck_assert_ptr_null(smal_vector_tail_end(&tail));
	told("smal_vector_tail_end", "double free", "a free unit", vector);
	ck_assert(smal_vector_tail_begin(&tail, pool, vector = vectors_alloc(200)));
	ck_assert_ptr_nonnull(smal_vector_extend(&tail, 200));
	ck_assert_ptr_eq(smal_vector_shrink(pool, vector), vector);
	ck_assert(!smal_vector_tail_grow(&tail, 100));
	told("smal_vector_tail_grow", "stale tail", "a vector of 16 bytes now", vector);
	ck_assert_ptr_null(smal_vector_tail_end(&tail));
	told("smal_vector_tail_end", "stale tail", "a vector of 16 bytes now", vector);
	ck_assert_uint_eq(smal_vector_used(pool, vector), 0);
	vectors_check();
	ck_assert(!smal_vector_tail_begin(&tail, pool, other + 1));
	told("smal_vector_tail_begin", "interior pointer", "1 bytes into a vector of 16 bytes",
	     other + 1);
}
END_TEST

/* Every unit of vectors of every class, and what is written to their memory does not
 * matter. */
START_TEST(test_units)
{
	ck_assert(vectors_begin_in(64 * KIB, 16, 4096, 2));
	for (size_t size = 16; size <= 4096; size *= 2) {
		char *vector = vectors_alloc(size);

		for (size_t used = 0; used <= size; used += smal_max(size / 4, 1)) {
			vectors_resize(vector, used);
			memset(vector, 0xff, size);
			for (size_t at = 1; at < size; at += 7) {
				EXPECT(smal_vector_free(pool, vector + at) == SMAL_ERROR_INVALID);
				heaps_told(SMAL_ERROR_INVALID, "interior pointer");
			}
		}
		vectors_check();
	}
	vectors_end_in();
}
END_TEST

START_TEST(test_pools)
{
	struct smal_vector_pool *first = pool, *second;
	char *vector = vectors_alloc(100);
	long words[sizeof(struct smal_vector_pool) / sizeof(long)] = { 0 };

	ck_assert_int_eq(smal_vector_pool_create(NULL, &second), SMAL_OK);
	ck_assert_int_eq(smal_vector_free(second, vector), SMAL_ERROR_INVALID);
	told("smal_vector_free", "foreign pointer", "in no vector of this pool", vector);
	ck_assert_int_eq(smal_vector_pool_destroy(second), SMAL_OK);
	vectors_free(vector);
	ck_assert_int_eq(smal_vector_pool_destroy(NULL), SMAL_OK);
	ck_assert_ptr_null(smal_vector_alloc((void *)words, 1));
	told("smal_vector_alloc", "not a pool of vectors", "", words);
	ck_assert_ptr_null(smal_vector_alloc(NULL, 1));
	told("smal_vector_alloc", "not a pool of vectors", "", NULL);
	ck_assert_int_eq(smal_vector_check((void *)words), SMAL_ERROR_INVALID);
	told("smal_vector_check", "not a pool of vectors", "", words);
	pool = first;
}
END_TEST

static void create_wrong(const struct smal_vector_options *options, const char *what,
                         const char *detail, const void *pointer)
{
	struct smal_vector_pool *result = NULL;

	ck_assert_int_eq(smal_vector_pool_create(options, &result), SMAL_ERROR_INVALID);
	told("smal_vector_pool_create", what, detail, pointer);
	ck_assert_ptr_null(result);
}

START_TEST(test_options)
{
	static uint64_t disc[1024], map[1024];
	struct smal_vector_options size = { .options_bytes = 10000 },
				   sizes = { .smallest_bytes = 17 },
				   growth = { .growth = 8, .largest_bytes = 4096 },
				   half = { .disc = disc, .disc_bytes = sizeof disc },
				   odd = { .disc = (char *)disc + 1,
		                           .disc_bytes = 4096,
		                           .map = map,
		                           .map_bytes = sizeof map },
				   small = { .disc = disc, .disc_bytes = 8 * 1024, .map = map };
	struct smal_vector_pool *result;

	create_wrong(&size, "options_bytes is wrong", "10000", NULL);
	create_wrong(&sizes, "sizes are no geometry", "17, 0, growth 2", NULL);
	create_wrong(&growth, "sizes are no geometry", "16, 4096, growth 8", NULL);
	create_wrong(&half, "a disc needs a map", "", NULL);
	create_wrong(&odd, "disc is misaligned", "no multiple of 16", odd.disc);
	ck_assert_int_eq(smal_vector_pool_create(NULL, NULL), SMAL_ERROR_INVALID);
	told("smal_vector_pool_create", "NULL argument", "", NULL);
	for (small.map_bytes = 0; small.map_bytes < sizeof map; small.map_bytes++)
		if (smal_vector_pool_create(&small, &result) != SMAL_ERROR_NO_MEMORY)
			break;
	ck_assert_uint_gt(small.map_bytes, 270);
	ck_assert_uint_lt(small.map_bytes, sizeof map);
	ck_assert_int_eq(smal_vector_pool_destroy(result), SMAL_OK);
	ck_assert_int_eq(smal_vector_pool_destroy(result), SMAL_ERROR_INVALID);
	told("smal_vector_pool_destroy", "not a pool of vectors", "a pool that has ended", result);
	small.disc_bytes = 4095;
	ck_assert_int_eq(smal_vector_pool_create(&small, &result), SMAL_ERROR_NO_MEMORY);
	/* The largest class that a growth has. */
	for (unsigned g = 2; g <= 16; g *= 2) {
		struct smal_vector_options plain = { .growth = g };

		ck_assert_int_eq(smal_vector_pool_create(&plain, &result), SMAL_OK);
		ck_assert_uint_eq(smal_vector_capacity(result, smal_vector_alloc(result, 1000)),
		                  g == 16 ? 4096 : 1024);
		ck_assert_int_eq(smal_vector_pool_destroy(result), SMAL_OK);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("vector");
	TCase *t = tcase_create("geometry");

	tcase_add_test(t, test_geometry);
	tcase_add_test(t, test_geometry_general);
	tcase_add_test(t, test_geometry_wrong);
	suite_add_tcase(s, t);
	t = tcase_create("own pools");
	tcase_add_test(t, test_append);
	tcase_add_test(t, test_leapfrog);
	tcase_add_test(t, test_extend);
	tcase_add_test(t, test_borrow);
	tcase_add_test(t, test_units);
	suite_add_tcase(s, t);
	t = tcase_create("vectors");
	tcase_add_checked_fixture(t, vectors_begin_plain, vectors_end);
	tcase_add_test(t, test_sizes);
	tcase_add_test(t, test_every_used);
	tcase_add_test(t, test_too_large);
	tcase_add_test(t, test_append_alone);
	tcase_add_test(t, test_expand);
	tcase_add_test(t, test_shrink);
	tcase_add_test(t, test_push);
	tcase_add_test(t, test_metadata);
	tcase_add_test(t, test_limit);
	tcase_add_test(t, test_pointers);
	tcase_add_test(t, test_tail_mistakes);
	tcase_add_test(t, test_pools);
	tcase_add_test(t, test_options);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
