/* SPDX-License-Identifier: MIT */
/*
 * check_handle_resize.c: blocks that become longer and shorter: where they stand,
 * elsewhere, from small to large and back; what they hold stays.
 */
#include "test/handles.h"

static void resize(smal_handle handle, size_t bytes, size_t common)
{
	EXPECT_EQ(smal_handle_resize(handles, handle, bytes), SMAL_OK);
	EXPECT_EQ(smal_handle_size(handles, handle), bytes);
	handles_read(handles_where(handle), common, handle);
	handles_check();
}

static smal_handle make(size_t bytes)
{
	return handles_alloc_marked(bytes);
}

START_TEST(test_same_granule)
{
	smal_handle handle = make(10), behind = make(16);
	const char *at = handles_where(handle);

	for (size_t bytes = 0; bytes <= 16; bytes++) {
		resize(handle, bytes, bytes < 10 ? bytes : 0);
		EXPECT(handles_where(handle) == at);
		handles_mark(handle);
	}
	EXPECT_EQ(handles_stats().free_bytes, 0);
	handles_check_mark(behind);
}
END_TEST

START_TEST(test_shorter)
{
	smal_handle handle = make(200), behind = make(100);
	const char *at = handles_where(handle);

	resize(handle, 100, 100);
	EXPECT(handles_where(handle) == at);
	EXPECT_EQ(handles_stats().free_bytes, 208 - 112);
	/* What is left joins the hole that is there. */
	resize(handle, 20, 20);
	EXPECT_EQ(handles_stats().free_bytes, 208 - 32);
	EXPECT_EQ(handles_stats().holes, 1);
	EXPECT_EQ(handles_where(handles_alloc(208 - 32)) - at, 32);
	handles_check_mark(behind);
}
END_TEST

START_TEST(test_last_one)
{
	smal_handle before = make(32), handle = make(200);
	const char *at = handles_where(handle);

	resize(handle, 100000, 200);
	EXPECT(handles_where(handle) == at);
	EXPECT_EQ(handles_stats().span_bytes, 32 + 100000);
	resize(handle, 1, 1);
	EXPECT_EQ(handles_stats().span_bytes, 32 + 16);
	resize(handle, 0, 0);
	resize(handle, 17, 0);
	EXPECT_EQ(handles_stats().span_bytes, 32 + 32);
	handles_check_mark(before);
}
END_TEST

/* Into a hole: a part of it, all of it, one that is too small. */
START_TEST(test_longer)
{
	smal_handle handle = make(64), hole = make(128), pin = make(64);
	const char *at = handles_where(handle);

	handles_free(hole);
	resize(handle, 100, 64);
	EXPECT(handles_where(handle) == at);
	EXPECT_EQ(handles_stats().free_bytes, 128 - 48);
	resize(handle, 192, 64);
	EXPECT(handles_where(handle) == at);
	EXPECT_EQ(handles_stats().free_bytes, 0);
	resize(handle, 193, 64);
	EXPECT(handles_where(handle) != at);
	EXPECT_EQ(handles_stats().free_bytes, 192);
	/* What it has left is used. */
	EXPECT(handles_where(handles_alloc(192)) == at);
	handles_check_mark(pin);
}
END_TEST

START_TEST(test_large)
{
	static const size_t sizes[] = { 100,        256 * KIB,     256 * KIB - 1, 300 * KIB,
		                        4 * MIB,    5 * MIB,       256 * KIB,     10,
		                        20 * MIB,   MIB,           255 * KIB,     256 * KIB + 1 };
	smal_handle handle = make(0), behind = make(100);
	size_t had = 0;

	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		resize(handle, sizes[i], had < sizes[i] ? had : sizes[i]);
		EXPECT_EQ(handles_stats().large_blocks, sizes[i] >= 256 * KIB);
		EXPECT_EQ(handles_stats().block_bytes, sizes[i] + 100);
		handles_mark(handle);
		had = sizes[i];
	}
	handles_check_mark(behind);
	handles_free(handle);
	EXPECT_EQ(handles_stats().large_bytes, 0);
}
END_TEST

static void expect_busy(smal_handle handle, size_t bytes, size_t has)
{
	EXPECT_EQ(smal_handle_resize(handles, handle, bytes), SMAL_ERROR_BUSY);
	EXPECT_EQ(smal_handle_size(handles, handle), has);
	handles_silent();
	handles_check();
}

START_TEST(test_locked)
{
	smal_handle handle = make(100), hole = make(100), behind = make(100), large;
	const char *at = handles_lock(handle);

	expect_busy(handle, 200, 100);
	expect_busy(handle, 300 * KIB, 100);
	resize(handle, 112, 100);
	handles_free(hole);
	resize(handle, 200, 100);
	resize(handle, 224, 100);
	expect_busy(handle, 225, 224);
	resize(handle, 50, 50);
	EXPECT(handles_where(handle) == at);
	handles_unlock(handle);
	large = make(MIB);
	handles_lock(large);
	expect_busy(large, 100, MIB);
	expect_busy(large, 2 * MIB, MIB);
	handles_unlock(large);
	resize(large, 100, 100);
	handles_check_mark(behind);
}
END_TEST

/* Without memory, the block is as it was. */
START_TEST(test_no_memory)
{
	smal_handle handle, rest;

	handles_end();
	handles_begin_buffer(8 * KIB);
	handle = make(KIB);
	rest = make(4 * KIB);
	EXPECT_EQ(smal_handle_resize(handles, handle, 4 * KIB), SMAL_ERROR_NO_MEMORY);
	EXPECT_EQ(smal_handle_resize(handles, handle, SIZE_MAX), SMAL_ERROR_NO_MEMORY);
	EXPECT_EQ(smal_handle_resize(handles, rest, SIZE_MAX - 20), SMAL_ERROR_NO_MEMORY);
	EXPECT_EQ(smal_handle_size(handles, handle), KIB);
	handles_check_mark(handle);
	handles_check_mark(rest);
	/* After a compaction it fits. */
	handles_free(handle);
	handle = make(100);
	resize(rest, 5 * KIB, 4 * KIB);
	handles_check_mark(handle);
	handles_silent();
}
END_TEST

/* Every size to every other, with neighbours of all kinds. */
START_TEST(test_all)
{
	static const size_t sizes[] = { 0, 1, 16, 17, 48, 1000, 5000 };
	enum { SIZES = sizeof sizes / sizeof *sizes };

	for (unsigned from = 0; from < SIZES; from++)
		for (unsigned to = 0; to < SIZES; to++)
			for (unsigned kind = 0; kind < 4; kind++) {
				smal_handle before = make(100), handle = make(sizes[from]);
				smal_handle behind = make(64), last = make(32);
				size_t both = sizes[from] < sizes[to] ? sizes[from] : sizes[to];

				if (kind & 1)
					handles_free(behind);
				if (kind & 2)
					handles_free(last);
				resize(handle, sizes[to], both);
				handles_mark(handle);
				handles_compact();
				handles_check();
				handles_check_mark(handle);
				handles_check_mark(before);
				handles_free(before);
				handles_free(handle);
				if (!(kind & 1)) {
					handles_check_mark(behind);
					handles_free(behind);
				}
				if (!(kind & 2)) {
					handles_check_mark(last);
					handles_free(last);
				}
			}
	EXPECT_EQ(handles_stats().blocks, 0);
}
END_TEST

/* Sizes stay what they are, whatever moves. */
START_TEST(test_no_inflation)
{
	enum { COUNT = 100 };
	smal_handle all[COUNT];
	uint64_t sum = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		all[i] = make(i * 7);
		sum += i * 7;
	}
	for (unsigned round = 0; round < 1000; round++) {
		unsigned which = round % COUNT;

		handles_free(all[which]);
		if (round % 3 == 0)
			handles_lock(all[(which + 50) % COUNT]);
		handles_compact();
		if (round % 3 == 0)
			handles_unlock(all[(which + 50) % COUNT]);
		all[which] = make(which * 7);
		EXPECT_EQ(handles_stats().block_bytes, sum);
	}
	for (unsigned i = 0; i < COUNT; i++) {
		EXPECT_EQ(smal_handle_size(handles, all[i]), i * 7);
		handles_check_mark(all[i]);
	}
}
END_TEST

static void add(Suite *s, const char *name, void (*begin)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, begin, handles_end);
	tcase_add_test(t, test_same_granule);
	tcase_add_test(t, test_shorter);
	tcase_add_test(t, test_last_one);
	tcase_add_test(t, test_longer);
	tcase_add_test(t, test_large);
	tcase_add_test(t, test_locked);
	tcase_add_test(t, test_no_memory);
	tcase_add_test(t, test_all);
	tcase_add_test(t, test_no_inflation);
	suite_add_tcase(s, t);
}

static Suite *suite(void)
{
	Suite *s = suite_create("sizes of blocks behind handles");

	add(s, "one thread", handles_begin_plain);
	add(s, "threads", handles_begin_threaded);
	return s;
}

int main(void)
{
	return test_main(suite);
}
