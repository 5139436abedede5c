/* SPDX-License-Identifier: MIT */
/*
 * abi_weak.c: libgc's links that disappear, by the hundred thousand beside a model of
 * them; those in the object itself; and references that an object outside toggles.
 */
#include "test/libgc/kinds.h"

/* ---- The older way: a link of the object that it is in ---- */

static size_t runs, own_link_set;

static void sees_own_link(void *object, void *data)
{
	(void)data;
	runs++;
	own_link_set += ((void **)object)[1] != NULL;
}

static void make_rings(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void **object = GC_malloc(32);

		object[1] = object;
		EXPECT_EQ(GC_register_disappearing_link(&object[1]), GC_SUCCESS);
		EXPECT_EQ(GC_register_disappearing_link(&object[1]), GC_DUPLICATE);
		GC_register_finalizer(object, sees_own_link, NULL, NULL, NULL);
	}
}

/* It breaks the cycle that would keep the object from being finalized. */
START_TEST(test_own_link)
{
	abi_away(make_rings, ABI_MANY);
	abi_collect();
	ck_assert_uint_ge(runs, ABI_MANY * 9 / 10);
	ck_assert_uint_eq(own_link_set, 0);
}
END_TEST

/* ---- Many links ---- */

/* Links that come, move, go and are cleared, beside what ought to be. */
START_TEST(test_many)
{
	enum { LINKS = 1 << 16 };
	static GC_hidden_pointer many[LINKS];
	static bool registered[LINKS];
	size_t n = test_is_slow() ? 100000 : 1000000;
	struct test_random random;
	void *object = GC_malloc(16);

	kind = &kinds[_i];
	test_random_init(&random, 2);
	for (size_t i = 0; i < n; i++) {
		size_t a = test_random_below(&random, LINKS), b = test_random_below(&random, LINKS);

		switch (test_random_below(&random, 4)) {
		case 0:
		case 1:
			EXPECT_EQ(kind->attach((void **)&many[a], object),
			          registered[a] ? GC_DUPLICATE : GC_SUCCESS);
			registered[a] = true;
			break;
		case 2:
			EXPECT_EQ(kind->detach((void **)&many[a]), registered[a]);
			registered[a] = false;
			break;
		default:
			EXPECT_EQ(kind->move((void **)&many[a], (void **)&many[b]),
			          !registered[a]            ? GC_NOT_FOUND
			          : a != b && registered[b] ? GC_DUPLICATE
			                                    : GC_SUCCESS);
			if (registered[a] && !registered[b]) {
				registered[a] = false;
				registered[b] = true;
			}
		}
		if (i % (n / 4) == 0)
			GC_gcollect();
	}
	GC_reachable_here(object);
}
END_TEST

/* ---- References that are toggled ---- */

static GC_ToggleRefStatus status[ABI_MANY];
static unsigned toggled;

static GC_ToggleRefStatus toggle(void *object)
{
	toggled++;
	return status[*(size_t *)object];
}

static void make_toggled(size_t strong)
{
	for (size_t i = 0; i < ABI_MANY; i++) {
		size_t *object = GC_malloc(32);

		*object = i;
		abi_watch(i, object);
		EXPECT_EQ(GC_toggleref_add(object, (int)strong), GC_SUCCESS);
	}
}

START_TEST(test_toggled)
{
	GC_set_toggleref_func(toggle);
	ck_assert(GC_get_toggleref_func() == toggle);
	for (size_t i = 0; i < ABI_MANY; i++)
		status[i] = GC_TOGGLE_REF_STRONG;
	abi_away(make_toggled, (size_t)_i);
	abi_collect();
	abi_collect();
	EXPECT_ALL_LIVE();
	ck_assert_uint_ge(toggled, 2 * ABI_MANY);
	for (size_t i = 0; i < ABI_MANY; i++)
		status[i] = i % 2 == 0 ? GC_TOGGLE_REF_WEAK : GC_TOGGLE_REF_STRONG;
	abi_collect();
	abi_collect();
	for (size_t i = 1; i < ABI_MANY; i += 2)
		EXPECT(abi_lives(i));
	ck_assert_uint_ge(abi_dead(0, ABI_MANY), ABI_MANY / 2 * 9 / 10);
	for (size_t i = 0; i < ABI_MANY; i++)
		status[i] = GC_TOGGLE_REF_DROP;
	abi_collect();
	abi_collect();
	EXPECT_MOST_DEAD();
	toggled = 0;
	abi_collect();
	ck_assert_uint_eq(toggled, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: more links");
	TCase *each = tcase_create("each");

	tcase_add_checked_fixture(each, abi_begin, NULL);
	tcase_add_test(each, test_own_link);
	tcase_add_loop_test(each, test_many, 0, 2);
	tcase_add_loop_test(each, test_toggled, 0, 2);
	suite_add_tcase(suite, each);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
