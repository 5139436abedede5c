/* SPDX-License-Identifier: MIT */
/*
 * check_queue.c: marking needs no memory but what it has: structures of any
 * depth are marked under a small stack; tails cost no queue; a root or a callback may
 * name as many objects as it likes; and where the queue overflows, everything is marked
 * all the same, and the overflow is counted.
 *
 * The queue is made small by shortening the collector's own and by refusing the
 * larger one behind it (the program is linked with --wrap=smal_space_take).
 */
#include <smal/gc/gc.h>

#include "test/collector.h"
#include "test/starve.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct smal_type *pair, *array, *text, *cell, *node;

/* As a pair, but with its pointers in the words 0 and 2, and no tail. */
static struct smal_type *make_cell_type(void)
{
	static const uintptr_t bits = 5;
	struct smal_type_desc desc = { .name = "cell", .bytes = 3 * sizeof(void *),
		                       .marking = SMAL_MARK_LAYOUT, .layout = { &bits, 3, 0 } };

	return heap_type(&desc);
}

/* As a pair, marked by a callback. */
static void *mark_node(struct smal_marker *marker, void *object)
{
	void **slots = object;

	smal_mark(marker, slots[0]);
	return slots[1];
}

static struct smal_type *make_node_type(void)
{
	struct smal_type_desc desc = { .name = "node", .bytes = 2 * sizeof(void *),
		                       .marking = SMAL_MARK_CALLBACK, .mark = mark_node };

	return heap_type(&desc);
}

static void begin(void)
{
	heap_begin_exact();
	pair = heap_pair_type();
	array = heap_array_type();
	text = heap_text_type();
	cell = make_cell_type();
	node = make_node_type();
	starving = false;
}

/* ---- Depth ---- */

enum { DEEP = 10000000, SMALL_STACK = 64 * 1024 };

struct chain {
	struct smal_type **type;
	/* The word of an object that the next one is in. */
	size_t word;
};

static const struct chain chains[] = {
	{ &pair, 1 }, { &pair, 0 }, { &cell, 0 }, { &cell, 2 }, { &node, 1 }, { &node, 0 },
};

enum { CHAINS = sizeof chains / sizeof *chains };

static void build(const struct chain *chain, size_t count)
{
	roots[0] = NULL;
	for (size_t i = 0; i < count; i++) {
		void **object = heap_alloc(*chain->type);

		object[chain->word] = roots[0];
		roots[0] = object;
	}
}

static size_t length(const struct chain *chain)
{
	size_t count = 0;

	for (void **object = roots[0]; object != NULL; object = object[chain->word])
		count++;
	return count;
}

/* In a thread with a small stack; the argument is how many objects. */
static void *mark_deep(void *argument)
{
	const struct chain *chain = argument;
	size_t count = heap_scale(DEEP);

	EXPECT(smal_thread_attach(gc, &thread) == SMAL_OK);
	build(chain, count);
	EXPECT(smal_collect(thread) == SMAL_OK);
	EXPECT(heap_live() == count && length(chain) == count);
	roots[0] = NULL;
	EXPECT(smal_collect(thread) == SMAL_OK);
	EXPECT(heap_live() == 0);
	EXPECT(smal_thread_detach(thread) == SMAL_OK);
	return argument;
}

START_TEST(test_deep)
{
	struct chain chain = chains[_i];
	pthread_attr_t attributes;
	pthread_t id;
	void *result;

	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	pthread_attr_init(&attributes);
	ck_assert_int_eq(pthread_attr_setstacksize(&attributes,
	                                           SMALL_STACK > PTHREAD_STACK_MIN
	                                                   ? SMALL_STACK
	                                                   : PTHREAD_STACK_MIN),
	                 0);
	ck_assert_int_eq(pthread_create(&id, &attributes, mark_deep, &chain), 0);
	ck_assert_int_eq(pthread_join(id, &result), 0);
	ck_assert_ptr_eq(result, &chain);
	pthread_attr_destroy(&attributes);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
}
END_TEST

/* ---- A queue that is too small ---- */

static uint64_t overflows(void)
{
	struct smal_gc_stats stats;

	smal_gc_get_stats(gc, &stats);
	return stats.queue_overflows;
}

/* Collects with a queue of so many words; true if it overflowed. */
static bool collect_with(size_t queue_words)
{
	size_t had = gc->queue_words;
	uint64_t before = overflows();

	starving = true;
	gc->queue_words = queue_words;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	starving = false;
	gc->queue_words = had;
	heap_check();
	ck_assert_uint_le(overflows(), before + 1);
	return overflows() != before;
}

static const size_t queues[] = { 1, 2, 3, 4, 7, 40, 512 };

enum { QUEUES = sizeof queues / sizeof *queues };

/* Tails need no queue: not even one word is too small. */
START_TEST(test_tails_need_no_queue)
{
	size_t count = heap_scale(100000);

	for (int i = 0; i < CHAINS; i++) {
		build(&chains[i], count);
		ck_assert(!collect_with(1));
		ck_assert_uint_eq(heap_live(), count);
	}
}
END_TEST

/* An array of lists, of every way of marking. */
static uint64_t make_lists(size_t lists)
{
	struct smal_type *types[] = { pair, cell, node };
	void **heads = roots[1] = heap_alloc_bytes(array, lists * sizeof *heads);

	for (size_t i = 0; i < lists; i++) {
		for (int j = 0; j < 5; j++) {
			void **object = heap_alloc(types[i % 3]);

			object[0] = heap_alloc_bytes(text, 1 + i % 100);
			object[i % 3 == 1 ? 2 : 1] = heads[i];
			heads[i] = object;
		}
	}
	return 1 + (uint64_t)lists * 10;
}

START_TEST(test_lists)
{
	uint64_t objects = make_lists(heap_scale(20000));

	ck_assert(collect_with(queues[_i]) || queues[_i] > 256);
	ck_assert_uint_eq(heap_live(), objects);
	roots[1] = NULL;
	ck_assert(!collect_with(queues[_i]));
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

static void *tree(struct smal_type *type, unsigned depth)
{
	void **object = heap_alloc(type);

	if (depth > 0) {
		object[0] = tree(type, depth - 1);
		object[type == cell ? 2 : 1] = tree(type, depth - 1);
	}
	return object;
}

START_TEST(test_trees)
{
	unsigned depth = test_is_slow() || heap_must_be_small() ? 11 : 15;

	roots[0] = tree(pair, depth);
	roots[1] = tree(cell, depth);
	roots[2] = tree(node, depth);
	collect_with(queues[_i]);
	ck_assert_uint_eq(heap_live(), 3 * (((uint64_t)2 << depth) - 1));
}
END_TEST

/* Arrays in arrays, longer than a piece, small, medium and large; each object is
 * referred to once. */
START_TEST(test_arrays)
{
	enum { ARRAYS = 60 };
	void **heads = roots[0] = heap_alloc_bytes(array, ARRAYS * sizeof *heads);
	size_t scale = heap_scale(20), objects = 1;

	for (size_t i = 0; i < ARRAYS; i++) {
		size_t count = 1 + i * i * scale / 4;
		void **items = heads[i] = heap_alloc_bytes(array, count * sizeof *items);

		objects++;
		for (size_t j = 0; j < count; j += 1 + j % 7) {
			items[j] = heap_alloc(j % 3 == 0 ? pair : cell);
			*(void **)items[j] = heap_alloc_bytes(array, 24);
			objects += 2;
		}
	}
	ck_assert(collect_with(queues[_i]) || queues[_i] > 256);
	ck_assert_uint_eq(heap_live(), objects);
}
END_TEST

/* With memory for the larger queue there is no overflow, however small the one
 * that is always there. */
START_TEST(test_larger_queue)
{
	uint64_t objects = make_lists(heap_scale(20000)), before = overflows();
	size_t had = gc->queue_words;

	gc->queue_words = queues[_i];
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	gc->queue_words = had;
	ck_assert_uint_eq(overflows(), before);
	heap_check();
	ck_assert_uint_eq(heap_live(), objects);
}
END_TEST

/* A random graph with cycles: what a collection with a proper queue keeps, one
 * with a small queue keeps too. */
START_TEST(test_graphs)
{
	size_t objects = heap_scale(20000);
	void **all = roots[0] = heap_alloc_bytes(array, objects * sizeof *all);
	struct test_random random;
	uint64_t live;

	test_random_init(&random, (uint64_t)_i);
	for (size_t i = 0; i < objects; i++)
		all[i] = heap_alloc_bytes(array, 8 + test_random_below(&random, 8) * 24);
	for (size_t i = 0; i < objects; i++) {
		void **object = all[i];
		size_t slots = smal_size(object) / sizeof *object;

		for (size_t j = 0; j < 1 + i % 2; j++)
			object[test_random_below(&random, slots)] =
				all[test_random_below(&random, objects)];
	}
	for (int i = 0; i < 4; i++)
		roots[1 + i] = all[i];
	roots[0] = NULL;
	collect_with(queues[_i]);
	live = heap_live();
	heap_collect();
	ck_assert_uint_eq(heap_live(), live);
	ck_assert_uint_gt(live, 4);
}
END_TEST

/* ---- What names many at once ---- */

static void **named;
static size_t named_count;
static unsigned callbacks, callbacks_most;

static void name_all(struct smal_marker *marker, void *user)
{
	(void)user;
	for (size_t i = 0; i < named_count; i++)
		smal_mark(marker, named[i]);
}

/* No other callback may be called while it is at work. */
static void *mark_stack(struct smal_marker *marker, void *object)
{
	callbacks_most = ++callbacks > callbacks_most ? callbacks : callbacks_most;
	name_all(marker, object);
	callbacks--;
	return NULL;
}

static void *mark_leaf(struct smal_marker *marker, void *object)
{
	callbacks_most = ++callbacks > callbacks_most ? callbacks : callbacks_most;
	smal_mark(marker, *(void **)object);
	callbacks--;
	return NULL;
}

static struct smal_type *make_callback_type(const char *name, smal_mark_function *mark)
{
	struct smal_type_desc desc = { .name = name, .bytes = 2 * sizeof(void *),
		                       .marking = SMAL_MARK_CALLBACK, .mark = mark };

	return heap_type(&desc);
}

/* Trees of pairs below as many names as there are; every so many is an object with a
 * callback. */
static uint64_t make_named(size_t count, size_t every, struct smal_type *leaf)
{
	uint64_t objects = 0;

	named = calloc(count, sizeof *named);
	ck_assert_ptr_nonnull(named);
	smal_gc_set_automatic(gc, 0);
	for (named_count = 0; named_count < count; named_count++) {
		bool calls = every != 0 && named_count % every == 0;

		named[named_count] = calls ? heap_alloc(leaf) : tree(pair, 2);
		if (calls)
			*(void **)named[named_count] = heap_alloc(pair);
		objects += calls ? 2 : 7;
	}
	return objects;
}

/* The queue is full long before all is named, and needs no second walk: but where so
 * many call back that they have no room beside it, or the trees have none in it. */
static void check_named(uint64_t objects, bool may_overflow)
{
	for (unsigned i = 4; i < QUEUES; i++) {
		bool overflowed = collect_with(queues[i]);

		ck_assert(may_overflow || !overflowed || queues[i] < 512);
		ck_assert_uint_eq(heap_live(), objects);
		ck_assert_uint_le(callbacks_most, 1);
	}
	named_count = 0;
	roots[0] = NULL;
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
	free(named);
}

static const size_t every[] = { 0, 500, 3 };

enum { EVERY = sizeof every / sizeof *every };

START_TEST(test_callback_names_many)
{
	struct smal_type *stack = make_callback_type("stack", mark_stack);
	struct smal_type *leaf = make_callback_type("leaf", mark_leaf);
	uint64_t objects = make_named(heap_scale(20000), every[_i], leaf);

	callbacks_most = 0;
	roots[0] = heap_alloc(stack);
	check_named(objects + 1, every[_i] != 0);
	ck_assert_uint_eq(callbacks_most, 1);
}
END_TEST

START_TEST(test_roots_name_many)
{
	struct smal_type *leaf = make_callback_type("leaf", mark_leaf);
	uint64_t objects = make_named(heap_scale(20000), every[_i], leaf);

	callbacks_most = 0;
	ck_assert_int_eq(smal_root_add_function(gc, name_all, NULL, "names"), SMAL_OK);
	check_named(objects, every[_i] != 0);
	ck_assert_uint_eq(callbacks_most, every[_i] != 0);
}
END_TEST

/* Many more words than the queue has room for, as of a stack. */
START_TEST(test_range_names_many)
{
	uint64_t objects = make_named(heap_scale(20000), 0, NULL);
	void *const *limit = named + named_count;

	ck_assert_int_eq(smal_root_add_range(gc, named, limit, "named"), SMAL_OK);
	for (size_t words = 1; words <= 2048; words *= 2) {
		ck_assert(!collect_with(words) || words < 2048);
		ck_assert_uint_eq(heap_live(), objects);
	}
	ck_assert_int_eq(smal_root_remove(gc, named), SMAL_OK);
	free(named);
}
END_TEST

static Suite *queue_suite(void)
{
	Suite *suite = suite_create("queue");
	TCase *deep = tcase_create("deep");
	TCase *overflow = tcase_create("overflow");

	tcase_add_checked_fixture(deep, begin, heap_end);
	tcase_add_loop_test(deep, test_deep, 0, CHAINS);
	suite_add_tcase(suite, deep);

	tcase_add_checked_fixture(overflow, begin, heap_end);
	tcase_add_test(overflow, test_tails_need_no_queue);
	tcase_add_loop_test(overflow, test_lists, 0, QUEUES);
	tcase_add_loop_test(overflow, test_trees, 0, QUEUES);
	tcase_add_loop_test(overflow, test_arrays, 0, QUEUES);
	tcase_add_loop_test(overflow, test_larger_queue, 0, QUEUES);
	tcase_add_loop_test(overflow, test_graphs, 0, QUEUES);
	tcase_add_loop_test(overflow, test_callback_names_many, 0, EVERY);
	tcase_add_loop_test(overflow, test_roots_name_many, 0, EVERY);
	tcase_add_test(overflow, test_range_names_many);
	suite_add_tcase(suite, overflow);
	return suite;
}

int main(void)
{
	return test_main(queue_suite);
}
