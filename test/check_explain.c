/* SPDX-License-Identifier: MIT */
/*
 * check_explain.c: smal_retainers says why an object is alive: a way from a root of
 * every kind, by words that are really there, as short as can be; 0 for what the next
 * collection frees; and asking changes nothing.
 *
 * (The program is linked with --wrap=smal_space_take.)
 */
#include <smal/space/space.h>

#include "test/collector.h"
#include "test/starve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { STEPS = 8 };

static struct smal_type *pair, *array, *text;
static struct smal_step steps[STEPS];

static void make_types(void)
{
	pair = heap_pair_type();
	array = heap_array_type();
	text = heap_text_type();
	starving = false;
}

static void begin(void)
{
	heap_begin_exact();
	make_types();
}

static void begin_scanned(void)
{
	heap_begin_scanned();
	make_types();
}

/* A word of the stack may have changed since. */
static bool is_steady(const struct smal_step *step)
{
	return step->place != NULL &&
	       (step->root == NULL ||
	        (strcmp(step->root, "stack") != 0 && strcmp(step->root, "registers") != 0));
}

/* Asks, and expects so many steps; a place that is told holds what leads on. */
static void ask(const void *object, ptrdiff_t length)
{
	memset(steps, 0x55, sizeof steps);
	ck_assert_int_eq(smal_retainers(thread, object, steps, STEPS), length);
	if (length <= 0)
		return;
	ck_assert_ptr_null(steps[0].object);
	ck_assert_ptr_null(steps[0].type);
	ck_assert_ptr_nonnull(steps[0].root);
	for (ptrdiff_t i = 1; i < length && i < STEPS; i++) {
		ck_assert_ptr_null(steps[i].root);
		ck_assert_ptr_eq(steps[i].type, smal_type_of(steps[i].object));
		if (steps[i].place != NULL)
			ck_assert_ptr_eq(steps[i].place, (char *)steps[i].object + steps[i].offset);
		else
			ck_assert_uint_eq(steps[i].offset, SIZE_MAX);
	}
	for (ptrdiff_t i = 0; i + 1 < length && i + 1 < STEPS; i++)
		if (is_steady(&steps[i]))
			ck_assert_ptr_eq(smal_base(thread, *(const uintptr_t *)steps[i].place),
			                 steps[i + 1].object);
	if (length <= STEPS)
		ck_assert_ptr_eq(steps[length - 1].object, object);
}

/* ---- Kinds of roots ---- */

START_TEST(test_slot)
{
	void **a = roots[3] = heap_alloc(pair), **b = a[1] = heap_alloc(pair);
	void **many = b[0] = heap_alloc_bytes(array, 1000);
	void *last = many[77] = heap_alloc_bytes(text, 30);

	ask(last, 5);
	ck_assert_str_eq(steps[0].root, "roots");
	ck_assert_ptr_eq(steps[0].place, &roots[3]);
	ck_assert_ptr_eq(steps[1].object, a);
	ck_assert_uint_eq(steps[1].offset, sizeof(void *));
	ck_assert_ptr_eq(steps[2].object, b);
	ck_assert_uint_eq(steps[2].offset, 0);
	ck_assert_ptr_eq(steps[3].object, many);
	ck_assert_uint_eq(steps[3].offset, 77 * sizeof(void *));
	ck_assert_ptr_eq(steps[4].object, last);
	ck_assert_ptr_eq(steps[4].type, text);
	ask(a, 2);
}
END_TEST

/* Names are cut at 31 bytes; a root without one is called something. */
START_TEST(test_names)
{
	static void *named, *nameless;

	ck_assert_int_eq(smal_root_add(gc, &named, "0123456789012345678901234567890123456"),
	                 SMAL_OK);
	ck_assert_int_eq(smal_root_add(gc, &nameless, NULL), SMAL_OK);
	named = heap_alloc(pair);
	ask(named, 2);
	ck_assert_str_eq(steps[0].root, "0123456789012345678901234567890");
	nameless = heap_alloc(pair);
	ask(nameless, 2);
	ck_assert_ptr_eq(steps[0].place, &nameless);
	ck_assert_int_eq(smal_root_remove(gc, &named), SMAL_OK);
	ck_assert_int_eq(smal_root_remove(gc, &nameless), SMAL_OK);
}
END_TEST

/* A word of a range, that points into an object, or one past its end. */
START_TEST(test_range)
{
	static void *range[20];
	char *object = roots[0] = heap_alloc_bytes(text, 1000);

	roots[0] = NULL;
	ck_assert_int_eq(smal_root_add_range(gc, range, range + 20, "range"), SMAL_OK);
	range[7] = object + 501;
	ask(object, 2);
	ck_assert_str_eq(steps[0].root, "range");
	ck_assert_ptr_eq(steps[0].place, &range[7]);
	range[7] = NULL;
	ask(object, 0);
	range[11] = object + smal_size(object);
	ck_assert_int_eq(smal_retainers(thread, object, steps, STEPS), 2);
	ck_assert_ptr_eq(steps[0].place, &range[11]);
	ck_assert_int_eq(smal_root_remove(gc, range), SMAL_OK);
	memset(range, 0, sizeof range);
}
END_TEST

static void *held_by_function;

static void mark_held(struct smal_marker *marker, void *user)
{
	ck_assert_ptr_eq(user, &starving);
	smal_mark(marker, held_by_function);
}

/* Of a function, and of a mark callback, it is not known where a word stands. */
static void *mark_second(struct smal_marker *marker, void *object)
{
	void **words = object;

	smal_mark(marker, words[1]);
	return words[0];
}

START_TEST(test_functions)
{
	struct smal_type_desc desc = {
		.name = "called", .bytes = 32, .marking = SMAL_MARK_CALLBACK, .mark = mark_second
	};
	void **object = roots[0] = heap_alloc(heap_type(&desc));

	object[0] = heap_alloc(pair);
	object[1] = heap_alloc(pair);
	ck_assert_int_eq(smal_root_add_function(gc, mark_held, &starving, "function"), SMAL_OK);
	held_by_function = object;
	roots[0] = NULL;
	for (int i = 0; i < 2; i++) {
		ask(object[i], 3);
		ck_assert_str_eq(steps[0].root, "function");
		ck_assert_ptr_null(steps[0].place);
		ck_assert_ptr_eq(steps[1].object, object);
		ck_assert_ptr_null(steps[1].place);
		ck_assert_uint_eq(steps[1].offset, SIZE_MAX);
	}
	ck_assert_int_eq(smal_root_remove(gc, &starving), SMAL_OK);
}
END_TEST

START_TEST(test_frame)
{
	void *slots[3] = { NULL };
	struct smal_frame frame;

	smal_frame_push(thread, &frame, slots, 3);
	slots[2] = heap_alloc(pair);
	ask(slots[2], 2);
	ck_assert_str_eq(steps[0].root, "frame");
	smal_frame_pop(thread, &frame);
	ask(slots[2], 0);
}
END_TEST

START_TEST(test_stack)
{
	void *volatile held = heap_alloc(pair);

	*(void **)held = heap_alloc(pair);
	ask(*(void **)held, 2);
	ck_assert_msg(strcmp(steps[0].root, "stack") == 0 ||
	                      strcmp(steps[0].root, "registers") == 0,
	              "%s", steps[0].root);
	ask(held, 2);
}
END_TEST

static ucontext_t main_context, fiber_context;
static struct smal_fiber *fiber;
static uintptr_t hidden;

/* Holds an object on its stack, and waits. */
static void run_fiber(void)
{
	void *volatile held = heap_alloc(pair);

	hidden = HIDE(held);
	smal_fiber_switch(thread, NULL);
	swapcontext(&fiber_context, &main_context);
	ck_abort_msg("nobody returns here %p", held);
}

static SMAL_NOINLINE void enter_fiber(void)
{
	smal_fiber_switch(thread, fiber);
	swapcontext(&main_context, &fiber_context);
}

START_TEST(test_fiber)
{
	enum { BYTES = 256 * 1024 };
	void *stack = malloc(BYTES);

	ck_assert_ptr_nonnull(stack);
	memset(stack, 0, BYTES);
	ck_assert_int_eq(smal_fiber_create(gc, stack, BYTES, &fiber), SMAL_OK);
	getcontext(&fiber_context);
	fiber_context.uc_stack.ss_sp = stack;
	fiber_context.uc_stack.ss_size = BYTES;
	fiber_context.uc_link = NULL;
	makecontext(&fiber_context, run_fiber, 0);
	enter_fiber();
	ck_assert_int_eq(smal_retainers(thread, (void *)HIDE(hidden), steps, STEPS), 2);
	/* By chance a stale word of this stack may hold it, too. */
	ck_assert_msg(strcmp(steps[0].root, "fiber") == 0 || strcmp(steps[0].root, "stack") == 0,
	              "%s", steps[0].root);
	ck_assert_int_eq(smal_fiber_destroy(fiber), SMAL_OK);
	free(stack);
}
END_TEST

START_TEST(test_immortal)
{
	struct smal_type_desc desc = { .name = "immortal",
		                       .bytes = 16,
		                       .marking = SMAL_MARK_CONSERVATIVE,
		                       .flags = SMAL_TYPE_IMMORTAL };
	struct smal_type_desc seldom = { .name = "seldom",
		                         .bytes = 16,
		                         .collections_per_sweep = 1000 };
	void **object = heap_alloc(heap_type(&desc)), *other;

	object[1] = heap_alloc(pair);
	ask(object[1], 3);
	ck_assert_str_eq(steps[0].root, "immortal");
	ck_assert_ptr_null(steps[0].place);
	ck_assert_uint_eq(steps[1].offset, sizeof(void *));
	/* In the next collection these are roots, too. */
	other = heap_alloc(heap_type(&seldom));
	ask(other, 2);
	ck_assert_str_eq(steps[0].root, "immortal");
}
END_TEST

/* ---- Weak things ---- */

START_TEST(test_finalizer)
{
	struct smal_queue *queue;
	struct smal_notice notice;
	void *object = roots[0] = heap_alloc(pair), **value = roots[1] = heap_alloc(pair);

	value[1] = heap_alloc(pair);
	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	ck_assert_ptr_nonnull(smal_finalizer_add(thread, queue, object, value, 0));
	roots[1] = NULL;
	ask(value[1], 4);
	ck_assert_str_eq(steps[0].root, "finalizer");
	ck_assert_ptr_null(steps[1].place);
	ck_assert_ptr_eq(steps[2].object, value);
	ck_assert_uint_eq(steps[2].offset, sizeof(void *));
	/* It does not keep its object; who waits on a queue is kept. */
	roots[0] = NULL;
	ask(object, 0);
	heap_collect();
	ask(object, 2);
	ck_assert_str_eq(steps[0].root, "notice");
	ask(value, 2);
	ck_assert_str_eq(steps[0].root, "notice");
	ck_assert_int_eq(smal_queue_take(thread, queue, &notice), 1);
	ask(object, 0);
	ask(value, 0);
}
END_TEST

START_TEST(test_weak)
{
	void **key = roots[0] = heap_alloc(pair), *object = roots[1] = heap_alloc(pair);
	struct smal_ephemeron *ephemeron;
	struct smal_map *map;

	roots[2] = smal_weak_create(thread, object, 0);
	roots[3] = smal_weak_create(thread, object, SMAL_WEAK_LONG);
	roots[4] = ephemeron = smal_ephemeron_create(thread, key, object);
	roots[1] = NULL;
	ask(object, 3);
	ck_assert_ptr_eq(steps[1].object, ephemeron);
	ck_assert_ptr_null(steps[1].place);
	ck_assert_uint_eq(steps[1].offset, SIZE_MAX);
	/* Its key dead, it leads nowhere. */
	roots[0] = NULL;
	ask(object, 0);
	ask(key, 0);
	/* The first entry of a map with weak keys, by way of the entries. */
	roots[0] = key;
	roots[4] = map = smal_map_create(thread, SMAL_MAP_WEAK_KEYS, NULL, NULL, NULL);
	ck_assert_int_eq(smal_map_put(thread, map, key, object), SMAL_OK);
	ask(object, 4);
	ck_assert_ptr_eq(steps[1].object, map);
	roots[0] = NULL;
	ask(object, 0);
}
END_TEST

/* A chain of ephemerons against the order of addresses. */
START_TEST(test_ephemeron_chain)
{
	enum { CHAIN = 300 };
	void **keys = heap_alloc_bytes(array, CHAIN * sizeof *keys);
	struct smal_ephemeron **ephemerons;

	roots[0] = keys;
	roots[1] = ephemerons = heap_alloc_bytes(array, CHAIN * sizeof *ephemerons);
	for (int i = 0; i < CHAIN; i++)
		keys[i] = heap_alloc(pair);
	for (int i = 1; i < CHAIN; i++)
		ephemerons[i] = smal_ephemeron_create(thread, keys[i], keys[i - 1]);
	ask(keys[0], 3);
	roots[2] = keys[CHAIN - 1];
	roots[0] = NULL;
	ask(keys[0], 4);
	roots[2] = NULL;
	ask(keys[0], 0);
}
END_TEST

/* ---- Ways ---- */

/* A long way, and less room than steps; a shorter one beside it. */
START_TEST(test_long_way)
{
	size_t count = heap_scale(100000);
	void **list = NULL, **end = NULL;

	for (size_t i = 0; i < count; i++) {
		void **object = heap_alloc(pair);

		end = end == NULL ? object : end;
		object[1] = list;
		roots[0] = list = object;
	}
	ask(end, (ptrdiff_t)count + 1);
	ck_assert_ptr_eq(steps[1].object, list);
	for (int i = 1; i + 1 < STEPS; i++)
		ck_assert_ptr_eq(steps[i + 1].object, ((void **)steps[i].object)[1]);
	ck_assert_int_eq(smal_retainers(thread, end, NULL, 0), (ptrdiff_t)count + 1);
	for (size_t room = 1; room < STEPS; room++) {
		memset(steps, 0x55, sizeof steps);
		ck_assert_int_eq(smal_retainers(thread, end, steps, room), (ptrdiff_t)count + 1);
		ck_assert_ptr_eq(steps[0].place, &roots[0]);
		ck_assert_ptr_eq(steps[room].object, (void *)(uintptr_t)0x5555555555555555);
	}
	roots[1] = end;
	ask(end, 2);
	ck_assert_ptr_eq(steps[0].place, &roots[1]);
	roots[1] = NULL;
	list[0] = end;
	ask(end, 3);
	heap_collect();
	ck_assert_uint_eq(heap_live(), count);
}
END_TEST

enum { NODES = 400, EDGES = 3 };

/* Every object of random graphs: as short as a search by breadth finds; and what has no
 * way is freed next. */
START_TEST(test_random_graphs)
{
	static int to[NODES][EDGES], distance[NODES], queue[NODES];
	static uintptr_t at[NODES];
	struct test_random random;
	int head = 0, tail = 0;
	uint64_t reached = 0;
	void **all = roots[6] = heap_alloc_bytes(array, NODES * sizeof *all);

	test_random_init(&random, (uint64_t)_i);
	for (int i = 0; i < NODES; i++) {
		all[i] = heap_alloc_bytes(array, EDGES * sizeof(void *));
		at[i] = HIDE(all[i]);
		distance[i] = 0;
	}
	for (int i = 0; i < NODES; i++) {
		for (int e = 0; e < EDGES; e++) {
			to[i][e] = (int)test_random_below(&random, NODES * 3);
			if (to[i][e] < NODES)
				((void **)HIDE(at[i]))[e] = (void *)HIDE(at[to[i][e]]);
		}
	}
	roots[6] = NULL;
	for (int i = 0; i < 3; i++) {
		roots[i] = (void *)HIDE(at[i]);
		distance[i] = 2;
		queue[tail++] = i;
	}
	for (; head < tail; head++)
		for (int e = 0; e < EDGES; e++)
			if (to[queue[head]][e] < NODES && distance[to[queue[head]][e]] == 0) {
				distance[to[queue[head]][e]] = distance[queue[head]] + 1;
				queue[tail++] = to[queue[head]][e];
			}
	for (int i = 0; i < NODES; i++) {
		ask((void *)HIDE(at[i]), distance[i]);
		reached += distance[i] != 0;
	}
	heap_collect();
	ck_assert_uint_eq(heap_live(), reached);
}
END_TEST

/* ---- Refused ---- */

START_TEST(test_refused)
{
	char *object = roots[0] = heap_alloc_bytes(text, 64), *freed = heap_alloc_bytes(text, 64);
	int on_stack = 0;
	const void *bad[] = { NULL, object + 8, freed, &on_stack, (void *)8 };

	ck_assert_int_eq(smal_free(thread, freed), SMAL_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_int_eq(smal_retainers(thread, bad[i], steps, STEPS), -1);
		told_once(SMAL_ERROR_INVALID);
		ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_INVALID);
	}
	ck_assert_int_eq(smal_retainers(NULL, object, steps, STEPS), -1);
	told_once(SMAL_ERROR_NOT_ATTACHED);
}
END_TEST

/* Without memory there is no answer, and all goes on. */
START_TEST(test_no_memory)
{
	void **object = roots[0] = heap_alloc(pair);

	object[0] = heap_alloc(pair);
	starving = true;
	ck_assert_int_eq(smal_retainers(thread, object[0], steps, STEPS), -1);
	ck_assert_int_eq(smal_thread_error(thread), SMAL_ERROR_NO_MEMORY);
	starving = false;
	told_nothing();
	ask(object[0], 3);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

static Suite *explain_suite(void)
{
	Suite *suite = suite_create("explain");
	TCase *exact = tcase_create("exact stacks");
	TCase *scanned = tcase_create("scanned stacks");

	tcase_add_checked_fixture(exact, begin, heap_end);
	tcase_add_test(exact, test_slot);
	tcase_add_test(exact, test_names);
	tcase_add_test(exact, test_range);
	tcase_add_test(exact, test_functions);
	tcase_add_test(exact, test_frame);
	tcase_add_test(exact, test_immortal);
	tcase_add_test(exact, test_finalizer);
	tcase_add_test(exact, test_weak);
	tcase_add_test(exact, test_ephemeron_chain);
	tcase_add_test(exact, test_long_way);
	tcase_add_loop_test(exact, test_random_graphs, 0, 3);
	tcase_add_test(exact, test_refused);
	tcase_add_test(exact, test_no_memory);
	suite_add_tcase(suite, exact);

	tcase_add_checked_fixture(scanned, begin_scanned, heap_end);
	tcase_add_test(scanned, test_stack);
	tcase_add_test(scanned, test_fiber);
	suite_add_tcase(suite, scanned);
	return suite;
}

int main(void)
{
	return test_main(explain_suite);
}
