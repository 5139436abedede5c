/* SPDX-License-Identifier: MIT */
/*
 * check_team.c: several threads that mark one heap: whatever its shape, what is
 * reachable survives and nothing else does, and they do share the work.
 *
 * Every heap is marked by 2, 3 and 4 threads. A witness is an object with a mark
 * callback: it tells which threads marked. Collections are repeated until helpers
 * were seen, for it is the system that says when a thread that was woken runs.
 */
#include "test/crew.h"

#include <smal/base/atomic.h>
#include <smal/gc/crew.h>
#include <smal/gc/gc.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WITNESSES = 2000, PATIENCE = 300 };

/* Enough objects for several threads, however slow the program is. */
static size_t many(size_t n)
{
	return heap_must_be_small() ? n / 100 : n;
}

static const unsigned markers[] = { 2, 3, 4 };
enum { MARKERS = sizeof markers / sizeof *markers };

static struct smal_type *pair, *array, *text, *witness, *mortal;
static volatile uint32_t on_helpers, on_collector, bad_masks, freed;

/* ---- Witnesses ---- */

struct witness {
	void *left, *right, *tail;
};

static void *mark_witness(struct smal_marker *marker, void *object)
{
	struct witness *at = object;

	smal_atomic_add_u32(smal_crew_is_here() ? &on_helpers : &on_collector, 1);
	smal_mark(marker, at->left);
	smal_mark_array(marker, &at->right, 1);
	return at->tail;
}

static void count_freed(void *object, void *user)
{
	(void)object;
	(void)user;
	smal_atomic_add_u32(&freed, 1);
}

static struct smal_type *team_type(const char *name, size_t bytes)
{
	struct smal_type_desc desc = { .name = name, .bytes = bytes,
		                       .marking = SMAL_MARK_CALLBACK, .mark = mark_witness };

	return heap_type(&desc);
}

static void begin_with(unsigned count, int signal)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF, .exact_stacks = signal == 0,
		                           .markers = count, .stop_signal = signal };
	struct smal_type_desc desc = { .name = "mortal", .bytes = 3 * sizeof(void *),
		                       .marking = SMAL_MARK_CONSERVATIVE, .free = count_freed };

	heap_begin(&options);
	pair = heap_pair_type();
	array = heap_array_type();
	text = heap_text_type();
	witness = team_type("witness", sizeof(struct witness));
	mortal = heap_type(&desc);
	on_helpers = on_collector = freed = 0;
}

/* A witness in front of two objects that are roots already. */
static void *see(void *left, void *right)
{
	struct witness *at;

	roots[6] = left;
	roots[7] = right;
	at = heap_alloc(witness);
	at->left = left;
	at->right = right;
	roots[6] = roots[7] = NULL;
	return at;
}

/* Collects until helpers were seen; each time, so many objects are live. */
static void expect_live(uint64_t live)
{
	int patience = heap_must_be_small() || gc->tool_watches ? 2 : PATIENCE;

	for (int i = 0; i < 2 || (i < patience && on_helpers == 0); i++) {
		heap_collect();
		ck_assert_uint_eq(heap_live(), live);
	}
}

/* After the heap is gone, so is everything; and threads took part, if there can be any.
 * A small heap is marked by one, and Valgrind sees one. */
static void expect_end(bool shared)
{
	if (shared && on_helpers == 0 && !gc->tool_watches)
		fprintf(stderr, "check_team: no helper was seen (%u threads)\n",
		        smal_crew_prepare(1));
	if (shared && !heap_must_be_small() && !gc->tool_watches && smal_crew_prepare(1) != 0)
		ck_assert_uint_gt(on_helpers, 0);
	memset(roots, 0, sizeof roots);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
	heap_end();
}

/* ---- Shapes ---- */

/* n witnesses below an array, each with what `make` makes of its number; returns the
 * objects. */
static uint64_t fill(size_t n, uint64_t (*make)(void **slot, size_t i))
{
	void **heads = roots[0] = heap_alloc_bytes(array, n * sizeof *heads);
	uint64_t objects = 1;

	for (size_t i = 0; i < n; i++) {
		objects += 1 + make(&roots[1], i);
		heads[i] = see(roots[1], NULL);
		roots[1] = NULL;
	}
	return objects;
}

static uint64_t make_list(void **slot, size_t i)
{
	(void)i;
	for (int j = 0; j < 50; j++)
		*slot = heap_cons(pair, NULL, *slot);
	return 50;
}

static void **tree(unsigned depth)
{
	void **object = heap_alloc(pair);

	if (depth > 0) {
		object[0] = tree(depth - 1);
		object[1] = tree(depth - 1);
	}
	return object;
}

static uint64_t make_tree(void **slot, size_t i)
{
	(void)i;
	*slot = tree(5);
	return 63;
}

/* Sizes of every kind of buffer, and odd multiples of 8. */
static uint64_t make_sizes(void **slot, size_t i)
{
	static const size_t bytes[] = { 24, 40, 56, 100, 1000, 5000, 24, 20000, 100000, 300000 };
	static struct smal_type **const leaves[] = { &text, &array };
	size_t count = i % 100 == 0 ? 10 : 7;
	void **row = *slot = heap_alloc_bytes(array, (2 * count + 1) * sizeof *row);

	for (size_t j = 0; j < count; j++) {
		void **object = row[2 * j] = heap_alloc_bytes(*leaves[j % 2], bytes[j]);

		if (j % 2 == 1)
			object[bytes[j] / sizeof *object - 1] = row[2 * j + 1] =
				heap_cons(pair, object, NULL);
	}
	return 1 + count + count / 2;
}

static uint64_t make_types(void **slot, size_t i)
{
	void **object;

	(void)i;
	*slot = see(*slot, NULL);
	object = heap_alloc(mortal);
	object[2] = *slot;
	*slot = object;
	*slot = heap_cons(pair, *slot, *slot);
	*slot = see(*slot, *slot);
	return 4;
}

static const struct shape {
	uint64_t (*make)(void **slot, size_t i);
	size_t count;
} shapes[] = { { make_list, 2000 }, { make_tree, 1000 }, { make_sizes, 4000 }, { make_types, 8000 } };

enum { SHAPES = sizeof shapes / sizeof *shapes };

START_TEST(test_shapes)
{
	const struct shape *shape = &shapes[_i % SHAPES];
	uint64_t objects;

	begin_with(markers[_i / SHAPES], 0);
	objects = fill(many(shape->count), shape->make);
	expect_live(objects);
	expect_end(true);
	if (shape->make == make_types)
		ck_assert_uint_eq(freed, many(shape->count));
}
END_TEST

/* Anything may lead to anything. A part of it is cut off: those die. */
START_TEST(test_graph)
{
	size_t count = many(60000), half = count / 2;
	struct witness **all;
	struct test_random random;
	uint64_t live;

	begin_with(markers[_i], 0);
	test_random_init(&random, 7);
	all = roots[0] = heap_alloc_bytes(array, count * sizeof *all);
	for (size_t i = 0; i < count; i++)
		all[i] = heap_alloc(witness);
	for (size_t i = 0; i < count; i++) {
		/* Nothing leads from the first half to the second. */
		size_t limit = i < half ? half : count;

		all[i]->left = all[test_random_below(&random, limit)];
		all[i]->right = all[test_random_below(&random, limit)];
		all[i]->tail = all[i + 1 == half ? 0 : (i + 1) % count];
	}
	live = count + 1;
	expect_live(live);
	roots[1] = all[0];
	roots[0] = NULL;
	expect_live(half);
	expect_end(true);
}
END_TEST

/* One array, and a range of roots outside of the heap, of a million words each. */
START_TEST(test_long_rows)
{
	size_t words = many(1000000), step = 50, objects = 1;
	void **row, **outside = calloc(words, sizeof *outside);

	begin_with(markers[_i], 0);
	ck_assert_ptr_nonnull(outside);
	ck_assert_int_eq(smal_root_add_range(gc, outside, outside + words, NULL), SMAL_OK);
	row = roots[0] = heap_alloc_bytes(array, words * sizeof *row);
	for (size_t i = 0; i < words; i += step, objects += 3) {
		row[i] = see(NULL, NULL);
		outside[words - 1 - i] = heap_cons(pair, see(NULL, NULL), NULL);
	}
	expect_live(objects);
	memset(outside, 0, words * sizeof *outside);
	expect_live(1 + objects / 3);
	ck_assert_int_eq(smal_root_remove(gc, outside), SMAL_OK);
	expect_end(true);
	free(outside);
}
END_TEST

/* Rows outside of the heap that a mark callback marks: by far more than a queue has
 * room for; and, by smal_mark_range, so long that a range of roots would be shared. */
struct fan {
	void **row;
	size_t words, is_range;
};

static void *mark_fan(struct smal_marker *marker, void *object)
{
	struct fan *fan = object;

	smal_atomic_add_u32(smal_crew_is_here() ? &on_helpers : &on_collector, 1);
	if (fan->is_range != 0)
		smal_mark_range(marker, fan->row, fan->row + fan->words);
	else
		smal_mark_array(marker, fan->row, fan->words);
	return NULL;
}

START_TEST(test_fans)
{
	enum { FANS = 12 };
	struct smal_type_desc desc = { .name = "fan", .bytes = sizeof(struct fan),
		                       .marking = SMAL_MARK_CALLBACK, .mark = mark_fan };
	size_t words = many(140000), step = 4;
	void **rows[FANS], **heads;
	struct smal_type *type;
	uint64_t objects = 1;

	begin_with(markers[_i], 0);
	type = heap_type(&desc);
	heads = roots[0] = heap_alloc_bytes(array, (size_t)FANS * 100 * sizeof *heads);
	for (size_t i = 0; i < FANS; i++) {
		struct fan *fan = heap_alloc(type);

		heads[i * 100] = fan;
		rows[i] = fan->row = calloc(words, sizeof(void *));
		ck_assert_ptr_nonnull(fan->row);
		fan->words = words;
		fan->is_range = i % 2;
		for (size_t j = 0; j < words; j += step, objects += 2)
			fan->row[j] = heap_cons(pair, heap_alloc_bytes(text, 24), NULL);
		/* And a few more, so that something waits while a fan is marked. */
		for (size_t j = 1; j < 100; j++, objects++)
			heads[i * 100 + j] = see(NULL, NULL);
	}
	expect_live(objects + FANS);
	expect_end(true);
	for (size_t i = 0; i < FANS; i++)
		free(rows[i]);
}
END_TEST

/* ---- What stands on marking ---- */

/* A chain of ephemerons: each one's value has the next one's key, and a tree that is
 * large enough for others to help with; the table of pairs sees all of it. */
START_TEST(test_ephemerons)
{
	size_t links = 8, wide = many(20000);
	uint64_t objects = 1 + links;
	void **held, **key;

	begin_with(markers[_i], 0);
	held = roots[0] = heap_alloc_bytes(array, links * sizeof *held);
	key = roots[1] = heap_alloc(pair);
	objects++;
	for (size_t i = 0; i < links; i++) {
		void **value = roots[2] = heap_alloc_bytes(array, wide * sizeof *value);

		/* Later ones come first in the walk. */
		held[links - 1 - i] = heap_ephemeron(key, value);
		for (size_t j = 0; j < wide; j++)
			value[j] = see(NULL, NULL);
		key = roots[3] = heap_alloc(pair);
		value[wide / 2] = see(key, NULL);
		objects += 1 + wide + 1;
	}
	/* In the middle of each, a witness was replaced: it dies. */
	roots[2] = roots[3] = NULL;
	expect_live(objects);
	roots[1] = NULL;
	expect_live(1 + links);
	expect_end(true);
}
END_TEST

/* Weak references are cleared, and notices come, for what died and nothing else. */
START_TEST(test_weak_and_finalizers)
{
	size_t count = many(20000);
	struct smal_queue *queue;
	struct smal_notice notice;
	struct smal_weak **weak;
	void **all;
	size_t notices = 0;

	begin_with(markers[_i], 0);
	ck_assert_int_eq(smal_queue_create(gc, &queue), SMAL_OK);
	all = roots[0] = heap_alloc_bytes(array, count * sizeof *all);
	weak = roots[1] = heap_alloc_bytes(array, count * sizeof *weak);
	for (size_t i = 0; i < count; i++) {
		all[i] = heap_cons(pair, see(NULL, NULL), NULL);
		weak[i] = smal_weak_create(thread, all[i], 0);
		EXPECT(weak[i] != NULL);
		if (i % 2 == 0)
			EXPECT(smal_finalizer_add(thread, queue, all[i], NULL, 0) != NULL);
	}
	heap_collect();
	for (size_t i = 0; i < count; i++) {
		EXPECT(smal_weak_get(weak[i]) == all[i]);
		if (i % 3 == 0)
			all[i] = NULL;
	}
	heap_collect();
	for (size_t i = 0; i < count; i++)
		EXPECT((smal_weak_get(weak[i]) != NULL) == (i % 3 != 0));
	while (smal_queue_take(thread, queue, &notice)) {
		EXPECT(smal_type_of(notice.object) == pair);
		EXPECT(smal_type_of(*(void **)notice.object) == witness);
		notices++;
	}
	ck_assert_uint_eq(notices, (count + 5) / 6);
	memset(roots, 0, sizeof roots);
	heap_collect();
	ck_assert_int_eq(smal_queue_destroy(queue), SMAL_OK);
	expect_end(false);
}
END_TEST

/* ---- Again and again ---- */

START_TEST(test_many_collections)
{
	size_t rounds = heap_scale(1000);
	uint64_t objects;

	begin_with(markers[_i], 0);
	objects = fill(many(WITNESSES / 4), make_tree);
	for (size_t i = 0; i < rounds; i++) {
		heap_alloc(mortal);
		EXPECT(smal_collect(thread) == SMAL_OK);
		EXPECT(freed == i + 1);
	}
	ck_assert_uint_eq(heap_live(), objects);
	expect_end(true);
}
END_TEST

/* Objects of any collector, which collected last. */
static uint64_t live_of(struct smal_gc *of)
{
	struct smal_gc_stats stats;

	smal_gc_get_stats(of, &stats);
	return stats.objects.live_objects - stats.objects.pending_objects;
}

static volatile uint32_t stop;

static void collect_own(struct member *member)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF, .exact_stacks = 1,
		                           .markers = 3 };
	struct smal_type_desc desc = { .name = "own", .bytes = sizeof(struct witness),
		                       .marking = SMAL_MARK_CALLBACK, .mark = mark_witness };
	size_t count = many(30000), rounds = heap_scale(100);
	struct smal_thread *self;
	struct smal_type *type;
	struct smal_gc *own;
	void *root = NULL;

	(void)member;
	EXPECT(smal_gc_create(&options, &own) == SMAL_OK);
	EXPECT(smal_thread_attach(own, &self) == SMAL_OK);
	EXPECT(smal_type_create(own, &desc, &type) == SMAL_OK);
	EXPECT(smal_root_add(own, &root, NULL) == SMAL_OK);
	for (size_t i = 0; i < count; i++) {
		struct witness *at = smal_alloc(self, type);

		EXPECT(at != NULL);
		/* A list and a half: the left ones have no lists of their own. */
		at->left = i % 2 == 0 ? root : NULL;
		if (i % 2 == 1) {
			at->tail = root;
			at->right = smal_alloc(self, type);
		}
		if (i % 2 == 0)
			at->tail = NULL;
		root = at;
	}
	for (size_t i = 0; i < rounds; i++) {
		EXPECT(smal_collect(self) == SMAL_OK);
		EXPECT(live_of(own) == count + count / 2);
	}
	EXPECT(smal_thread_detach(self) == SMAL_OK);
	EXPECT(smal_gc_destroy(own) == SMAL_OK);
}

/* Each thread a collector of its own: one has the crew, the others do without. */
START_TEST(test_collectors_at_once)
{
	begin_with(3, 0);
	crew_begin();
	crew_start(3, false, collect_own);
	crew_join();
	crew_end();
	expect_end(false);
}
END_TEST

static void mutate(struct member *member)
{
	size_t rounds = heap_scale(60);

	for (size_t round = 0; round < rounds; round++) {
		void *list = NULL, *slots[1] = { NULL };
		struct smal_frame frame;

		smal_frame_push(member->self, &frame, slots, 1);
		for (int i = 0; i < 500; i++) {
			struct witness *at = smal_alloc(member->self, witness);

			EXPECT(at != NULL);
			at->left = list;
			slots[0] = list = at;
			smal_poll(member->self);
		}
		EXPECT(smal_collect(member->self) == SMAL_OK);
		for (int i = 0; i < 500; i++, list = ((struct witness *)list)->left)
			EXPECT(smal_type_of(list) == witness);
		EXPECT(list == NULL);
		smal_frame_pop(member->self, &frame);
	}
}

/* Threads that allocate and collect beside each other, stopped as they poll, or by a
 * signal wherever they are: in the middle of getting the crew ready, too. */
START_TEST(test_mutators)
{
	begin_with(3, _i == 0 ? 0 : SIGUSR1);
	fill(many(WITNESSES), make_list);
	crew_begin();
	crew_start(4, true, mutate);
	crew_join();
	crew_end();
	if (_i == 0) {
		expect_end(true);
		return;
	}
	heap_end();
}
END_TEST

/* ---- The crew's own threads ---- */

static unsigned threads_of_process(void)
{
	char line[128];
	unsigned count = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		sscanf(line, "Threads: %u", &count);
	if (file != NULL)
		fclose(file);
	return count;
}

static void *mark_masked(struct smal_marker *marker, void *object)
{
	sigset_t now;

	if (smal_crew_is_here()) {
		pthread_sigmask(SIG_SETMASK, NULL, &now);
		for (int number = 1; number < 32; number++)
			if (number != SIGKILL && number != SIGSTOP &&
			    sigismember(&now, number) != 1)
				smal_atomic_store_u32(&bad_masks, 1);
	}
	return mark_witness(marker, object);
}

/* They start when they are wanted, have all signals blocked, change no errno, and end
 * with the last collector. */
START_TEST(test_threads)
{
	unsigned before = threads_of_process();
	struct smal_type_desc desc = { .name = "masked", .bytes = sizeof(struct witness),
		                       .marking = SMAL_MARK_CALLBACK, .mark = mark_masked };

	/* It has threads of its own. */
	if (CREW_UNDER_TSAN)
		return;
	for (int i = 0; i < 5; i++) {
		begin_with(4, 0);
		witness = heap_type(&desc);
		ck_assert_uint_eq(threads_of_process(), before);
		fill(many(WITNESSES), make_list);
		errno = 4711;
		heap_collect();
		heap_collect();
		ck_assert_int_eq(errno, 4711);
		ck_assert_uint_le(threads_of_process(), before + 3);
		expect_end(false);
		ck_assert_uint_eq(bad_masks, 0);
		/* The kernel's count comes down a little after a thread is joined. */
		for (int j = 0; j < 1000 && threads_of_process() != before; j++)
			usleep(1000);
		ck_assert_uint_eq(threads_of_process(), before);
	}
}
END_TEST

static void collect_in_child(uint64_t live)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		alarm(60);
		for (int i = 0; i < 20; i++)
			TEST_DEMAND(smal_collect(thread) == SMAL_OK);
		TEST_DEMAND(live_of(gc) == live);
		TEST_DEMAND(smal_thread_detach(thread) == SMAL_OK);
		TEST_DEMAND(smal_gc_destroy(gc) == SMAL_OK);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

static void collect_always(struct member *member)
{
	while (smal_atomic_load_u32(&stop) == 0)
		collect_own(member);
}

/* A child starts a crew of its own, whoever had it as the process forked. */
START_TEST(test_fork)
{
	size_t forks = heap_scale(20);
	uint64_t objects;

	if (CREW_UNDER_TSAN)
		return;
	begin_with(3, 0);
	objects = fill(many(WITNESSES), make_list);
	expect_live(objects);
	crew_begin();
	stop = 0;
	crew_start(2, false, collect_always);
	for (size_t i = 0; i < forks; i++)
		collect_in_child(objects);
	smal_atomic_store_u32(&stop, 1);
	crew_join();
	crew_end();
	expect_live(objects);
	expect_end(true);
}
END_TEST

static Suite *team_suite(void)
{
	Suite *suite = suite_create("team");
	TCase *marking = tcase_create("shapes"), *more = tcase_create("more");

	tcase_add_loop_test(marking, test_shapes, 0, MARKERS * SHAPES);
	tcase_add_loop_test(marking, test_graph, 0, MARKERS);
	tcase_add_loop_test(marking, test_long_rows, 0, MARKERS);
	tcase_add_loop_test(marking, test_fans, 0, MARKERS);
	suite_add_tcase(suite, marking);

	tcase_add_loop_test(more, test_ephemerons, 0, MARKERS);
	tcase_add_loop_test(more, test_weak_and_finalizers, 0, MARKERS);
	tcase_add_loop_test(more, test_many_collections, 0, MARKERS);
	tcase_add_test(more, test_collectors_at_once);
	tcase_add_loop_test(more, test_mutators, 0, 2);
	tcase_add_test(more, test_threads);
	tcase_add_test(more, test_fork);
	suite_add_tcase(suite, more);
	return suite;
}

int main(void)
{
	return test_main(team_suite);
}
