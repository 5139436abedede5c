/* SPDX-License-Identifier: MIT */
/*
 * check_handle_fail.c: mistakes with handles: which call says what, and that nothing
 * has changed afterwards.
 */
#include "test/handles.h"

#include <string.h>

#define FREED "handle #, of a block that was freed"
#define USED_AGAIN "handle #, another block's by now"

/* Every function that takes a handle refuses it in the same words. */
static void expect_refused(smal_handle handle, const char *what, const char *detail)
{
	EXPECT_EQ(smal_handle_free(handles, handle), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_free", what, detail);
	ck_assert_ptr_null(smal_handle_lock(handles, handle));
	handles_told(SMAL_ERROR_INVALID, "smal_handle_lock", what, detail);
	ck_assert_ptr_null(smal_handle_weak_lock(handles, handle));
	handles_told(SMAL_ERROR_INVALID, "smal_handle_weak_lock", what, detail);
	EXPECT_EQ(smal_handle_unlock(handles, handle), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_unlock", what, detail);
	EXPECT_EQ(smal_handle_resize(handles, handle, 10), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_resize", what, detail);
	EXPECT_EQ(smal_handle_size(handles, handle), 0);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_size", what, detail);
	EXPECT_EQ(smal_handle_set_purgeable(handles, handle, true), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_set_purgeable", what, detail);
	EXPECT(!smal_handle_validate(handles, handle, &handle));
	handles_silent();
	handles_check();
}

START_TEST(test_stale)
{
	smal_handle handle = handles_alloc(100), other, large = handles_alloc(MIB);

	handles_alloc(16);
	handles_free(handle);
	expect_refused(handle, "stale handle", FREED);
	other = handles_alloc_marked(100);
	EXPECT((uint32_t)other == (uint32_t)handle);
	expect_refused(handle, "stale handle", USED_AGAIN);
	handles_lock(other);
	expect_refused(handle, "stale handle", USED_AGAIN);
	handles_unlock(other);
	handles_check_mark(other);
	EXPECT_EQ(smal_handle_size(handles, other), 100);
	handles_free(large);
	expect_refused(large, "stale handle", FREED);
}
END_TEST

/* As long as is promised. */
START_TEST(test_stale_for_long)
{
	smal_handle handle = handles_alloc(16), now = 0;

	handles_alloc(16);
	handles_free(handle);
	for (unsigned i = 0; i < 8191; i++) {
		now = handles_alloc(16);
		EXPECT(now != handle && (uint32_t)now == (uint32_t)handle);
		handles_free(now);
	}
	expect_refused(handle, "stale handle", FREED);
}
END_TEST

/* Entries at the end of the table go, and come back: not as those that they were. */
START_TEST(test_stale_after_trim)
{
	smal_handle keep[8], stale[200], some[8];

	for (unsigned i = 0; i < 8; i++)
		keep[i] = handles_alloc(16);
	for (unsigned i = 0; i < 200; i++)
		handles_free(stale[i] = handles_alloc(16));
	handles_compact();
	for (unsigned i = 4; i < 8; i++)
		handles_free(keep[i]);
	handles_compact();
	for (unsigned round = 0; round < 300; round++) {
		for (unsigned i = 0; i < 8; i++)
			some[i] = handles_alloc(16);
		for (unsigned i = 0; i < 200; i++)
			for (unsigned k = 0; k < 8; k++)
				EXPECT(some[k] != stale[i]);
		for (unsigned i = 0; i < 8; i++)
			handles_free(some[i]);
		if (round % 50 == 7)
			handles_compact();
	}
}
END_TEST

START_TEST(test_not_a_handle)
{
	smal_handle handle, high;

	handles_free(handles_alloc(100));
	handle = handles_alloc(100);
	high = handle >> 32 << 32;
	handles_alloc(16);
	expect_refused(high, "not a handle", "handle #, no entry of the table");
	expect_refused(high | 1000000, "not a handle", "handle #, no entry of the table");
	expect_refused(high | UINT32_MAX, "not a handle", "handle #, no entry of the table");
	expect_refused(UINT64_MAX, "not a handle", "handle #, no entry of the table");
	ck_assert_ptr_null(smal_handle_lock(handles, 0));
	handles_told(SMAL_ERROR_INVALID, "smal_handle_lock", "not a handle",
	             "handle #, no entry of the table");
	handles_check();
}
END_TEST

START_TEST(test_other_heap)
{
	struct smal_handle_heap *mine = handles, *other;
	smal_handle handle = handles_alloc(100), others;

	ck_assert_int_eq(smal_handle_heap_create(NULL, &other), SMAL_OK);
	handles = other;
	others = handles_alloc_marked(100);
	expect_refused(handle, "handle of another heap", "handle #, none of this one's");
	handles_check_mark(others);
	handles_check();
	ck_assert_int_eq(smal_handle_heap_destroy(other), SMAL_OK);
	handles = mine;
	expect_refused(others, "handle of another heap", NULL);
	expect_refused(handle ^ (uint64_t)1 << 40, "handle of another heap", NULL);
}
END_TEST

START_TEST(test_locked)
{
	smal_handle handle = handles_alloc_marked(100), large = handles_alloc(MIB);

	handles_lock(handle);
	handles_lock(handle);
	EXPECT_EQ(smal_handle_free(handles, handle), SMAL_ERROR_BUSY);
	handles_told(SMAL_ERROR_BUSY, "smal_handle_free", "block is locked",
	             "handle #, locked 2 times");
	handles_unlock(handle);
	handles_unlock(handle);
	handles_check_mark(handle);
	EXPECT_EQ(smal_handle_unlock(handles, handle), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_unlock", "block is not locked", "handle #");
	handles_lock(large);
	EXPECT_EQ(smal_handle_free(handles, large), SMAL_ERROR_BUSY);
	handles_told(SMAL_ERROR_BUSY, "smal_handle_free", "block is locked",
	             "handle #, locked 1 times");
	handles_unlock(large);
	handles_free(large);
	handles_free(handle);
}
END_TEST

START_TEST(test_flags)
{
	EXPECT_EQ(smal_handle_alloc(handles, 10, 4), 0);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_alloc", "unknown flags", "0x4");
	EXPECT_EQ(smal_handle_alloc(handles, 10, 0x80000001), 0);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_alloc", "unknown flags", "0x80000001");
	EXPECT_EQ(smal_handle_alloc(handles, MIB, 8), 0);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_alloc", "unknown flags", "0x8");
	EXPECT_EQ(handles_stats().blocks, 0);
	handles_free(smal_handle_alloc(handles, 10, SMAL_HANDLE_FLAGS));
}
END_TEST

/* ---- Options ---- */

static void expect_no_heap(struct smal_handle_options options, const char *what, const char *detail)
{
	struct smal_handle_heap *result = NULL;

	EXPECT_EQ(smal_handle_heap_create(&options, &result), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_heap_create", what, detail);
	ck_assert_ptr_null(result);
}

START_TEST(test_options)
{
	char buffer[4096];
	struct smal_handle_options options = { .options_bytes = sizeof options };
	struct smal_handle_heap *heap;

	EXPECT_EQ(smal_handle_heap_create(NULL, NULL), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_heap_create", "result is NULL", NULL);
	expect_no_heap((struct smal_handle_options){ .options_bytes = 1000 },
	               "options_bytes is larger than the library knows", "1000");
	expect_no_heap((struct smal_handle_options){ .buffer = buffer,
	                                             .buffer_bytes = 4096,
	                                             .limit_bytes = 100 },
	               "limit_bytes is for the system's memory", "");
	expect_no_heap((struct smal_handle_options){ .buffer_bytes = 4096 },
	               "buffer_bytes without a buffer", "");
	EXPECT_EQ(smal_handle_heap_create(&options, &heap), SMAL_OK);
	EXPECT_EQ(smal_handle_heap_destroy(heap), SMAL_OK);
	/* Of an older header: what it does not know is 0. */
	options = (struct smal_handle_options){ .options_bytes = sizeof(size_t), .limit_bytes = 16,
		                                .buffer = buffer, .buffer_bytes = 4096 };
	EXPECT_EQ(smal_handle_heap_create(&options, &heap), SMAL_OK);
	EXPECT(smal_handle_alloc(heap, 100000, 0) != 0);
	EXPECT_EQ(smal_handle_heap_destroy(heap), SMAL_OK);
	EXPECT_EQ(smal_handle_heap_destroy(NULL), SMAL_OK);
	handles_silent();
}
END_TEST

/* ---- Heaps that are none ---- */

static void expect_no_calls(struct smal_handle_heap *heap, smal_handle handle, const char *detail)
{
	static const char what[] = "not a heap of handles";

	EXPECT_EQ(smal_handle_alloc(heap, 10, 0), 0);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_alloc", what, detail);
	EXPECT_EQ(smal_handle_free(heap, handle), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_free", what, detail);
	ck_assert_ptr_null(smal_handle_lock(heap, handle));
	handles_told(SMAL_ERROR_INVALID, "smal_handle_lock", what, detail);
	EXPECT_EQ(smal_handle_unlock(heap, handle), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_unlock", what, detail);
	ck_assert_ptr_null(smal_handle_weak_lock(heap, handle));
	handles_told(SMAL_ERROR_INVALID, "smal_handle_weak_lock", what, detail);
	EXPECT_EQ(smal_handle_resize(heap, handle, 10), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_resize", what, detail);
	EXPECT_EQ(smal_handle_size(heap, handle), 0);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_size", what, detail);
	EXPECT_EQ(smal_handle_set_purgeable(heap, handle, true), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_set_purgeable", what, detail);
	EXPECT_EQ(smal_handle_purge(heap), 0);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_purge", what, detail);
	smal_compact(heap, 0);
	handles_told(SMAL_ERROR_INVALID, "smal_compact", what, detail);
	EXPECT_EQ(smal_handle_check(heap), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_check", what, detail);
	smal_handle_get_stats(heap, &(struct smal_handle_stats){ 0 });
	handles_told(SMAL_ERROR_INVALID, "smal_handle_get_stats", what, detail);
	EXPECT(!smal_handle_validate(heap, handle, what));
	handles_silent();
}

START_TEST(test_no_heap)
{
	static char buffer[8192], zeros[1024];
	struct smal_handle_options options = { .buffer = buffer, .buffer_bytes = sizeof buffer };
	struct smal_handle_heap *ended;
	smal_handle handle;

	expect_no_calls(NULL, 1, "");
	expect_no_calls((void *)zeros, 1, "");
	EXPECT_EQ(smal_handle_heap_destroy((void *)zeros), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_heap_destroy", "not a heap of handles", "");
	ck_assert_int_eq(smal_handle_heap_create(&options, &ended), SMAL_OK);
	handle = smal_handle_alloc(ended, 10, 0);
	EXPECT_EQ(smal_handle_heap_destroy(ended), SMAL_OK);
	expect_no_calls(ended, handle, "one that has ended");
	EXPECT_EQ(smal_handle_heap_destroy(ended), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_heap_destroy", "not a heap of handles",
	             "one that has ended");
}
END_TEST

static void add(Suite *s, const char *name, void (*begin)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, begin, handles_end);
	tcase_add_test(t, test_stale);
	tcase_add_test(t, test_stale_for_long);
	tcase_add_test(t, test_stale_after_trim);
	tcase_add_test(t, test_not_a_handle);
	tcase_add_test(t, test_other_heap);
	tcase_add_test(t, test_locked);
	tcase_add_test(t, test_flags);
	tcase_add_test(t, test_options);
	tcase_add_test(t, test_no_heap);
	suite_add_tcase(s, t);
}

static Suite *suite(void)
{
	Suite *s = suite_create("mistakes with handles");

	add(s, "one thread", handles_begin_plain);
	add(s, "threads", handles_begin_threaded);
	return s;
}

int main(void)
{
	return test_main(suite);
}
