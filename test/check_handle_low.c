/* SPDX-License-Identifier: MIT */
/*
 * check_handle_low.c: a program that is told that memory runs low: LOWER, then HIGHER,
 * once each until there is room again; what it answers, and what it does meanwhile.
 */
#include "test/handles.h"

#include <string.h>

enum { MOST = 4096 };

/* What was told, in order; L for LOWER, H for HIGHER. */
static char told[16];
static enum smal_handle_answer answers[2];
static smal_handle all[MOST];
static unsigned count;
/* Done when it is told. */
static void (*action)(enum smal_handle_low how, size_t bytes);
static uint64_t compactions_then;

static enum smal_handle_answer low(struct smal_handle_heap *heap, enum smal_handle_low how,
                                   size_t bytes, void *user)
{
	size_t n = strlen(told);

	EXPECT(heap == handles && user == told && n + 1 < sizeof told);
	told[n] = how == SMAL_HANDLE_LOWER ? 'L' : 'H';
	compactions_then = handles_stats().compactions;
	if (action != NULL)
		action(how, bytes);
	return answers[how];
}

static void begin(size_t buffer_bytes)
{
	static char buffer[MIB];
	struct smal_handle_options options = { .low = low, .user = told };

	if (buffer_bytes != 0) {
		options.buffer = buffer;
		options.buffer_bytes = buffer_bytes;
	} else {
		options.limit_bytes = 256 * KIB;
	}
	memset(told, 0, sizeof told);
	memset(all, 0, sizeof all);
	count = 0;
	action = NULL;
	answers[0] = answers[1] = SMAL_HANDLE_NOT_YET;
	handles_begin(&options);
}

static void begin_either(void)
{
	begin(0);
}

/* Allocates until something is told. */
static void fill(size_t bytes)
{
	while (*told == 0 && count < MOST && (all[count] = smal_handle_alloc(handles, bytes, 0)) != 0)
		handles_mark(all[count++]);
	EXPECT(*told != 0);
}

static void expect_told(const char *what)
{
	ck_assert_str_eq(told, what);
	memset(told, 0, sizeof told);
}

static void free_each(unsigned each)
{
	for (unsigned i = 0; i < count; i += each)
		if (all[i] != 0) {
			handles_free(all[i]);
			all[i] = 0;
		}
}

static void check_all(void)
{
	for (unsigned i = 0; i < count; i++)
		if (all[i] != 0)
			handles_check_mark(all[i]);
	handles_check();
}

static void alloc_or_not(size_t bytes, bool fits)
{
	smal_handle handle = smal_handle_alloc(handles, bytes, 0);

	EXPECT((handle != 0) == fits);
	if (handle != 0)
		handles_mark(all[count++] = handle);
}

/* LOWER comes when an eighth is left; HIGHER when the heap is full. */
START_TEST(test_order)
{
	uint64_t span;

	fill(1000);
	expect_told("L");
	span = handles_stats().span_bytes;
	EXPECT(span > 256 * KIB / 8 * 7 && span <= 256 * KIB / 8 * 7 + 2048);
	while ((all[count] = smal_handle_alloc(handles, 1000, 0)) != 0)
		count++;
	expect_told("H");
	for (unsigned i = 0; i < 10; i++)
		alloc_or_not(1000, false);
	expect_told("");
	/* At HIGHER it is compacted, whatever is answered, if that may help. */
	free_each(3);
	alloc_or_not(20 * KIB, true);
	EXPECT(handles_stats().moved_blocks != 0);
	expect_told("");
}
END_TEST

START_TEST(test_not_yet)
{
	fill(1000);
	expect_told("L");
	EXPECT_EQ(handles_stats().compactions, 0);
	free_each(2);
	EXPECT_EQ(handles_stats().compactions, 0);
	/* The holes are used before it is told. */
	alloc_or_not(1000, true);
	expect_told("");
	alloc_or_not(60 * KIB, true);
	expect_told("H");
	EXPECT_EQ(compactions_then, 0);
	EXPECT_EQ(handles_stats().compactions, 1);
	check_all();
}
END_TEST

/* Both at once: NOT YET at LOWER leaves it to HIGHER. */
START_TEST(test_not_yet_at_once)
{
	for (; count < 200; count++)
		all[count] = handles_alloc_marked(1000);
	free_each(2);
	expect_told("");
	alloc_or_not(90 * KIB, true);
	expect_told("LH");
	EXPECT_EQ(compactions_then, 0);
	EXPECT_EQ(handles_stats().compactions, 1);
	check_all();
}
END_TEST

START_TEST(test_compact_now)
{
	answers[SMAL_HANDLE_LOWER] = SMAL_HANDLE_COMPACT;
	while (*told == 0) {
		alloc_or_not(1000, true);
		alloc_or_not(1000, true);
		handles_free(all[count - 2]);
		/* Its hole would be used again. */
		alloc_or_not(500, true);
		all[count - 3] = 0;
	}
	expect_told("L");
	EXPECT_EQ(handles_stats().compactions, 1);
	check_all();
}
END_TEST

/* After room was made, both are told anew. */
START_TEST(test_armed_again)
{
	for (unsigned round = 0; round < 3; round++) {
		fill(1000);
		while ((all[count] = smal_handle_alloc(handles, 1000, 0)) != 0)
			count++;
		expect_told("LH");
		handles_compact();
		alloc_or_not(1000, false);
		expect_told("");
		free_each(1);
		count = 0;
		handles_compact();
	}
}
END_TEST

/* ---- In it ---- */

static void free_half(enum smal_handle_low how, size_t bytes)
{
	(void)bytes;
	if (how == SMAL_HANDLE_HIGHER)
		free_each(2);
}

START_TEST(test_frees)
{
	action = free_half;
	fill(1000);
	while (strlen(told) < 2)
		alloc_or_not(1000, true);
	alloc_or_not(60 * KIB, true);
	expect_told("LH");
	check_all();
}
END_TEST

static void compact_in_it(enum smal_handle_low how, size_t bytes)
{
	(void)how;
	(void)bytes;
	handles_compact();
	smal_compact(handles, 1);
}

START_TEST(test_compacts)
{
	action = compact_in_it;
	fill(1000);
	free_each(2);
	alloc_or_not(60 * KIB, true);
	check_all();
	alloc_or_not(200 * KIB, false);
	check_all();
}
END_TEST

/* An allocation in it is not told again. */
static void allocate_in_it(enum smal_handle_low how, size_t bytes)
{
	smal_handle handle;

	(void)bytes;
	if (how == SMAL_HANDLE_LOWER)
		return;
	handle = smal_handle_alloc(handles, 1000, 0);
	EXPECT_EQ(handle, 0);
	EXPECT_EQ(smal_handle_alloc(handles, 200 * KIB, 0), 0);
	if (all[3] != 0)
		handles_free(all[3]);
	all[3] = handles_alloc_marked(900);
	EXPECT_EQ(smal_handle_resize(handles, all[3], 1000), SMAL_OK);
	handles_mark(all[3]);
}

START_TEST(test_allocates)
{
	action = allocate_in_it;
	fill(1000);
	while ((all[count] = smal_handle_alloc(handles, 1000, 0)) != 0)
		handles_mark(all[count++]);
	expect_told("LH");
	check_all();
}
END_TEST

static void lock_in_it(enum smal_handle_low how, size_t bytes)
{
	(void)bytes;
	for (unsigned i = 1; i < count; i += 2)
		if (how == SMAL_HANDLE_HIGHER)
			handles_lock(all[i]);
}

/* What is locked in it stays, and the allocation fails. */
START_TEST(test_locks)
{
	fill(1000);
	free_each(2);
	action = lock_in_it;
	alloc_or_not(60 * KIB, false);
	check_all();
	for (unsigned i = 1; i < count; i += 2)
		handles_unlock(all[i]);
	alloc_or_not(60 * KIB, true);
	check_all();
}
END_TEST

/* The bytes that are asked for. */
static size_t asked;

static void note_bytes(enum smal_handle_low how, size_t bytes)
{
	if (how == SMAL_HANDLE_HIGHER)
		asked = bytes;
}

START_TEST(test_bytes)
{
	handles_end();
	begin(64 * KIB);
	action = note_bytes;
	fill(1000);
	alloc_or_not(54321, false);
	EXPECT_EQ(asked, 54321);
	ck_assert(strchr(told, 'H') != NULL);
	check_all();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("handles when memory is low");
	TCase *t = tcase_create("low");

	tcase_add_checked_fixture(t, begin_either, handles_end);
	tcase_add_test(t, test_order);
	tcase_add_test(t, test_not_yet);
	tcase_add_test(t, test_not_yet_at_once);
	tcase_add_test(t, test_compact_now);
	tcase_add_test(t, test_armed_again);
	tcase_add_test(t, test_frees);
	tcase_add_test(t, test_compacts);
	tcase_add_test(t, test_allocates);
	tcase_add_test(t, test_locks);
	tcase_add_test(t, test_bytes);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite);
}
