/* SPDX-License-Identifier: MIT */
/*
 * check_vector_bounds.c: pools in a caller's buffers, from none that is large enough up
 * to large ones: nothing outside of them is written, all of the disc can be had, and
 * the system is not called.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "test/fault.h"
#include "test/vectors.h"

#include <smal/os/os.h>

#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 5000 };

static char *vectors[MOST];
static size_t count;

static void free_all(void)
{
	while (count != 0)
		vectors_free(vectors[--count]);
}

/* Vectors of one size until there are no more: all of the disc's blocks. */
static void fill(size_t disc_bytes, size_t size, size_t largest)
{
	char *vector;

	while ((vector = smal_vector_alloc(pool, size)) != NULL) {
		EXPECT(count < MOST);
		vectors[count++] = vector;
		memset(vector, (int)count, size);
		EXPECT(smal_vector_resize(pool, vector, size) == vector);
	}
	EXPECT_EQ(count * size, disc_bytes / largest * largest);
	vectors_check();
	for (size_t i = 0; i < count; i++)
		EXPECT(vectors[i][0] == (char)(i + 1) && vectors[i][size - 1] == (char)(i + 1));
	free_all();
	vectors_check();
}

/* Every size in turn, grown and shrunk, until nothing more fits. */
static void mix(size_t smallest, size_t largest)
{
	size_t size = 0, all = 0;
	char *vector;

	while ((vector = smal_vector_alloc(pool, size)) != NULL && count < MOST) {
		vectors[count++] = vector;
		all = smal_vector_capacity(pool, vector);
		memset(vector, 0x5a, all);
		size = (size * 2 + smallest / 2 + 1) % (largest + 1);
	}
	for (size_t i = 0; i < count; i++) {
		vector = smal_vector_resize(pool, vectors[i],
		                            smal_min(largest, 3 * smallest + i % 50));
		if (vector != NULL)
			vectors[i] = vector;
		if (i % 3 == 0)
			EXPECT(smal_vector_shrink(pool, vectors[i]) == vectors[i]);
	}
	vectors_check();
	free_all();
	vectors_check();
	ck_assert_ptr_null(smal_vector_alloc(pool, largest + 1));
}

static void use(size_t disc_bytes, size_t smallest, size_t largest, unsigned growth)
{
	if (!vectors_begin_in(disc_bytes, smallest, largest, growth)) {
		EXPECT(disc_bytes < largest);
		return;
	}
	EXPECT(disc_bytes >= largest);
	for (size_t size = smallest; size <= largest; size *= growth)
		if (disc_bytes / size < MOST)
			fill(disc_bytes, size, largest);
	mix(smallest, largest);
	vectors_end_in();
}

static const struct {
	size_t smallest, largest;
	unsigned growth;
} shapes[] = {
	{ 8, 8, 2 },      { 8, 16, 2 },     { 8, 32, 2 },    { 8, 512, 2 },  { 8, 1024, 2 },
	{ 16, 16, 2 },    { 16, 32, 2 },    { 16, 64, 4 },   { 16, 128, 2 }, { 16, 256, 16 },
	{ 16, 1024, 2 },  { 16, 1024, 8 },  { 32, 512, 4 },  { 64, 128, 2 }, { 16, 2048, 2 },
	{ 128, 4096, 2 }, { 256, 256, 16 }, { 16, 4096, 4 },
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* Every disc of a few bytes up to several blocks. */
START_TEST(test_tiny)
{
	size_t most = smal_min(3 * shapes[_i].largest, 1300), step = test_is_slow() ? 13 : 1;

	for (size_t bytes = 0; bytes <= most; bytes += step)
		use(bytes, shapes[_i].smallest, shapes[_i].largest, shapes[_i].growth);
}
END_TEST

START_TEST(test_larger)
{
	for (size_t blocks = 1; blocks * shapes[_i].largest <= 256 * KIB; blocks = blocks * 2 + 1)
		for (size_t odd = 0; odd < 2; odd++)
			use(blocks * shapes[_i].largest + odd * (shapes[_i].largest - 1),
			    shapes[_i].smallest, shapes[_i].largest, shapes[_i].growth);
}
END_TEST

/* A map that is too small is left alone. */
START_TEST(test_small_maps)
{
	static _Alignas(16) unsigned char disc[4096], map[1024];
	struct smal_vector_options options = {
		.smallest_bytes = 16, .largest_bytes = 1024, .disc = disc, .disc_bytes = sizeof disc
	};
	struct smal_vector_geometry geometry;

	heaps_listen();
	ck_assert_int_eq(smal_vector_get_geometry(sizeof disc, 16, 1024, 2, &geometry), SMAL_OK);
	ck_assert_uint_lt(geometry.map_bytes, sizeof map - 8);
	for (size_t odd = 0; odd < 8; odd++) {
		memset(map, 0xc5, sizeof map);
		for (size_t bytes = 0; bytes < geometry.map_bytes; bytes++) {
			options.map = map + odd;
			options.map_bytes = bytes;
			EXPECT(smal_vector_pool_create(&options, &pool) == SMAL_ERROR_NO_MEMORY);
		}
		for (size_t i = 0; i < sizeof map; i++)
			EXPECT(map[i] == 0xc5);
		options.map_bytes = geometry.map_bytes;
		EXPECT(smal_vector_pool_create(&options, &pool) == SMAL_OK);
		vectors_end();
		for (size_t i = 0; i < sizeof map; i++)
			EXPECT(map[i] == 0xc5 || (i >= odd && i < odd + geometry.map_bytes));
	}
	heaps_silent();
}
END_TEST

/* ---- The system is not called ---- */

static void use_once(void)
{
	use(64 * KIB, 16, 1024, 2);
	use(64 * KIB, 64, 4096, 4);
}

START_TEST(test_no_calls)
{
	uint64_t before;

	use_once();
	before = fault_calls(FAULT_ALL);
	use_once();
	ck_assert_uint_eq(fault_calls(FAULT_ALL), before);
}
END_TEST

/* The kernel kills who calls it, but to read, to write and to end. */
static void use_alone(void *argument)
{
	static _Alignas(16) char disc[65536], map[4096];
	struct smal_vector_options options = {
		.disc = disc, .disc_bytes = sizeof disc, .map = map, .map_bytes = sizeof map
	};

	(void)argument;
	/* The first one in a process has forks handled. */
	use_once();
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		_exit(0);
	if (smal_vector_pool_create(&options, &pool) != SMAL_OK)
		syscall(SYS_exit, 1);
	for (size_t size = 1; size <= 4096; size++) {
		char *vector = smal_vector_alloc(pool, 1), *other = smal_vector_alloc(pool, 1);

		if (vector == NULL || other == NULL ||
		    (vector = smal_vector_resize(pool, vector, size)) == NULL ||
		    smal_vector_free(pool, other) != SMAL_OK ||
		    smal_vector_free(pool, vector) != SMAL_OK)
			syscall(SYS_exit, 2);
	}
	if (smal_vector_check(pool) != SMAL_OK || smal_vector_pool_destroy(pool) != SMAL_OK)
		syscall(SYS_exit, 3);
	syscall(SYS_exit, 0);
}

START_TEST(test_no_system)
{
	/* Sanitizers and memcheck call it themselves. */
	if (!test_is_slow())
		ck_assert_int_eq(heaps_in_child(use_alone, NULL), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("vector bounds");
	TCase *t = tcase_create("buffers");

	tcase_add_loop_test(t, test_tiny, 0, SHAPES);
	tcase_add_loop_test(t, test_larger, 0, SHAPES);
	tcase_add_test(t, test_small_maps);
	tcase_add_test(t, test_no_calls);
	tcase_add_test(t, test_no_system);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
