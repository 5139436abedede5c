/* SPDX-License-Identifier: MIT */
/*
 * check_handle_verify.c: the checker of heaps of handles is checked: each invariant
 * that it looks at (M1 to M5, smal/handle/handle.h) is broken in one place,
 * smal_handle_check names it, and is content again when the place is mended.
 */
#include "test/handles.h"

#include <smal/handle/handle.h>

/* Blocks: one, a hole behind it, others over some pages, a hole of more than a page;
 * a large one, one that has vanished. */
static smal_handle first, middle, last, large, purged, locked;
static uint32_t hole, long_hole;

static uint32_t index_of(smal_handle handle)
{
	return (uint32_t)handle;
}

static struct smal_handle_entry *entry_of(smal_handle handle)
{
	return smal_entry(handles, index_of(handle));
}

static void begin(void)
{
	smal_handle small_one, long_one;

	handles_begin_plain();
	first = handles_alloc(100);
	small_one = handles_alloc(50);
	middle = handles_alloc(3000);
	locked = handles_alloc(100);
	handles_alloc(5000);
	long_one = handles_alloc(20000);
	handles_alloc(200);
	purged = smal_handle_alloc(handles, 40, SMAL_HANDLE_PURGEABLE);
	last = handles_alloc(77);
	large = handles_alloc(MIB);
	handles_lock(locked);
	handles_free(small_one);
	handles_free(long_one);
	EXPECT(smal_handle_purge(handles) != 0);
	hole = index_of(small_one);
	long_hole = index_of(long_one);
	/* Some that are spare. */
	for (unsigned i = 0; i < 3; i++)
		handles_free(handles_alloc(300000));
	EXPECT(handles->spare_count > 1);
	handles_check();
}

static void end(void)
{
	handles_unlock(locked);
	handles_end();
}

static void expect_corrupt(const char *why)
{
	EXPECT_EQ(smal_handle_check(handles), SMAL_ERROR_CORRUPT);
	handles_told(SMAL_ERROR_CORRUPT, "smal_handle_check", why, "");
}

/* Breaks a field, sees that named, and mends it. */
#define BREAK(field, value, why) TEST_BREAK(field, value, expect_corrupt(why), handles_check())

#define TILES "handles M1: the nodes do not tile the span"
#define ORDER "handles M1: a node ends before it begins"
#define LAST "handles M1: the last node is another one"
#define ENDLESS "handles M1: the list has no end"

START_TEST(test_list)
{
	struct smal_handle_entry *entry = entry_of(middle);

	BREAK(handles->first, index_of(middle), TILES);
	BREAK(handles->first, 0, TILES);
	BREAK(handles->first, handles->entries + 1, ENDLESS);
	/* A size is the next one's place. */
	BREAK(entry->place, entry->place + 1, "handles M4: the holes are not counted");
	BREAK(entry->place, entry->place - 1, "handles M4: the holes are not counted");
	BREAK(entry->place, 0, ORDER);
	BREAK(entry->next, index_of(first), ORDER);
	BREAK(entry->next, handles->entries + 1, TILES);
	BREAK(entry->next, 0, LAST);
	BREAK(entry->next, index_of(last), "handles M3: no node begins in a page that has one");
	BREAK(handles->last, index_of(middle), LAST);
	BREAK(handles->top, entry_of(last)->place, ORDER);
	BREAK(handles->limit, handles->top - 1, "handles M1: the span is over the limit");
	BREAK(smal_entry(handles, hole)->place, entry_of(first)->place, ORDER);
}
END_TEST

START_TEST(test_kinds)
{
	struct smal_handle_entry *entry = entry_of(middle), *gone = entry_of(purged);
	static const char neither[] = "handles M2: an entry is neither a node nor spare, purged or "
				      "large";

	BREAK(entry->control, entry->control | SMAL_CONTROL_LARGE,
	      "handles M2: a large block is on the list");
	BREAK(entry->control, entry->control | SMAL_CONTROL_PURGED,
	      "handles M2: a purged block is on the list");
	BREAK(gone->control, gone->control & ~(uint32_t)SMAL_CONTROL_PURGED, neither);
	BREAK(gone->control, gone->control & ~(uint32_t)SMAL_CONTROL_USED, neither);
	BREAK(entry_of(large)->control, entry_of(large)->control & ~(uint32_t)SMAL_CONTROL_LARGE,
	      neither);
	BREAK(handles->entries, handles->entries + 1, neither);
}
END_TEST

START_TEST(test_pages)
{
	uint32_t page = smal_entry(handles, long_hole)->place >> SMAL_HANDLE_PAGE_LOG2;
	static const char other[] = "handles M3: another node is the first of a page";

	BREAK(handles->pages[0], hole, other);
	BREAK(handles->pages[0], 0, other);
	BREAK(handles->pages[page], 0, other);
	BREAK(handles->pages[page + 2], long_hole,
	      "handles M3: no node begins in a page that has one");
	BREAK(handles->pages[page + 1], index_of(last),
	      "handles M3: no node begins in a page that has one");
	/* Behind the last one. */
	EXPECT_EQ(smal_handle_resize(handles, last, 20000), SMAL_OK);
	page = handles->top >> SMAL_HANDLE_PAGE_LOG2;
	BREAK(handles->pages[page - 1], index_of(last),
	      "handles M3: no node begins in a page that has one");
}
END_TEST

START_TEST(test_counts)
{
	struct smal_handle_entry *entry = entry_of(middle), *free_one = smal_entry(handles, hole);
	uint32_t slack = 1 << SMAL_CONTROL_SLACK_LOG2;
	static const char holes[] = "handles M4: the holes are not counted";

	BREAK(handles->free_granules, handles->free_granules + 1, holes);
	BREAK(handles->free_granules, 0, holes);
	BREAK(handles->stats.large_blocks, 2, "handles M4: the large blocks are not counted");
	BREAK(entry->control, entry->control | 17 * slack,
	      "handles M4: slack of more than a granule");
	BREAK(free_one->control, free_one->control | slack,
	      "handles M4: slack of more than a granule");
	BREAK(entry->control, entry->control & ~(uint32_t)SMAL_CONTROL_USED,
	      "handles M4: slack of more than a granule");
	entry = entry_of(first);
	BREAK(entry->control, entry->control & ~(uint32_t)(SMAL_CONTROL_USED | SMAL_CONTROL_SLACK),
	      holes);
}
END_TEST

START_TEST(test_spare)
{
	struct smal_handle_entry *entry = smal_entry(handles, handles->spare);
	static const char used[] = "handles M5: a spare entry is in use";
	static const char counted[] = "handles M5: the spare entries are not counted";

	BREAK(entry_of(middle)->control, entry_of(middle)->control | SMAL_CONTROL_MOVING,
	      "handles M5: a block is being moved");
	BREAK(entry->control, entry->control | SMAL_CONTROL_USED, used);
	BREAK(entry->place, 0, used);
	BREAK(handles->spare, hole, used);
	BREAK(handles->spare, 0, counted);
	BREAK(handles->spare, entry->next, counted);
	BREAK(handles->spare_count, handles->spare_count + 1, counted);
	BREAK(entry->next, handles->entries + 1, "handles M5: the list of spare entries has no end");
	BREAK(entry->next, handles->spare, "handles M5: the list of spare entries has no end");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("the checker of handles");
	TCase *t = tcase_create("invariants");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, test_list);
	tcase_add_test(t, test_kinds);
	tcase_add_test(t, test_pages);
	tcase_add_test(t, test_counts);
	tcase_add_test(t, test_spare);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
