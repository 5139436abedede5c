/* SPDX-License-Identifier: MIT */
/*
 * check_handle_purge.c: blocks behind handles that vanish: when they are asked to, and
 * when nothing else makes room; never while they are locked. Their handles stay.
 */
#include "test/handles.h"

START_TEST(test_purge)
{
	smal_handle keep = handles_alloc_marked(100), some[3];

	for (unsigned i = 0; i < 3; i++)
		some[i] = smal_handle_alloc(handles, 100, SMAL_HANDLE_PURGEABLE);
	handles_lock(some[1]);
	EXPECT_EQ(smal_handle_purge(handles), 2 * 112);
	handles_check();
	EXPECT_EQ(handles_stats().purged_blocks, 2);
	EXPECT_EQ(handles_stats().blocks, 2);
	EXPECT_EQ(handles_stats().block_bytes, 200);
	ck_assert_ptr_null(smal_handle_lock(handles, some[0]));
	ck_assert_ptr_null(smal_handle_weak_lock(handles, some[0]));
	EXPECT_EQ(smal_handle_unlock(handles, some[0]), SMAL_OK);
	EXPECT_EQ(smal_handle_size(handles, some[0]), 0);
	EXPECT_EQ(smal_handle_set_purgeable(handles, some[0], false), SMAL_OK);
	EXPECT_EQ(smal_handle_size(handles, some[1]), 100);
	EXPECT(!smal_handle_validate(handles, some[0], handles_where(keep)));
	handles_silent();
	EXPECT_EQ(smal_handle_resize(handles, some[0], 10), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_resize", "block was purged", "handle #");
	handles_unlock(some[1]);
	EXPECT_EQ(smal_handle_purge(handles), 112);
	EXPECT_EQ(smal_handle_purge(handles), 0);
	for (unsigned i = 0; i < 3; i++)
		handles_free(some[i]);
	EXPECT_EQ(smal_handle_free(handles, some[2]), SMAL_ERROR_INVALID);
	handles_told(SMAL_ERROR_INVALID, "smal_handle_free", "stale handle", NULL);
	handles_check_mark(keep);
}
END_TEST

START_TEST(test_set_purgeable)
{
	smal_handle handle = handles_alloc(100);
	smal_handle other = smal_handle_alloc(handles, 100, SMAL_HANDLE_PURGEABLE);

	EXPECT_EQ(smal_handle_set_purgeable(handles, other, false), SMAL_OK);
	EXPECT_EQ(smal_handle_purge(handles), 0);
	EXPECT_EQ(smal_handle_set_purgeable(handles, handle, true), SMAL_OK);
	EXPECT_EQ(smal_handle_purge(handles), 112);
	ck_assert_ptr_null(smal_handle_lock(handles, handle));
	handles_check_mark((handles_mark(other), other));
}
END_TEST

/* Large ones, first, last, beside each other, all of them. */
START_TEST(test_purge_patterns)
{
	enum { COUNT = 10 };

	for (unsigned pattern = 0; pattern < 1 << COUNT; pattern += 1 + pattern % 3) {
		smal_handle all[COUNT];
		size_t bytes = 0;

		for (unsigned i = 0; i < COUNT; i++) {
			unsigned flags = pattern >> i & 1 ? SMAL_HANDLE_PURGEABLE : 0;
			size_t size = i == 5 && pattern % 16 == 3 ? 300000 : 32 + 16 * i;

			all[i] = smal_handle_alloc(handles, size, flags);
			bytes += flags != 0 ? size : 0;
			handles_mark(all[i]);
		}
		EXPECT_EQ(smal_handle_purge(handles), bytes);
		handles_check();
		for (unsigned i = 0; i < COUNT; i++) {
			if (pattern >> i & 1)
				ck_assert_ptr_null(smal_handle_lock(handles, all[i]));
			else
				handles_check_mark(all[i]);
			handles_free(all[i]);
		}
		handles_check();
	}
}
END_TEST

/* Those that vanish go only when nothing else helps. */
START_TEST(test_purge_last)
{
	smal_handle some[40], holes[40], large;

	handles_end();
	handles_begin_buffer(128 * KIB);
	for (unsigned i = 0; i < 40; i++) {
		some[i] = smal_handle_alloc(handles, KIB, SMAL_HANDLE_PURGEABLE);
		holes[i] = handles_alloc(KIB);
	}
	for (unsigned i = 0; i < 40; i++)
		handles_free(holes[i]);
	large = handles_alloc(60 * KIB);
	EXPECT_EQ(handles_stats().purged_blocks, 0);
	handles_lock(some[7]);
	holes[0] = handles_alloc_marked(40 * KIB);
	EXPECT_EQ(handles_stats().purged_blocks, 39);
	handles_unlock(some[7]);
	EXPECT_EQ(smal_handle_size(handles, some[7]), KIB);
	EXPECT_EQ(smal_handle_alloc(handles, 60 * KIB, 0), 0);
	handles_free(large);
	handles_check_mark(holes[0]);
}
END_TEST

/* With no room for an entry more: one is kept for that. */
START_TEST(test_purge_full)
{
	for (size_t bytes = 16; bytes < 200; bytes += 4) {
		smal_handle some[200];
		unsigned count = 0;

		handles_end();
		handles_begin_buffer(2 * KIB + bytes / 4 * 12);
		while ((some[count] = smal_handle_alloc(handles, bytes, 0)) != 0)
			count++;
		for (unsigned i = 0; i < count; i++)
			EXPECT_EQ(smal_handle_set_purgeable(handles, some[i], true), SMAL_OK);
		handles_lock(some[0]);
		handles_check_mark(handles_alloc_marked(400));
		handles_check();
		handles_unlock(some[0]);
	}
}
END_TEST

/* A walk stops behind a block that joins the hole before it until the walk goes on: what
 * it finds there then fills that hole exactly. */
START_TEST(test_purge_in_walk)
{
	enum { LEAST = 240, MOST = 260 };
	bool stopped = false;

	for (unsigned before = LEAST; before <= MOST; before++) {
		smal_handle all[MOST], hole, vanishes, fills, behind;

		handles_compact();
		for (unsigned i = 0; i < before; i++)
			all[i] = handles_alloc_marked(16);
		hole = handles_alloc(48);
		vanishes = smal_handle_alloc(handles, 16, SMAL_HANDLE_PURGEABLE);
		fills = handles_alloc_marked(64);
		behind = handles_alloc_marked(16);
		handles_free(hole);
		handles_lock(vanishes);
		stopped |= !smal_compact(handles, 1);
		handles_unlock(vanishes);
		EXPECT_EQ(smal_handle_purge(handles), 16);
		handles_compact();
		handles_check();
		handles_check_mark(fills);
		handles_check_mark(behind);
		handles_free(all[0]);
		handles_compact();
		for (unsigned i = 1; i < before; i++) {
			handles_check_mark(all[i]);
			handles_free(all[i]);
		}
		handles_free(vanishes);
		handles_free(fills);
		handles_free(behind);
		handles_check();
	}
	ck_assert(stopped);
}
END_TEST

static void add(Suite *s, const char *name, void (*begin)(void))
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, begin, handles_end);
	tcase_add_test(t, test_purge);
	tcase_add_test(t, test_set_purgeable);
	tcase_add_test(t, test_purge_patterns);
	tcase_add_test(t, test_purge_last);
	tcase_add_test(t, test_purge_full);
	tcase_add_test(t, test_purge_in_walk);
	suite_add_tcase(s, t);
}

static Suite *suite(void)
{
	Suite *s = suite_create("handles of blocks that vanish");

	add(s, "one thread", handles_begin_plain);
	add(s, "threads", handles_begin_threaded);
	return s;
}

int main(void)
{
	return test_main(suite);
}
