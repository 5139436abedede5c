/* SPDX-License-Identifier: MIT */
/*
 * abi_mark.c: what keeps an object for libgc: words of the stack, of static data and of
 * other objects, and pointers to its inside in both modes. (Objects with a descriptor:
 * abi_typed.c; kinds of the client's: abi_kind.c; roots: abi_root.c.)
 */
#include "test/libgc/abi.h"

#include <stdlib.h>

/* The memory that is scanned. */
static void *statics[ABI_MANY];

/* Sets slots[i] to the i-th object that is watched, `offset` bytes on. */
static size_t offset, bytes = 64;

static void keep_in(void **slots)
{
	for (size_t i = 0; i < ABI_MANY; i++) {
		char *p = GC_malloc(bytes);

		abi_watch(i, p);
		slots[i] = p + offset;
	}
}

static void keep_static(size_t n)
{
	(void)n;
	keep_in(statics);
}

/* ---- Where a pointer may be ---- */

START_TEST(test_static)
{
	abi_away(keep_static, 0);
	abi_collect();
	EXPECT_ALL_LIVE();
	memset(statics, 0, sizeof statics);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

START_TEST(test_stack)
{
	void *slots[ABI_MANY];

	keep_in(slots);
	abi_collect();
	EXPECT_ALL_LIVE();
	memset(slots, 0, sizeof slots);
	ABI_SEEN(slots);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

static __thread void *locals[ABI_MANY];

static void keep_local(size_t n)
{
	(void)n;
	keep_in(locals);
}

/* The first thread's variables that belong to it lie with its libraries' data. Stock
 * libgc finds those of the initial TLS only where the loader has put them in memory
 * that it scans, and promises nothing. */
START_TEST(test_thread_local)
{
	abi_away(keep_local, 0);
	abi_collect();
	if (abi_dead(0, ABI_MANY) == 0) {
		memset(locals, 0, sizeof locals);
		abi_collect();
		EXPECT_MOST_DEAD();
	}
}
END_TEST

/* One register that a call preserves. */
START_TEST(test_register)
{
	for (int i = 0; i < 100; i++) {
		register void *p = GC_malloc(64);

		abi_watch(0, p);
		__asm__ volatile("" : "+r"(p));
		GC_gcollect();
		EXPECT(abi_lives(0));
		__asm__ volatile("" : : "r"(p));
	}
}
END_TEST

static void *(*const holders[])(size_t) = { GC_malloc, GC_malloc_uncollectable,
	                                    GC_malloc_ignore_off_page };
static void *(*const non_holders[])(size_t) = { GC_malloc_atomic, GC_malloc_atomic_uncollectable,
	                                        GC_malloc_atomic_ignore_off_page, malloc };

static void keep_in_holder(size_t which)
{
	statics[0] = holders[which](ABI_MANY * sizeof(void *));
	keep_in(statics[0]);
}

START_TEST(test_object_holds)
{
	abi_away(keep_in_holder, (size_t)_i);
	abi_collect();
	EXPECT_ALL_LIVE();
	memset(statics[0], 0, ABI_MANY * sizeof(void *));
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

static void keep_in_non_holder(size_t which)
{
	statics[0] = non_holders[which](ABI_MANY * sizeof(void *));
	keep_in(statics[0]);
}

START_TEST(test_object_does_not_hold)
{
	abi_away(keep_in_non_holder, (size_t)_i);
	abi_collect();
	EXPECT_MOST_DEAD();
}
END_TEST

/* A list of a million, and one that is a ring. */
START_TEST(test_long_list)
{
	void **head = NULL, **last = NULL;
	size_t n = test_is_slow() ? 50000 : 1000000, length = 0;

	for (size_t i = 0; i < n; i++) {
		void **p = GC_malloc(2 * sizeof *p);

		p[0] = head;
		p[1] = (void *)i;
		head = p;
		last = last == NULL ? p : last;
	}
	last[0] = head;
	GC_gcollect();
	for (void **p = head; length == 0 || p != head; p = p[0])
		EXPECT_EQ((size_t)p[1], n - 1 - length++);
	EXPECT_EQ(length, n);
}
END_TEST

/* ---- Pointers to the inside ---- */

static const size_t offsets[] = { 1, 2, 7, 8, 9, 16, 31, 32, 48, 63, 64 };
enum { OFFSETS = sizeof offsets / sizeof *offsets };

static void keep_in_object(size_t n)
{
	(void)n;
	keep_in(statics[0] = GC_malloc(ABI_MANY * sizeof(void *)));
}

/* By default each keeps, also that past the end. */
START_TEST(test_interior)
{
	offset = offsets[_i];
	ck_assert_int_eq(GC_get_all_interior_pointers(), 1);
	abi_away(keep_static, 0);
	abi_collect();
	EXPECT_ALL_LIVE();
	abi_away(keep_in_object, 0);
	memset(statics + 1, 0, sizeof statics - sizeof *statics);
	abi_collect();
	EXPECT_ALL_LIVE();
}
END_TEST

/* Of large objects. */
START_TEST(test_interior_large)
{
	static void *parts[20];

	for (size_t i = 0; i < 20; i++) {
		size_t n = 5000 << i % 10;
		char *p = GC_malloc(n);

		abi_watch(i, p);
		parts[i] = p + (i < 10 ? n : n / 20 * i);
	}
	abi_collect();
	EXPECT_EQ(abi_dead(0, 20), 0);
	ABI_SEEN(parts);
}
END_TEST

static void begin_exact(void)
{
	GC_set_all_interior_pointers(0);
	abi_begin();
}

/* Ours may keep more than it has to: in static data any pointer counts, and everywhere
 * one to an object's first 16 bytes; and all do from when one beyond was registered. */
#define EXPECT_FORGOTTEN(strict)            \
	do {                                \
		if (strict)                 \
			EXPECT_MOST_DEAD(); \
	} while (0)

/* Without them, words of static data and objects keep by an object's start alone. */
START_TEST(test_exact)
{
	ck_assert_int_eq(GC_get_all_interior_pointers(), 0);
	abi_away(keep_static, 0);
	abi_collect();
	EXPECT_ALL_LIVE();
	offset = offsets[_i];
	abi_away(keep_static, 0);
	abi_collect();
	EXPECT_FORGOTTEN(abi_on_stock());
	abi_away(keep_in_object, 0);
	memset(statics + 1, 0, sizeof statics - sizeof *statics);
	abi_collect();
	EXPECT_FORGOTTEN(abi_on_stock() || offset >= 16);
}
END_TEST

/* Those of the stack keep wherever they point to. */
START_TEST(test_exact_stack)
{
	void *slots[ABI_MANY];

	offset = offsets[_i] % 64;
	keep_in(slots);
	abi_collect();
	EXPECT_ALL_LIVE();
	ABI_SEEN(slots);
}
END_TEST

/* A displacement that is registered is one. */
START_TEST(test_displacement)
{
	size_t registered = offsets[_i] % 64;

	GC_register_displacement(0);
	GC_register_displacement(registered);
	offset = registered;
	abi_away(keep_static, 0);
	abi_collect();
	EXPECT_ALL_LIVE();
	abi_away(keep_in_object, 0);
	memset(statics + 1, 0, sizeof statics - sizeof *statics);
	abi_collect();
	EXPECT_ALL_LIVE();
	offset = registered < 40 ? registered + 16 : registered - 16;
	abi_away(keep_in_object, 0);
	memset(statics + 1, 0, sizeof statics - sizeof *statics);
	abi_collect();
	EXPECT_FORGOTTEN(abi_on_stock() || registered < 16);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: what keeps");
	TCase *places = tcase_create("places"), *exact = tcase_create("exact");

	tcase_add_checked_fixture(places, abi_begin, NULL);
	tcase_add_test(places, test_static);
	tcase_add_test(places, test_stack);
	tcase_add_test(places, test_thread_local);
	tcase_add_test(places, test_register);
	tcase_add_loop_test(places, test_object_holds, 0, 3);
	tcase_add_loop_test(places, test_object_does_not_hold, 0, 4);
	tcase_add_test(places, test_long_list);
	tcase_add_loop_test(places, test_interior, 0, OFFSETS);
	tcase_add_test(places, test_interior_large);
	suite_add_tcase(suite, places);
	tcase_add_checked_fixture(exact, begin_exact, NULL);
	tcase_add_loop_test(exact, test_exact, 0, OFFSETS - 1);
	tcase_add_loop_test(exact, test_exact_stack, 0, OFFSETS);
	tcase_add_loop_test(exact, test_displacement, 0, OFFSETS - 1);
	suite_add_tcase(suite, exact);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
