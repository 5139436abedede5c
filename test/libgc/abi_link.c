/* SPDX-License-Identifier: MIT */
/*
 * abi_link.c: libgc's links that disappear, short and long ones: when they are cleared
 * and when not, wherever they are; moving and removing them; references that an object
 * outside toggles.
 */
#include "test/libgc/kinds.h"

#include <stdlib.h>

/* Hidden pointers, wherever they may be; and what keeps some of their objects. */
static GC_hidden_pointer in_data[ABI_MANY], *links;
static void *kept[ABI_MANY];
/* What a program's pointers have in their lowest bits. */
static size_t tag;

static void attach(GC_hidden_pointer *link, void *object)
{
	*link = GC_HIDE_POINTER(object);
	EXPECT_EQ(kind->attach((void **)link, object), GC_SUCCESS);
}

static size_t cleared(void)
{
	size_t count = 0;

	ABI_SEEN(links);
	for (size_t i = 0; i < ABI_MANY; i++)
		count += links[i] == 0;
	return count;
}

static void make(size_t keep)
{
	for (size_t i = 0; i < ABI_MANY; i++) {
		char *object = (char *)GC_malloc(i % 100 + 8) + tag;

		attach(&links[i], object);
		kept[i] = i % keep == 0 ? object : NULL;
	}
	ABI_SEEN(kept);
}

/* ---- Where a link may be ---- */

static void see_cleared(void)
{
	abi_away(make, 4);
	abi_collect();
	ck_assert_uint_ge(cleared(), ABI_MANY * 3 / 4 * 9 / 10);
	for (size_t i = 0; i < ABI_MANY; i += 4)
		EXPECT(links[i] == GC_HIDE_POINTER(kept[i]));
	memset(kept, 0, sizeof kept);
	abi_collect();
	ck_assert_uint_ge(cleared(), ABI_MANY * 9 / 10);
}

static void *(*const places[])(size_t) = { malloc, GC_malloc, GC_malloc_atomic,
	                                   GC_malloc_uncollectable,
	                                   GC_malloc_atomic_uncollectable };

START_TEST(test_in_data)
{
	kind = &kinds[_i];
	links = in_data;
	see_cleared();
}
END_TEST

START_TEST(test_tagged)
{
	kind = &kinds[_i % 2];
	tag = 1 + (size_t)_i / 2;
	links = in_data;
	see_cleared();
}
END_TEST

START_TEST(test_in_memory)
{
	kind = &kinds[_i % 2];
	links = places[_i / 2](ABI_MANY * sizeof *links);
	see_cleared();
}
END_TEST

/* A pointer that is no word for the collector is one to the object, unhidden. */
START_TEST(test_unhidden)
{
	kind = &kinds[_i];
	links = GC_malloc_atomic(ABI_MANY * sizeof *links);
	abi_away(make, 1);
	for (size_t i = 0; i < ABI_MANY; i++)
		links[i] = GC_HIDE_POINTER(links[i]);
	abi_collect();
	ck_assert_uint_eq(cleared(), 0);
	memset(kept, 0, sizeof kept);
	abi_collect();
	ck_assert_uint_ge(cleared(), ABI_MANY * 9 / 10);
}
END_TEST

/* ---- What is returned ---- */

START_TEST(test_returned)
{
	static GC_hidden_pointer a, b, c;
	void *object = GC_malloc(10), *other = GC_malloc(10);

	kind = &kinds[_i];
	EXPECT_EQ(kind->detach((void **)&a), 0);
	EXPECT_EQ(kind->attach((void **)&a, object), GC_SUCCESS);
	EXPECT_EQ(kind->attach((void **)&a, object), GC_DUPLICATE);
	EXPECT_EQ(kind->attach((void **)&a, other), GC_DUPLICATE);
	EXPECT_EQ(kind->move((void **)&a, (void **)&a), GC_SUCCESS);
	EXPECT_EQ(kind->move((void **)&b, (void **)&b), GC_NOT_FOUND);
	EXPECT_EQ(kind->move((void **)&b, (void **)&c), GC_NOT_FOUND);
	EXPECT_EQ(kind->attach((void **)&b, other), GC_SUCCESS);
	EXPECT_EQ(kind->move((void **)&a, (void **)&b), GC_DUPLICATE);
	EXPECT_EQ(kind->move((void **)&a, (void **)&c), GC_SUCCESS);
	EXPECT_EQ(kind->move((void **)&a, (void **)&c), GC_NOT_FOUND);
	EXPECT_EQ(kind->detach((void **)&a), 0);
	EXPECT_EQ(kind->detach((void **)&c), 1);
	EXPECT_EQ(kind->detach((void **)&c), 0);
	EXPECT_EQ(kind->detach((void **)&b), 1);
	/* The two kinds have nothing to do with each other. */
	EXPECT_EQ(kinds[SHORT].attach((void **)&a, object), GC_SUCCESS);
	EXPECT_EQ(kinds[LONG].detach((void **)&a), 0);
	EXPECT_EQ(kinds[LONG].attach((void **)&a, object), GC_SUCCESS);
	EXPECT_EQ(kinds[SHORT].detach((void **)&a), 1);
	EXPECT_EQ(kinds[LONG].detach((void **)&a), 1);
	GC_reachable_here(object);
	GC_reachable_here(other);
}
END_TEST

/* One that is registered again is of the last object. */
static void register_twice(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		kept[i] = GC_malloc(10);
		attach(&links[i], i < n / 2 ? kept[i] : GC_malloc(10));
		EXPECT_EQ(kind->attach((void **)&links[i], i < n / 2 ? GC_malloc(10) : kept[i]),
		          GC_DUPLICATE);
	}
	ABI_SEEN(kept);
}

START_TEST(test_registered_twice)
{
	kind = &kinds[_i];
	links = in_data;
	abi_away(register_twice, ABI_MANY);
	abi_collect();
	for (size_t i = ABI_MANY / 2; i < ABI_MANY; i++)
		EXPECT(links[i] != 0);
	ck_assert_uint_ge(cleared(), ABI_MANY / 2 * 9 / 10);
}
END_TEST

/* One that was cleared, or removed, is none. */
START_TEST(test_gone)
{
	size_t found = 0;

	kind = &kinds[_i];
	links = in_data;
	abi_away(make, 2);
	for (size_t i = 1; i < ABI_MANY; i += 4)
		EXPECT_EQ(kind->detach((void **)&links[i]), 1);
	abi_collect();
	for (size_t i = 1; i < ABI_MANY; i += 4)
		EXPECT(links[i] != 0);
	for (size_t i = 3; i < ABI_MANY; i += 4)
		found += (size_t)kind->detach((void **)&links[i]);
	ck_assert_uint_le(found, ABI_MANY / 4 / 10);
	for (size_t i = 0; i < ABI_MANY; i += 2)
		EXPECT_EQ(kind->detach((void **)&links[i]), 1);
}
END_TEST

/* What is at the new place is not touched until the object dies; the old place never. */
START_TEST(test_moved)
{
	static GC_hidden_pointer moved[ABI_MANY];

	kind = &kinds[_i];
	links = in_data;
	abi_away(make, 2);
	memset(moved, 0x55, sizeof moved);
	for (size_t i = 0; i < ABI_MANY; i++)
		EXPECT_EQ(kind->move((void **)&links[i], (void **)&moved[i]), GC_SUCCESS);
	abi_collect();
	ck_assert_uint_eq(cleared(), 0);
	EXPECT(abi_all(&moved[0], 0x55, sizeof *moved));
	links = moved;
	ck_assert_uint_ge(cleared(), ABI_MANY / 2 * 9 / 10);
	ck_assert_uint_le(cleared(), ABI_MANY / 2);
}
END_TEST

/* ---- Links in objects that die ---- */

static void make_holders(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		GC_hidden_pointer *holder = GC_malloc(32);

		abi_watch(i, holder);
		kept[i] = GC_malloc(32);
		attach(&holder[1], kept[i]);
	}
	ABI_SEEN(kept);
}

/* They are forgotten: what has the memory then is not written to. */
START_TEST(test_holder_dies)
{
	enum { REUSE = 20000 };
	static unsigned char *reused[REUSE];

	kind = &kinds[_i];
	abi_away(make_holders, ABI_MANY);
	abi_collect();
	EXPECT_MOST_DEAD();
	for (size_t i = 0; i < REUSE; i++) {
		reused[i] = i % 2 == 0 ? GC_malloc(32) : GC_malloc_atomic(32);
		abi_fill(reused[i], i, 32);
	}
	memset(kept, 0, sizeof kept);
	abi_collect();
	abi_collect();
	for (size_t i = 0; i < REUSE; i++)
		EXPECT(abi_filled(reused[i], i, 32));
}
END_TEST

/* ---- Links and finalizers ---- */

static size_t runs, links_set;

static void sees_link(void *object, void *data)
{
	GC_hidden_pointer *link = data;

	runs++;
	links_set += *link == GC_HIDE_POINTER(object);
}

static void make_finalized(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void *object = GC_malloc(32);

		attach(&links[i], object);
		GC_register_finalizer_no_order(object, sees_link, &links[i], NULL, NULL);
	}
}

/* A short link is cleared before the finalizer runs, a long one after it. */
START_TEST(test_finalizer)
{
	kind = &kinds[_i];
	links = in_data;
	abi_away(make_finalized, ABI_MANY);
	abi_collect();
	ck_assert_uint_ge(runs, ABI_MANY * 9 / 10);
	if (_i == SHORT) {
		ck_assert_uint_eq(links_set, 0);
		ck_assert_uint_ge(cleared(), ABI_MANY * 9 / 10);
		return;
	}
	ck_assert_uint_eq(links_set, runs);
	ck_assert_uint_eq(cleared(), 0);
	abi_collect();
	ck_assert_uint_ge(cleared(), ABI_MANY * 9 / 10);
}
END_TEST

static void keep_again(void *object, void *data)
{
	*(void **)data = object;
	runs++;
}

static void make_resurrected(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void *object = GC_malloc(32);

		attach(&links[i], object);
		GC_register_finalizer_no_order(object, keep_again, &kept[i], NULL, NULL);
	}
}

/* The long link of an object that is kept again stays. */
START_TEST(test_resurrected)
{
	kind = &kinds[LONG];
	links = in_data;
	abi_away(make_resurrected, ABI_MANY);
	for (int i = 0; i < 3; i++) {
		abi_collect();
		ck_assert_uint_eq(cleared(), 0);
	}
	ck_assert_uint_ge(runs, ABI_MANY * 9 / 10);
	memset(kept, 0, sizeof kept);
	ABI_SEEN(kept);
	abi_collect();
	ck_assert_uint_ge(cleared(), ABI_MANY * 9 / 10);
}
END_TEST

static void make_behind(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void **object = GC_malloc(32);

		object[0] = GC_malloc(32);
		attach(&links[i], object[0]);
		GC_register_finalizer(object, keep_again, &kept[i], NULL, NULL);
	}
}

/* Of an object that only one with a finalizer reaches the same is true. */
START_TEST(test_behind_finalizer)
{
	kind = &kinds[_i];
	links = in_data;
	abi_away(make_behind, ABI_MANY);
	abi_collect();
	ck_assert_uint_ge(runs, ABI_MANY * 9 / 10);
	if (_i == SHORT)
		ck_assert_uint_ge(cleared(), ABI_MANY * 9 / 10);
	else
		ck_assert_uint_eq(cleared(), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: links");
	TCase *each = tcase_create("links");

	tcase_add_checked_fixture(each, abi_begin, NULL);
	tcase_add_loop_test(each, test_in_data, 0, 2);
	tcase_add_loop_test(each, test_tagged, 0, 2 * 7);
	tcase_add_loop_test(each, test_in_memory, 0, 2 * sizeof places / sizeof *places);
	tcase_add_loop_test(each, test_unhidden, 0, 2);
	tcase_add_loop_test(each, test_returned, 0, 2);
	tcase_add_loop_test(each, test_registered_twice, 0, 2);
	tcase_add_loop_test(each, test_gone, 0, 2);
	tcase_add_loop_test(each, test_moved, 0, 2);
	tcase_add_loop_test(each, test_holder_dies, 0, 2);
	tcase_add_loop_test(each, test_finalizer, 0, 2);
	tcase_add_test(each, test_resurrected);
	tcase_add_loop_test(each, test_behind_finalizer, 0, 2);
	suite_add_tcase(suite, each);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
