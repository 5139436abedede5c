/* SPDX-License-Identifier: MIT */
/*
 * abi_final.c: libgc's finalizers: the four orders, what a finalizer sees and may do,
 * when it runs, what registering again returns. (Links that disappear: abi_link.c.)
 */
#include "test/libgc/abi.h"

#include <gc/javaxfc.h>

#include <setjmp.h>
#include <stdlib.h>

typedef void (*registers)(void *object, GC_finalization_proc fn, void *data,
                          GC_finalization_proc *old_fn, void **old_data);

enum { NORMAL, IGNORE_SELF, NO_ORDER, UNREACHABLE, ORDERS };

static const registers orders[] = { GC_register_finalizer, GC_register_finalizer_ignore_self,
	                            GC_register_finalizer_no_order,
	                            GC_register_finalizer_unreachable };
static const registers debug_orders[] = { GC_debug_register_finalizer,
	                                  GC_debug_register_finalizer_ignore_self,
	                                  GC_debug_register_finalizer_no_order,
	                                  GC_debug_register_finalizer_unreachable };

/* An object knows its number, and refers to others. */
struct object {
	size_t number;
	struct object *next, *other;
	unsigned char filling[40];
};

enum { MOST = 100000 };
static unsigned runs[MOST];
static size_t all_runs, last_run;
static void *data_of[MOST];
static struct object *kept[ABI_MANY];
/* What a program's pointers have in their lowest bits. */
static size_t tag;

/* The object and its data are as they were. */
static void finalizer(void *pointer, void *data)
{
	struct object *object = (void *)((char *)pointer - tag);

	EXPECT(object->number < MOST);
	EXPECT(abi_filled(object->filling, object->number, sizeof object->filling));
	EXPECT(data == data_of[object->number]);
	runs[object->number]++;
	last_run = object->number;
	all_runs++;
}

static struct object *make(size_t number, int order)
{
	struct object *object = GC_malloc(sizeof *object);

	object->number = number;
	abi_fill(object->filling, number, sizeof object->filling);
	data_of[number] = order < 0 ? NULL : &runs[number];
	if (order >= 0)
		orders[order]((char *)object + tag, finalizer, data_of[number], NULL, NULL);
	return object;
}

static void collect_often(int times)
{
	while (times-- > 0)
		abi_collect();
}

/* ---- Each order ---- */

static void make_many(size_t order)
{
	for (size_t i = 0; i < ABI_MANY; i++) {
		struct object *object = make(i, (int)order);

		abi_watch(i, object);
		if (i % 4 == 0)
			kept[i] = object;
	}
	ABI_SEEN(kept);
}

/* Once for each that is dead, in the collection; not for those that live. */
static void see_dead(int order)
{
	abi_away(make_many, (size_t)order);
	collect_often(2);
	ck_assert_uint_ge(all_runs, ABI_MANY * 3 / 4 * 9 / 10);
	for (size_t i = 0; i < ABI_MANY; i++)
		EXPECT(i % 4 == 0 ? runs[i] == 0 && abi_lives(i) : runs[i] <= 1);
	memset(kept, 0, sizeof kept);
	collect_often(2);
	ck_assert_uint_ge(all_runs, ABI_MANY * 9 / 10);
	for (size_t i = 0; i < ABI_MANY; i++)
		EXPECT(runs[i] <= 1);
}

START_TEST(test_dead)
{
	see_dead(_i);
}
END_TEST

/* The program's pointers have tags: it is such that finalizers are registered for. */
START_TEST(test_tagged)
{
	GC_finalization_proc old = NULL;
	void *old_data = NULL;
	struct object *object;

	tag = 1 + (size_t)_i / ORDERS;
	see_dead(_i % ORDERS);
	object = kept[0] = make(1, _i % ORDERS);
	ABI_SEEN(kept);
	abi_collect();
	ck_assert_int_ne(GC_is_marked((char *)object + tag), 0);
	orders[_i % ORDERS]((char *)object + tag, NULL, NULL, &old, &old_data);
	ck_assert(old == finalizer && old_data == data_of[1]);
}
END_TEST

/* A chain: in order, one in each collection; without order, all at once. */
static void make_chains(size_t order)
{
	for (size_t i = 0; i < 100; i++) {
		struct object *a = make(3 * i, (int)order), *b = make(3 * i + 1, (int)order);

		a->next = b;
		b->next = make(3 * i + 2, (int)order);
	}
}

static size_t runs_of(size_t rest)
{
	size_t count = 0;

	for (size_t i = 0; i < 100; i++)
		count += runs[3 * i + rest];
	return count;
}

START_TEST(test_chain)
{
	abi_away(make_chains, (size_t)_i);
	abi_collect();
	ck_assert_uint_ge(runs_of(0), 90);
	if (_i == NO_ORDER) {
		ck_assert_uint_ge(runs_of(1), 90);
		ck_assert_uint_ge(runs_of(2), 90);
		return;
	}
	ck_assert_uint_eq(runs_of(1), 0);
	abi_collect();
	ck_assert_uint_ge(runs_of(1), 90);
	ck_assert_uint_eq(runs_of(2), 0);
	abi_collect();
	ck_assert_uint_ge(runs_of(2), 90);
}
END_TEST

static void make_selfish(size_t order)
{
	for (size_t i = 0; i < 100; i++) {
		struct object *object = make(i, (int)order);

		object->next = object;
		object->other = (struct object *)object->filling;
	}
}

START_TEST(test_self)
{
	abi_away(make_selfish, (size_t)_i);
	collect_often(4);
	if (_i == IGNORE_SELF || _i == NO_ORDER)
		ck_assert_uint_ge(all_runs, 90);
	else
		ck_assert_uint_eq(all_runs, 0);
}
END_TEST

static void make_cycles(size_t order)
{
	for (size_t i = 0; i < 200; i += 2) {
		struct object *a = make(i, (int)order), *b = make(i + 1, (int)order);

		a->next = b;
		b->next = a;
	}
}

START_TEST(test_cycle)
{
	abi_away(make_cycles, (size_t)_i);
	collect_often(4);
	if (_i == NO_ORDER)
		ck_assert_uint_ge(all_runs, 180);
	else
		ck_assert_uint_eq(all_runs, 0);
}
END_TEST

/* A cycle that a link breaks: the order is that of what is left. */
static void make_broken_cycles(size_t order)
{
	for (size_t i = 0; i < 200; i += 2) {
		struct object *a = make(i, (int)order), *b = make(i + 1, (int)order);

		a->next = b;
		b->next = a;
		EXPECT_EQ(GC_general_register_disappearing_link((void **)&b->next, a), 0);
	}
}

START_TEST(test_broken_cycle)
{
	abi_away(make_broken_cycles, (size_t)_i);
	abi_collect();
	for (size_t i = 0; _i != NO_ORDER && i < 200; i += 2)
		EXPECT(runs[i + 1] == 0);
	collect_often(2);
	ck_assert_uint_ge(all_runs, 180);
}
END_TEST

/* What an object with a finalizer reaches is there when it runs. */
static void sees_others(void *pointer, void *data)
{
	size_t length = 0;

	for (struct object *object = pointer; object != NULL; object = object->next)
		EXPECT(object->number == length++);
	for (struct object *object = data; object != NULL; object = object->next)
		EXPECT(object->number == --length);
	EXPECT_EQ(length, 0);
	all_runs++;
}

static void make_lists(size_t order)
{
	for (int i = 0; i < 100; i++) {
		struct object *first = make(0, -1), *last = first, *data = make(0, -1);

		for (size_t n = 1; n < 50; n++) {
			struct object *object = make(n, -1);

			last = last->next = make(n, -1);
			object->next = data;
			data = object;
		}
		orders[order](first, sees_others, data, NULL, NULL);
	}
}

START_TEST(test_reached)
{
	abi_away(make_lists, (size_t)_i);
	collect_often(2);
	ck_assert_uint_ge(all_runs, 90);
}
END_TEST

/* ---- Registering again ---- */

static void other_finalizer(void *object, void *data)
{
	(void)object;
	EXPECT(data == &all_runs);
	all_runs += MOST;
}

static void register_thrice(size_t order)
{
	for (size_t i = 0; i < 100; i++) {
		struct object *object = make(i, -1);
		GC_finalization_proc fn = finalizer;
		void *data = object;

		orders[order](object, other_finalizer, &last_run, &fn, &data);
		EXPECT(fn == NULL && data == NULL);
		orders[(order + 1) % ORDERS](object, finalizer, &runs[i], &fn, &data);
		EXPECT(fn == other_finalizer && data == &last_run);
		orders[order](object, i < 50 ? NULL : other_finalizer, &all_runs, &fn, &data);
		EXPECT(fn == finalizer && data == &runs[i]);
	}
}

/* The last counts; of none, none runs. */
START_TEST(test_replaced)
{
	abi_away(register_thrice, (size_t)_i);
	collect_often(2);
	ck_assert_uint_le(all_runs, 50 * MOST);
	ck_assert_uint_ge(all_runs, 45 * MOST);
	ck_assert_uint_eq(all_runs % MOST, 0);
}
END_TEST

/* What is no object has none. */
START_TEST(test_foreign)
{
	static int in_data;
	void *from_malloc = malloc(100);
	void *foreign[] = { &in_data, from_malloc, &from_malloc };

	for (size_t i = 0; i < 3; i++) {
		GC_finalization_proc fn = finalizer;
		void *data = &fn;

		orders[_i](foreign[i], finalizer, NULL, &fn, &data);
		EXPECT(fn == NULL && data == NULL);
	}
	free(from_malloc);
	abi_collect();
	ck_assert_uint_eq(all_runs, 0);
}
END_TEST

static struct object *risen;
static registers again;

/* It refers to the object again, and wants to be asked again. */
static void resurrects(void *object, void *data)
{
	finalizer(object, data);
	risen = object;
	again(object, resurrects, data, NULL, NULL);
}

static void make_one(size_t order)
{
	again = orders[order];
	again(make(7, -1), resurrects, NULL, NULL, NULL);
}

/* Three, of which the last is sure to have died. */
START_TEST(test_resurrected)
{
	for (int i = 0; i < 3; i++)
		abi_away(make_one, (size_t)_i);
	for (unsigned i = 0; i < 10; i++) {
		abi_collect();
		EXPECT(all_runs > i);
		EXPECT(risen != NULL && risen->number == 7);
		EXPECT(abi_filled(risen->filling, 7, sizeof risen->filling));
		abi_clear_stack();
		risen = NULL;
	}
}
END_TEST

/* ---- With debugging information ---- */

static void make_debug(size_t order)
{
	for (size_t i = 0; i < ABI_MANY; i++) {
		struct object *object = GC_debug_malloc(sizeof *object, GC_EXTRAS);
		GC_finalization_proc fn = finalizer;
		void *data = &fn;

		object->number = i;
		abi_fill(object->filling, i, sizeof object->filling);
		debug_orders[order](object, finalizer, NULL, &fn, &data);
		EXPECT(fn == NULL && data == NULL);
		debug_orders[order](object, finalizer, NULL, NULL, NULL);
		if (i % 2 == 0)
			kept[i] = object;
	}
	ABI_SEEN(kept);
}

START_TEST(test_debug)
{
	abi_away(make_debug, (size_t)_i);
	collect_often(2);
	ck_assert_uint_ge(all_runs, ABI_MANY / 2 * 9 / 10);
	for (size_t i = 0; i < ABI_MANY; i++)
		EXPECT(runs[i] <= i % 2);
}
END_TEST

/* ---- Objects that wait for others ---- */

static void make_mixed(size_t n)
{
	for (size_t i = 0; i < 2 * n; i += 2)
		make(i, NO_ORDER)->next = make(i + 1, UNREACHABLE);
}

/* As long as one without order reaches it, it waits. */
START_TEST(test_unreachable_waits)
{
	ck_assert_int_eq(GC_get_java_finalization(), 1);
	abi_away(make_mixed, 100);
	abi_collect();
	for (size_t i = 0; i < 200; i += 2)
		EXPECT(runs[i + 1] == 0);
	ck_assert_uint_ge(all_runs, 90);
	abi_collect();
	ck_assert_uint_ge(all_runs, 180);
}
END_TEST

/* ---- Finalizers that go on for long ---- */

static jmp_buf landing;
static size_t jumps, while_long;

static void make_due(size_t n)
{
	for (size_t i = 0; i < n; i++)
		make(i, NO_ORDER);
}

static void jumps_out(void *pointer, void *data)
{
	(void)pointer;
	(void)data;
	jumps++;
	longjmp(landing, 1);
}

static void make_jumping(size_t n)
{
	for (size_t i = 0; i < n; i++)
		GC_register_finalizer_no_order(GC_malloc(32), jumps_out, NULL, NULL, NULL);
}

/* Those that come after one that was left are called; by stock, less often each time. */
START_TEST(test_jumped)
{
	for (volatile int round = 0; round < 20; round++) {
		abi_away(make_jumping, 1);
		if (setjmp(landing) == 0)
			abi_collect();
	}
	ck_assert_uint_ge(jumps, abi_on_stock() ? 2 : 15);
	abi_away(make_due, 1000);
	for (int i = 0; i < 20; i++)
		collect_often(1);
	ck_assert_uint_ge(all_runs, 900);
}
END_TEST

static void goes_on(void *pointer, void *data)
{
	(void)pointer;
	(void)data;
	abi_away(make_due, 1000);
	for (size_t i = 0; i < 2000000 && all_runs < 900; i++)
		GC_malloc(64);
	while_long = all_runs;
}

static void make_going_on(size_t n)
{
	for (size_t i = 0; i < n; i++)
		GC_register_finalizer_no_order(GC_malloc(32), goes_on, NULL, NULL, NULL);
}

/* Others are called while one allocates. */
START_TEST(test_within)
{
	abi_away(make_going_on, 20);
	for (int i = 0; i < 20 && while_long == 0; i++)
		abi_collect();
	ck_assert_uint_ge(while_long, 900);
}
END_TEST

/* What was freed is not looked at. */
static size_t warnings;

static void count_warning(char *format, GC_word argument)
{
	(void)format;
	(void)argument;
	warnings++;
}

static void ignores(void *pointer, void *data)
{
	(void)pointer;
	(void)data;
}

START_TEST(test_freed)
{
	GC_set_warn_proc(count_warning);
	for (size_t i = 0; i < 100; i++) {
		void *object = GC_malloc(32);

		orders[_i](object, ignores, NULL, NULL, NULL);
		GC_free(object);
	}
	abi_collect();
	ck_assert_uint_eq(warnings, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: finalizers");
	TCase *each = tcase_create("each order");

	tcase_add_checked_fixture(each, abi_begin, NULL);
	tcase_add_loop_test(each, test_dead, 0, ORDERS);
	tcase_add_loop_test(each, test_tagged, 0, ORDERS * 7);
	tcase_add_loop_test(each, test_chain, 0, ORDERS);
	tcase_add_loop_test(each, test_self, 0, ORDERS);
	tcase_add_loop_test(each, test_cycle, 0, ORDERS);
	tcase_add_loop_test(each, test_broken_cycle, 0, ORDERS);
	tcase_add_loop_test(each, test_reached, 0, ORDERS);
	tcase_add_loop_test(each, test_replaced, 0, ORDERS);
	tcase_add_loop_test(each, test_foreign, 0, ORDERS);
	tcase_add_loop_test(each, test_resurrected, 0, ORDERS);
	tcase_add_loop_test(each, test_debug, 0, ORDERS);
	tcase_add_test(each, test_unreachable_waits);
	tcase_add_test(each, test_jumped);
	tcase_add_test(each, test_within);
	tcase_add_loop_test(each, test_freed, 0, ORDERS);
	suite_add_tcase(suite, each);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
