/* SPDX-License-Identifier: MIT */
/*
 * check_handle.c: blocks behind handles, one call after the other: sizes, locks, weak
 * locks, contents, and what is counted. The mistakes are in check_handle_fail.c, sizes
 * that change in check_handle_resize.c, blocks that vanish in check_handle_purge.c.
 */
#include "test/handles.h"

#include <string.h>

/* ---- Sizes ---- */

static void expect_size(size_t bytes)
{
	smal_handle handle = handles_alloc(bytes);

	EXPECT_EQ(smal_handle_size(handles, handle), bytes);
	handles_mark(handle);
	handles_check_mark(handle);
	handles_free(handle);
}

START_TEST(test_sizes)
{
	for (size_t bytes = 0; bytes < 300; bytes++)
		expect_size(bytes);
	for (unsigned log2 = 4; log2 < 25; log2++)
		for (size_t bytes = ((size_t)1 << log2) - 2; bytes < ((size_t)1 << log2) + 3; bytes++)
			expect_size(bytes);
	handles_check();
	EXPECT_EQ(handles_stats().blocks, 0);
}
END_TEST

START_TEST(test_many_sizes)
{
	enum { COUNT = 2000 };
	smal_handle all[COUNT];

	for (size_t i = 0; i < COUNT; i++)
		all[i] = handles_alloc_marked(i);
	EXPECT_EQ(handles_stats().block_bytes, (uint64_t)COUNT * (COUNT - 1) / 2);
	for (size_t i = 0; i < COUNT; i += 2)
		handles_free(all[i]);
	handles_compact();
	for (size_t i = 1; i < COUNT; i += 2) {
		EXPECT_EQ(smal_handle_size(handles, all[i]), i);
		handles_check_mark(all[i]);
	}
}
END_TEST

/* Too large is no mistake. */
START_TEST(test_too_large)
{
	EXPECT_EQ(smal_handle_alloc(handles, SIZE_MAX, 0), 0);
	EXPECT_EQ(smal_handle_alloc(handles, SIZE_MAX - 15, 0), 0);
	EXPECT_EQ(smal_handle_alloc(handles, SIZE_MAX / 2, 0), 0);
	EXPECT_EQ(handles_stats().blocks, 0);
	handles_end();
	handles_begin_buffer(64 * KIB);
	EXPECT_EQ(smal_handle_alloc(handles, SIZE_MAX, 0), 0);
	EXPECT_EQ(smal_handle_alloc(handles, 64 * KIB, 0), 0);
	EXPECT_EQ(smal_handle_alloc(handles, (size_t)1 << 31, 0), 0);
	handles_check();
}
END_TEST

/* Handles are unlike each other, and are used again one generation later. */
START_TEST(test_handles_differ)
{
	smal_handle a = handles_alloc(10), b = handles_alloc(10), c;

	EXPECT(a != b && a != 0 && b != 0);
	handles_free(a);
	c = handles_alloc(10);
	EXPECT((uint32_t)c == (uint32_t)a && c != a);
	EXPECT_EQ(smal_handle_free(handles, 0), SMAL_OK);
}
END_TEST

/* ---- Locks ---- */

START_TEST(test_nested)
{
	smal_handle first = handles_alloc(1000), handle = handles_alloc_marked(1000);
	char *at = handles_lock(handle);

	ck_assert_ptr_eq(handles_lock(handle), at);
	handles_free(first);
	handles_unlock(handle);
	handles_compact();
	/* The inner unlock leaves it where it is. */
	ck_assert_ptr_eq(handles_lock(handle), at);
	handles_unlock(handle);
	handles_unlock(handle);
	handles_compact();
	ck_assert_ptr_ne(handles_where(handle), at);
	handles_check_mark(handle);
}
END_TEST

START_TEST(test_255_locks)
{
	smal_handle handle = handles_alloc_marked(100);
	char *at = handles_lock(handle);

	for (unsigned i = 1; i < 255; i++)
		ck_assert_ptr_eq(handles_lock(handle), at);
	ck_assert_ptr_null(smal_handle_lock(handles, handle));
	handles_told(SMAL_ERROR_TOO_MANY, "smal_handle_lock", "too many locks",
	             "handle #, locked 255 times");
	for (unsigned i = 0; i < 255; i++)
		handles_unlock(handle);
	EXPECT_EQ(smal_handle_unlock(handles, handle), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_unlock", "block is not locked", "handle #");
	handles_check_mark(handle);
	handles_free(handle);
}
END_TEST

/* ---- Weak locks ---- */

START_TEST(test_weak)
{
	smal_handle first = handles_alloc(64), handle = handles_alloc_marked(500);
	const char *at = handles_where(handle);

	EXPECT(smal_handle_validate(handles, handle, at));
	EXPECT(!smal_handle_validate(handles, handle, at + 16));
	EXPECT(!smal_handle_validate(handles, handle, NULL));
	EXPECT(!smal_handle_validate(handles, first, at));
	EXPECT(!smal_handle_validate(NULL, handle, at));
	EXPECT(!smal_handle_validate(handles, 0, at));
	handles_compact();
	EXPECT(smal_handle_validate(handles, handle, at));
	/* A lock changes nothing. */
	handles_lock(handle);
	EXPECT(smal_handle_validate(handles, handle, at));
	handles_unlock(handle);
	handles_free(first);
	EXPECT(smal_handle_validate(handles, handle, at));
	handles_compact();
	EXPECT(!smal_handle_validate(handles, handle, at));
	at = handles_where(handle);
	handles_read(at, 500, handle);
	EXPECT(smal_handle_validate(handles, handle, at));
	handles_free(handle);
	EXPECT(!smal_handle_validate(handles, handle, at));
	handles_silent();
}
END_TEST

/* A block that took the place of another one is another one. */
START_TEST(test_weak_used_again)
{
	smal_handle handle = handles_alloc(64), other;
	const char *at = handles_where(handle);

	handles_alloc(64);
	handles_free(handle);
	other = handles_alloc(64);
	ck_assert_ptr_eq(handles_where(other), at);
	EXPECT(!smal_handle_validate(handles, handle, at));
	handles_silent();
}
END_TEST

static void expect_moves(smal_handle handle, size_t bytes)
{
	const char *at = handles_where(handle);

	EXPECT_EQ(smal_handle_resize(handles, handle, bytes), SMAL_OK);
	EXPECT(!smal_handle_validate(handles, handle, at));
	EXPECT(handles_where(handle) != at);
}

START_TEST(test_weak_resized)
{
	smal_handle handle = handles_alloc(64);

	handles_alloc(64);
	expect_moves(handle, 1000);
	handles_alloc(64);
	expect_moves(handle, 300 * KIB);
	expect_moves(handle, 100);
}
END_TEST

/* ---- Blocks that are told of ---- */

static struct {
	unsigned count;
	smal_handle handle;
	const char *to, *from;
	size_t bytes;
	void *user;
} moved;

static void note_move(smal_handle handle, void *to, const void *from, size_t bytes, void *user)
{
	moved.count++;
	moved.handle = handle;
	moved.to = to;
	moved.from = from;
	moved.bytes = bytes;
	moved.user = user;
	/* What it holds is there already. */
	handles_read(to, bytes < 500 ? bytes : 500, handle);
}

static void begin_telling(void)
{
	struct smal_handle_options options = { .moved = note_move, .user = &moved };

	moved.count = 0;
	handles_begin(&options);
}

static void expect_told(smal_handle handle, const char *from, size_t bytes)
{
	ck_assert_uint_eq(moved.count, 1);
	EXPECT_EQ(moved.handle, handle);
	ck_assert_ptr_eq(moved.from, from);
	ck_assert_ptr_eq(moved.to, handles_where(handle));
	EXPECT_EQ(moved.bytes, bytes);
	ck_assert_ptr_eq(moved.user, &moved);
	moved.count = 0;
}

START_TEST(test_tell)
{
	smal_handle first, told, quiet, pin, back;
	const char *at;

	handles_end();
	begin_telling();
	first = handles_alloc(1000);
	told = smal_handle_alloc(handles, 501, SMAL_HANDLE_TELL);
	quiet = handles_alloc_marked(700);
	pin = handles_alloc(16);
	back = smal_handle_alloc(handles, 999, SMAL_HANDLE_TELL);
	handles_mark(told);
	handles_mark(back);
	handles_lock(pin);
	at = handles_where(told);
	handles_compact();
	ck_assert_uint_eq(moved.count, 0);
	handles_lock(back);
	handles_free(first);
	handles_compact();
	expect_told(told, at, 501);
	/* Over the locked one, into the gap. */
	handles_unlock(back);
	at = handles_where(back);
	handles_compact();
	expect_told(back, at, 999);
	EXPECT(handles_where(back) < handles_where(pin));
	handles_check_mark(quiet);
	handles_unlock(pin);
}
END_TEST

START_TEST(test_tell_resized)
{
	smal_handle told;
	const char *at;

	handles_end();
	begin_telling();
	told = smal_handle_alloc(handles, 500, SMAL_HANDLE_TELL);
	handles_mark(told);
	handles_alloc(16);
	at = handles_where(told);
	EXPECT_EQ(smal_handle_resize(handles, told, 5000), SMAL_OK);
	expect_told(told, at, 5000);
	/* Where it is. */
	EXPECT_EQ(smal_handle_resize(handles, told, 7000), SMAL_OK);
	EXPECT_EQ(smal_handle_resize(handles, told, 6000), SMAL_OK);
	ck_assert_uint_eq(moved.count, 0);
	at = handles_where(told);
	EXPECT_EQ(smal_handle_resize(handles, told, 400000), SMAL_OK);
	expect_told(told, at, 400000);
	at = handles_where(told);
	EXPECT_EQ(smal_handle_resize(handles, told, 500), SMAL_OK);
	expect_told(told, at, 500);
}
END_TEST

/* ---- What is counted ---- */

START_TEST(test_stats)
{
	struct smal_handle_stats stats = handles_stats();
	smal_handle a, b, c, large;

	EXPECT(stats.blocks == 0 && stats.span_bytes == 0 && stats.spare_handles == 1);
	a = handles_alloc(100);
	b = handles_alloc(50);
	c = handles_alloc(200);
	large = handles_alloc(MIB);
	handles_free(b);
	stats = handles_stats();
	EXPECT_EQ(stats.blocks, 3);
	EXPECT_EQ(stats.block_bytes, 300 + MIB);
	EXPECT_EQ(stats.large_blocks, 1);
	EXPECT_EQ(stats.large_bytes, MIB);
	EXPECT_EQ(stats.span_bytes, 112 + 64 + 208);
	EXPECT_EQ(stats.free_bytes, 64);
	EXPECT_EQ(stats.holes, 1);
	EXPECT_EQ(stats.largest_hole_bytes, 64);
	EXPECT(stats.allocatable_bytes > MIB);
	handles_compact();
	stats = handles_stats();
	EXPECT_EQ(stats.compactions, 1);
	EXPECT_EQ(stats.moved_blocks, 1);
	EXPECT_EQ(stats.moved_bytes, 208);
	EXPECT_EQ(stats.span_bytes, 112 + 208);
	EXPECT(stats.free_bytes == 0 && stats.holes == 0 && stats.largest_hole_bytes == 0);
	handles_free(large);
	handles_free(a);
	handles_free(c);
	handles_compact();
	stats = handles_stats();
	EXPECT(stats.blocks == 0 && stats.block_bytes == 0 && stats.span_bytes == 0);
	EXPECT(stats.large_blocks == 0 && stats.large_bytes == 0);
}
END_TEST

/* What has vanished or is large beside a limit: blocks of the list alone count. */
START_TEST(test_limit)
{
	struct smal_handle_options options = { .limit_bytes = MIB };
	unsigned count = 0;

	handles_end();
	handles_begin(&options);
	EXPECT_EQ(handles_stats().allocatable_bytes, MIB);
	while (smal_handle_alloc(handles, 4080, 0) != 0)
		count++;
	EXPECT_EQ(count, MIB / 4080);
	EXPECT(smal_handle_alloc(handles, 2 * MIB, 0) != 0);
	EXPECT(smal_handle_alloc(handles, MIB % 4080, 0) != 0);
	EXPECT_EQ(smal_handle_alloc(handles, 16, 0), 0);
	EXPECT_EQ(handles_stats().allocatable_bytes, 0);
}
END_TEST

static void add(Suite *s, const char *name, void (*begin)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, begin, handles_end);
	tcase_add_test(t, test_sizes);
	tcase_add_test(t, test_many_sizes);
	tcase_add_test(t, test_too_large);
	tcase_add_test(t, test_handles_differ);
	tcase_add_test(t, test_nested);
	tcase_add_test(t, test_255_locks);
	tcase_add_test(t, test_weak);
	tcase_add_test(t, test_weak_used_again);
	tcase_add_test(t, test_weak_resized);
	tcase_add_test(t, test_tell);
	tcase_add_test(t, test_tell_resized);
	tcase_add_test(t, test_stats);
	tcase_add_test(t, test_limit);
	suite_add_tcase(s, t);
}

static Suite *suite(void)
{
	Suite *s = suite_create("handles");

	add(s, "one thread", handles_begin_plain);
	add(s, "threads", handles_begin_threaded);
	return s;
}

int main(void)
{
	return test_main(suite);
}
