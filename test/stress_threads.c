/* SPDX-License-Identifier: MIT */
/*
 * stress_threads.c: threads that allocate, change, share, free and collect at once,
 * on stacks that are scanned, never see a thing whose contents are not what its maker
 * wrote; nor while threads are born and die in great number.
 *
 * A thing describes itself: its words follow from its tag. Each thread has things
 * that only its own stack holds; a ring hands things over, so that a thread checks,
 * changes and frees what another has made.
 */
#include <smal/gc/gc.h>

#include "test/crew.h"

#include <sched.h>
#include <signal.h>
#include <string.h>

enum { THREADS = 8, SLOTS = 48, RING = 64, LIST = 100, DEPTH = 6, LARGEST = 300000 };

enum what { LIST_CELL, TREE_NODE, BLOB };

struct thing {
	struct thing *left, *right;
	uint64_t tag;
	uint32_t words;
	uint32_t what;
};

static struct smal_type *node_type, *blob_type;
/* Roots; each is owned by whoever takes it out. */
static volatile AO_t ring[RING];
static volatile uint32_t go, made, freed;

static void begin(const struct smal_gc_options *options)
{
	static const uintptr_t left_and_right = 3;
	struct smal_type_desc node = { .name = "node", .bytes = sizeof(struct thing),
		                       .marking = SMAL_MARK_LAYOUT,
		                       .layout = { &left_and_right, 2, 0 } };
	struct smal_type_desc blob = { .name = "blob", .marking = SMAL_MARK_LAYOUT,
		                       .layout = { &left_and_right, 2, 0 } };

	heap_begin(options);
	crew_begin();
	node_type = heap_type(&node);
	blob_type = heap_type(&blob);
	go = made = freed = 0;
	memset((void *)ring, 0, sizeof ring);
	ck_assert_int_eq(smal_root_add_range(gc, (void *)ring, (void *)(ring + RING), "ring"),
	                 SMAL_OK);
}

/* ---- Things ---- */

static uint64_t word_of(uint64_t tag, size_t at)
{
	return (tag + at) * 0x9e3779b97f4a7c15;
}

static uint64_t *words_of(struct thing *thing)
{
	return (uint64_t *)(thing + 1);
}

static struct thing *make_node(struct smal_thread *self, enum what what, uint64_t tag,
                               struct thing *left, struct thing *right)
{
	struct thing *thing = smal_alloc(self, node_type);

	EXPECT(thing != NULL && thing->tag == 0 && thing->left == NULL && thing->right == NULL);
	*thing = (struct thing){ .left = left, .right = right, .tag = tag, .what = what };
	return thing;
}

static struct thing *make_blob(struct smal_thread *self, uint64_t tag, size_t bytes)
{
	struct thing *thing = smal_alloc_bytes(self, blob_type, sizeof *thing + bytes);

	EXPECT(thing != NULL && thing->tag == 0 && thing->left == NULL);
	EXPECT(smal_size(thing) >= sizeof *thing + bytes);
	thing->tag = tag;
	thing->what = BLOB;
	thing->words = (uint32_t)(bytes / sizeof(uint64_t));
	for (size_t i = 0; i < thing->words; i++) {
		EXPECT(words_of(thing)[i] == 0);
		words_of(thing)[i] = word_of(tag, i);
	}
	return thing;
}

static struct thing *make_list(struct smal_thread *self, uint64_t tag)
{
	struct thing *list = NULL;

	for (uint64_t i = LIST; i-- > 0;)
		list = make_node(self, LIST_CELL, tag + i, list, NULL);
	return list;
}

static struct thing *make_tree(struct smal_thread *self, uint64_t tag, unsigned depth)
{
	struct thing *left, *right;

	if (depth == 0)
		return NULL;
	left = make_tree(self, tag * 2, depth - 1);
	right = make_tree(self, tag * 2 + 1, depth - 1);
	return make_node(self, TREE_NODE, tag, left, right);
}

static void check_tree(const struct thing *tree, uint64_t tag, unsigned depth)
{
	EXPECT((tree != NULL) == (depth > 0));
	if (depth == 0)
		return;
	EXPECT(tree->tag == tag && tree->what == TREE_NODE);
	/* Mirrored or not. */
	check_tree(tree->left, tag * 2 + tree->words, depth - 1);
	check_tree(tree->right, tag * 2 + 1 - tree->words, depth - 1);
}

static void check_thing(struct thing *thing)
{
	const struct thing *cell;
	uint64_t tag = thing->tag, i = 0;

	switch ((enum what)thing->what) {
	case LIST_CELL:
		for (cell = thing; cell != NULL; cell = cell->left)
			EXPECT(cell->tag == tag + i++ && cell->what == LIST_CELL);
		EXPECT(i <= LIST);
		return;
	case TREE_NODE:
		check_tree(thing, tag, DEPTH);
		return;
	case BLOB:
		for (i = 0; i < thing->words; i++)
			EXPECT(words_of(thing)[i] == word_of(tag, i));
		return;
	}
	ck_abort_msg("not a thing: %u", thing->what);
}

static struct thing *make_thing(struct smal_thread *self, struct test_random *random)
{
	uint64_t tag = test_random_next(random) >> 16, limit = 1000;

	smal_atomic_add_u32(&made, 1);
	switch (test_random_below(random, 8)) {
	case 0:
		return make_list(self, tag);
	case 1:
		return make_tree(self, tag, DEPTH);
	case 2:
		limit = test_random_below(random, 16) == 0 ? LARGEST : limit;
		return make_blob(self, tag, test_random_below(random, limit));
	default:
		return make_blob(self, tag, test_random_below(random, limit));
	}
}

/* ---- What is done with them ---- */

static struct thing *exchange(struct thing *thing, size_t at)
{
	uintptr_t old;

	do {
		old = smal_atomic_load(&ring[at]);
	} while (!smal_atomic_cas(&ring[at], old, (uintptr_t)thing));
	return (struct thing *)old;
}

/* Changes what it refers to; what it is stays the same. */
static void change(struct smal_thread *self, struct thing *thing)
{
	struct thing *left = thing->left;

	switch ((enum what)thing->what) {
	case TREE_NODE:
		thing->left = thing->right;
		thing->right = left;
		thing->words ^= 1;
		return;
	case LIST_CELL:
		/* A cell is made anew. */
		if (left != NULL)
			thing->left = make_node(self, LIST_CELL, left->tag, left->left, NULL);
		return;
	case BLOB:
		/* Keeps another one, for no more than that. */
		thing->left = make_blob(self, thing->tag, 64);
		check_thing(thing->left);
	}
}

/* By hand: whole, where nobody else has a way to any part. */
static void free_thing(struct smal_thread *self, struct thing *thing)
{
	struct thing *next;

	smal_atomic_add_u32(&freed, 1);
	if (thing->what == TREE_NODE)
		return;
	for (; thing != NULL; thing = next) {
		next = thing->what == LIST_CELL ? thing->left : NULL;
		EXPECT(smal_free(self, thing) == SMAL_OK);
	}
}

static void step(struct smal_thread *self, struct test_random *random,
                 struct thing *volatile *slots)
{
	size_t at = test_random_below(random, SLOTS);
	struct thing *thing = slots[at];

	smal_poll(self);
	if (thing == NULL) {
		slots[at] = make_thing(self, random);
		return;
	}
	check_thing(thing);
	switch (test_random_below(random, 6)) {
	case 0:
		slots[at] = NULL;
		free_thing(self, thing);
		return;
	case 1:
		slots[at] = NULL;
		return;
	case 2:
	case 3:
		slots[at] = NULL;
		slots[at] = exchange(thing, test_random_below(random, RING));
		return;
	default:
		change(self, thing);
	}
}

static void use_things(struct smal_thread *self, uint64_t stream, size_t steps)
{
	struct thing *volatile slots[SLOTS] = { NULL };
	struct test_random random;

	test_random_init(&random, stream);
	for (size_t i = 0; i < steps; i++) {
		step(self, &random, slots);
		if (test_random_below(&random, 2000) == 0)
			EXPECT(smal_collect(self) == SMAL_OK);
		if (test_random_below(&random, 20000) == 0)
			EXPECT(smal_check(self) == SMAL_OK);
		if (test_random_below(&random, 500) == 0)
			EXPECT(smal_thread_leave(self) == SMAL_OK &&
			       smal_thread_enter(self) == SMAL_OK);
	}
	for (size_t at = 0; at < SLOTS; at++)
		if (slots[at] != NULL)
			check_thing(slots[at]);
}

static void end(void)
{
	for (size_t at = 0; at < RING; at++) {
		struct thing *thing = exchange(NULL, at);

		if (thing != NULL)
			check_thing(thing);
	}
	heap_collect();
	heap_collect();
	/* What words on this stack still name, with all that it refers to. */
	ck_assert_uint_lt(heap_live(), 2000);
	ck_assert_int_eq(smal_root_remove(gc, (void *)ring), SMAL_OK);
	crew_end();
	heap_end();
}

static const struct smal_gc_options options[] = {
	{ .pace_bytes = 4 << 20 },
	{ .pace_bytes = 4 << 20, .stop_signal = SIGPWR },
};

enum { OPTIONS = sizeof options / sizeof *options };

static size_t steps(void)
{
	return test_long() ? 3000000 : heap_scale(50000);
}

static void use(struct member *member)
{
	use_things(member->self, member->index, steps());
}

START_TEST(test_things)
{
	begin(&options[_i]);
	crew_start(THREADS, true, use);
	crew_join();
	ck_assert_uint_gt(made, steps() / 10);
	ck_assert_uint_gt(freed, steps() / 100);
	end();
}
END_TEST

/* ---- Births and deaths ---- */

static void *collect_again_and_again(void *argument)
{
	struct smal_thread *self;

	EXPECT(smal_thread_attach(gc, &self) == SMAL_OK);
	while (smal_atomic_load_u32(&go) == 0) {
		EXPECT(smal_collect(self) == SMAL_OK);
		/* Where there are few processors, others are to see it over. */
		sched_yield();
	}
	EXPECT(smal_thread_detach(self) == SMAL_OK);
	return argument;
}

static void be_born_and_die(struct member *member)
{
	EXPECT(smal_thread_attach(gc, &member->self) == SMAL_OK);
	use_things(member->self, smal_atomic_load_u32(&made), 20);
	/* Some forget. */
	if (member->index % 2 == 0)
		EXPECT(smal_thread_detach(member->self) == SMAL_OK);
}

/* Those of the living and those kept for the next. */
static size_t count_attachments(void)
{
	size_t count = 0;

	SMAL_LIST_EACH(link, &gc->threads)
		count++;
	SMAL_LIST_EACH(link, &gc->spare_threads)
		count++;
	return count;
}

START_TEST(test_births)
{
	unsigned births = test_long() ? 100000 : test_is_slow() ? 200 : 3000;
	pthread_t id;

	begin(&options[_i]);
	ck_assert_int_eq(pthread_create(&id, NULL, collect_again_and_again, NULL), 0);
	for (unsigned i = 0; i < births; i += THREADS) {
		crew_start(THREADS, false, be_born_and_die);
		crew_join();
	}
	smal_atomic_store_u32(&go, 1);
	ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
	ck_assert_int_eq(pthread_join(id, NULL), 0);
	ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
	/* Attachments are used again. */
	ck_assert_uint_le(count_attachments(), THREADS + 2);
	end();
}
END_TEST

static Suite *stress_suite(void)
{
	Suite *suite = suite_create("stress of threads");
	TCase *tcase = tcase_create("threads");

	tcase_add_loop_test(tcase, test_things, 0, OPTIONS);
	tcase_add_loop_test(tcase, test_births, 0, OPTIONS);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return test_main(stress_suite);
}
