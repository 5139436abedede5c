/* SPDX-License-Identifier: MIT */
/*
 * check_vector_large.c: vectors larger than classes: they grow where they stand, with no
 * more memory than is used; what they don't use goes back; those that outgrow their
 * slots are moved and not copied; few mappings, few calls; and few addresses.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "test/fault.h"
#include "test/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Memory that the system has to spare. */
static size_t available(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	unsigned long long kib = 0;
	char line[200];

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return (size_t)smal_min(smal_min((size_t)kib * 1024, smal_os_memory_limit()), SIZE_MAX / 2);
}

/* Why a test is skipped, or NULL. */
static const char *lacks(size_t bytes)
{
	struct rlimit limit;

	if (test_is_slow())
		return "memory proves nothing here";
	if (available() < bytes)
		return "too little memory";
	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		return "addresses are limited";
	return NULL;
}

#define SKIP_WITHOUT(bytes)                                                  \
	do {                                                                 \
		const char *why = lacks(bytes);                              \
		if (why != NULL) {                                           \
			fprintf(stderr, "%s: skipped: %s\n", __func__, why); \
			return;                                              \
		}                                                            \
	} while (0)

/* ---- Growing ---- */

/* By steps, to a gigabyte; less where addresses are few. */
START_TEST(test_gigabyte)
{
	const size_t all = sizeof(void *) == 8 ? 1024 * MIB : 128 * MIB,
		     page = smal_os_page_bytes();
	size_t used = 8192, before, resident;
	char *vector = vectors_resize(vectors_alloc(used), used), *same = vector;
	struct smal_vector_stats stats = vectors_stats(), later;
	uint64_t calls;

	SKIP_WITHOUT(3 * all / 2);
	/* Where its slot is too small it has moved before. */
	if (sizeof(void *) == 4)
		vector = same = smal_vector_reserve(pool, vector, all);
	memset(vector, 1, used);
	stats = vectors_stats();
	before = test_resident_bytes();
	calls = fault_calls(FAULT_ALL);
	while (used < all) {
		size_t step = smal_min(used / 16 + 4096, all - used);

		same = vectors_resize(same, used + step);
		EXPECT(same == vector);
		memset(same + used, 1, step);
		used += step;
	}
	calls = fault_calls(FAULT_ALL) - calls;
	resident = vectors_resident(vector, smal_vector_capacity(pool, vector));
	later = vectors_stats();
	ck_assert_uint_eq(later.moves, stats.moves);
	ck_assert_uint_eq(later.copied_bytes, stats.copied_bytes);
	ck_assert_uint_le(resident, used + page);
	ck_assert_uint_le(test_resident_bytes() - before, used + page + used / 256);
	ck_assert_uint_le(later.metadata_bytes, MIB);
	ck_assert_uint_lt(calls, 20);
	/* And back. */
	EXPECT(vectors_resize(vector, 5 * page + 1) == vector);
	EXPECT(smal_vector_shrink(pool, vector) == vector);
	ck_assert_uint_eq(vectors_resident(vector, all), 6 * page);
	ck_assert_uint_eq(smal_vector_capacity(pool, vector), 6 * page);
	ck_assert_int_eq(vector[5 * page], 1);
	vectors_free(vector);
}
END_TEST

START_TEST(test_pages)
{
	size_t page = smal_os_page_bytes();
	char *vector = vectors_alloc(3 * MIB);

	SKIP_WITHOUT(100 * MIB);
	ck_assert_uint_eq(vectors_resident(vector, 3 * MIB), 0);
	ck_assert_uint_eq(smal_vector_capacity(pool, vector), 3 * MIB);
	vector = vectors_resize(vector, 2 * MIB);
	memset(vector, 1, 2 * MIB);
	ck_assert_uint_eq(vectors_resident(vector, 3 * MIB), 2 * MIB);
	/* Of what a freed vector had, little is kept. */
	vectors_free(vector);
	ck_assert_uint_eq(vectors_resident(vector, 3 * MIB), 0);
	for (int i = 0; i < 100; i++) {
		static char *vectors[100];

		vectors[i] = vectors_alloc(100000);
		memset(vectors[i], 1, 100000);
		if (i < 99)
			continue;
		for (int k = 0; k < 100; k++)
			vectors_free(vectors[k]);
		size_t resident = 0;

		for (int k = 0; k < 100; k++)
			resident += vectors_resident(vectors[k], smal_round_up(100000, page));
		ck_assert_uint_le(resident, MIB);
	}
	ck_assert_uint_le(pool->system->warm_bytes, MIB);
	vectors_alloc(page + 1);
}
END_TEST

/* Of small vectors that are freed, too, and they can be had again. */
START_TEST(test_disc_pages)
{
	enum { COUNT = 200000 };
	static char *vectors[COUNT];
	size_t before;

	SKIP_WITHOUT(100 * MIB);
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < COUNT; i++) {
			vectors[i] = vectors_alloc(100);
			memset(vectors[i], i, 100);
		}
		before = vectors_resident(pool->disc, pool->system->disc.committed_bytes);
		ck_assert_uint_ge(before, COUNT * 128);
		for (int i = 0; i < COUNT; i++) {
			EXPECT(vectors[i][99] == (char)i);
			vectors_free(vectors[i]);
		}
		ck_assert_uint_le(vectors_resident(pool->disc, pool->system->disc.committed_bytes),
		                  before / 7 + MIB);
		vectors_check();
	}
}
END_TEST

/* ---- Slots ---- */

/* Regions of the kind for very many vectors: all others have gone by. */
static void few_addresses(void)
{
	pool->system->region_most = pool->system->region_bytes = 64 * MIB;
}

/* A vector in a small slot, which it outgrows: its pages are moved. */
START_TEST(test_outgrow)
{
	char *vector, *moved;
	struct smal_vector_stats stats;

	few_addresses();
	vector = vectors_resize(vectors_alloc(MIB / 2), MIB / 2);
	heaps_mark(vector, MIB / 2, 5);
	ck_assert(!smal_vector_try_expand(pool, vector, 10 * MIB));
	moved = vectors_resize(vector, 10 * MIB);
	ck_assert_ptr_ne(moved, vector);
	heaps_check_mark(moved, MIB / 2, 5);
	memset(moved, 3, 10 * MIB);
	stats = vectors_stats();
	ck_assert_uint_eq(stats.remapped + stats.moves, 1);
	if (!test_is_slow())
		ck_assert_uint_eq(stats.copied_bytes, 0);
	ck_assert_ptr_eq(vectors_resize(moved, 30 * MIB), moved);
	moved = vectors_resize(moved, 200 * MIB);
	ck_assert_int_eq(moved[10 * MIB - 1], 3);
	vectors_check();
	/* The old slot is as good as new. */
	vector = vectors_resize(vectors_alloc(MIB / 2), MIB / 2);
	for (size_t i = 0; stats.remapped == 1 && i < MIB / 2; i++)
		EXPECT(vector[i] == 0);
	vectors_free(vector);
	vectors_free(moved);
	vectors_check();
	ck_assert_uint_eq(pool->system->moved_slots, 0);
}
END_TEST

/* So many times that there may be no more mappings; then it is copied. */
START_TEST(test_outgrow_often)
{
	enum { MANY = 200 };
	static char *vectors[MANY];
	struct smal_vector_stats stats;
	size_t before = test_mappings();

	few_addresses();
	for (int i = 0; i < MANY; i++) {
		vectors[i] = vectors_resize(vectors_alloc(MIB / 2), MIB / 2);
		heaps_mark(vectors[i], MIB / 2, (uint64_t)i);
	}
	for (int i = 0; i < MANY && i < SMAL_REGIONS - 30; i++) {
		vectors[i] = vectors_resize(vectors[i], 3 * MIB);
		heaps_check_mark(vectors[i], MIB / 2, (uint64_t)i);
	}
	stats = vectors_stats();
	vectors_check();
	ck_assert_uint_eq(stats.remapped + stats.moves, SMAL_REGIONS - 30);
	if (!test_is_slow() && before != TEST_UNKNOWN)
		ck_assert_uint_le(test_mappings() - before, 1000);
	for (int i = 0; i < MANY; i++)
		vectors_free(vectors[i]);
	vectors_check();
	ck_assert_uint_eq(pool->system->moved_slots, 0);
}
END_TEST

/* Many vectors have few mappings, and few calls. */
START_TEST(test_many)
{
	enum { MANY = 20000 };
	static char *vectors[MANY];
	size_t mappings = test_mappings();
	uint64_t calls = fault_calls(FAULT_ALL);
	int many = test_is_slow() ? 50 : sizeof(void *) == 4 ? 500 : MANY;

	for (int i = 0; i < many; i++) {
		vectors[i] = vectors_alloc(5000);
		vectors[i][0] = (char)i;
	}
	calls = fault_calls(FAULT_ALL) - calls;
	ck_assert_uint_le(calls, (uint64_t)many + 1000);
	vectors_check();
	if (mappings != TEST_UNKNOWN)
		ck_assert_uint_le(test_mappings() - mappings, 3000);
	for (int i = 0; i < many; i++) {
		EXPECT(vectors[i][0] == (char)i);
		vectors_free(vectors[i]);
	}
	vectors_check();
}
END_TEST

/* One that is freed and made anew again and again asks for nothing. */
START_TEST(test_warm)
{
	uint64_t calls;
	char *vector = vectors_alloc(100000);

	vectors_free(vector);
	calls = fault_calls(FAULT_ALL);
	for (int i = 0; i < 1000; i++) {
		vector = vectors_alloc(100000);
		vector[0] = 1;
		vectors_free(vector);
	}
	ck_assert_uint_eq(fault_calls(FAULT_ALL), calls);
}
END_TEST

/* ---- Few addresses ---- */

static void in_limit(void *argument)
{
	size_t bytes = *(size_t *)argument;
	struct rlimit limit = { bytes, bytes };
	struct smal_vector_pool *limited;
	char *vector, *grown;
	size_t had = 0;

	/* The fixture's has more addresses than that. */
	if (smal_vector_pool_destroy(pool) != SMAL_OK || setrlimit(RLIMIT_AS, &limit) != 0)
		_exit(2);
	if (smal_vector_pool_create(NULL, &limited) != SMAL_OK)
		_exit(3);
	for (int i = 0; i < 10000; i++)
		if (smal_vector_alloc(limited, 100) == NULL)
			_exit(4);
	vector = smal_vector_alloc(limited, 5000);
	if (vector == NULL)
		_exit(5);
	for (size_t used = 5000; (grown = smal_vector_resize(limited, vector, used)) != NULL;
	     used += used / 8) {
		vector = grown;
		had = used;
	}
	if (had < bytes / 16 || smal_vector_used(limited, vector) != had ||
	    smal_vector_check(limited) != SMAL_OK || smal_vector_pool_destroy(limited) != SMAL_OK)
		_exit(6);
}

START_TEST(test_addresses)
{
	static const size_t limits[] = { 200 << 20, 1000 << 20, (size_t)3000 << 20 };
	size_t bytes = limits[_i];

	if (!test_is_slow())
		ck_assert_int_eq(heaps_in_child(in_limit, &bytes), 0);
}
END_TEST

/* Writable memory is limited, not addresses. */
static void in_data_limit(void *argument)
{
	struct rlimit limit = { 100 << 20, 100 << 20 };
	char *vector = smal_vector_alloc(pool, 5000), *grown;
	size_t had = 0;

	(void)argument;
	if (setrlimit(RLIMIT_DATA, &limit) != 0)
		_exit(2);
	for (size_t used = 5000; (grown = smal_vector_resize(pool, vector, used)) != NULL;
	     used += used / 8) {
		vector = grown;
		had = used;
	}
	if (had < 20 << 20 || smal_vector_check(pool) != SMAL_OK)
		_exit(3);
	memset(vector, 1, had);
	if (smal_vector_free(pool, vector) != SMAL_OK || smal_vector_check(pool) != SMAL_OK)
		_exit(4);
}

START_TEST(test_data)
{
	if (!test_is_slow())
		ck_assert_int_eq(heaps_in_child(in_data_limit, NULL), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("large vectors");
	TCase *t = tcase_create("slots");

	tcase_add_checked_fixture(t, vectors_begin_plain, vectors_end);
	tcase_add_test(t, test_gigabyte);
	tcase_add_test(t, test_pages);
	tcase_add_test(t, test_disc_pages);
	tcase_add_test(t, test_outgrow);
	tcase_add_test(t, test_outgrow_often);
	tcase_add_test(t, test_many);
	tcase_add_test(t, test_warm);
	tcase_add_loop_test(t, test_addresses, 0, sizeof(void *) == 8 ? 3 : 1);
	tcase_add_test(t, test_data);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
