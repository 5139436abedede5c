/* SPDX-License-Identifier: MIT */
/*
 * check_sweep.c: what was not reached is free: its slots are used again, its
 * empty buffers go back; a free callback is called exactly once for each dead
 * object, when the program asks and never inside of an allocation, and it may
 * allocate and free others.
 */
#include "test/collector.h"

#include <smal/gc/gc.h>

#include <string.h>
#include <unistd.h>

/* ---- Buffers ---- */

START_TEST(test_empty_buffers_go_back)
{
	static const size_t sizes[] = { 16, 24, 100, 5000, 9000, 100000, 200000, 5000000 };
	struct smal_space_stats before, after;
	struct smal_type_desc desc = { .name = "t" };
	struct smal_stats stats;

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		size_t buffer = sizes[s] <= 8192 ? 65536 : sizes[s] <= 131072 ? 1 << 20 : 0;
		struct smal_type *type;

		desc.bytes = sizes[s];
		type = heap_type(&desc);
		smal_get_space_stats(&before);
		for (size_t bytes = 0; bytes < (size_t)8 << 20; bytes += sizes[s])
			heap_alloc(type);
		smal_type_get_stats(type, &stats);
		ck_assert_uint_ge(stats.heap_bytes, (size_t)8 << 20);
		heap_collect();
		ck_assert_uint_eq(heap_live(), 0);
		/* The thread may keep the buffer of its hole, and nothing else. */
		smal_type_get_stats(type, &stats);
		ck_assert_uint_le(stats.heap_bytes, buffer);
		ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
		ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
		heap_collect();
		smal_type_get_stats(type, &stats);
		ck_assert_uint_eq(stats.heap_bytes, 0);
		smal_get_space_stats(&after);
		ck_assert_uint_le(after.used_bytes, before.used_bytes);
	}
}
END_TEST

/* smal_trim gives all of it to the system, also what smal_free emptied. */
START_TEST(test_trim)
{
	enum { OBJECTS = 2000 };
	static void *objects[OBJECTS];
	struct smal_type *text = heap_text_type();
	struct smal_space_stats stats;
	struct smal_gc_stats counts;

	for (int i = 0; i < OBJECTS; i++)
		objects[i] = memset(heap_alloc_bytes(text, 3000), 1, 3000);
	roots[0] = heap_alloc_bytes(text, 3000);
	for (int i = 0; i < OBJECTS; i++)
		ck_assert_int_eq(smal_free(thread, objects[i]), SMAL_OK);
	ck_assert_uint_ge(smal_trim(thread), (size_t)OBJECTS * 3000 * 9 / 10);
	heap_check();
	smal_get_space_stats(&stats);
	ck_assert_uint_eq(stats.dirty_bytes, 0);
	smal_gc_get_stats(gc, &counts);
	ck_assert_uint_le(counts.objects.heap_bytes, 2 * 65536);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1);
	smal_trim(thread);
	smal_get_space_stats(&stats);
	ck_assert_uint_eq(stats.dirty_bytes, 0);
	roots[1] = heap_alloc_bytes(text, 3000);
	heap_check();
}
END_TEST

/* ---- Buffers with little in them ---- */

enum { SPARSE_BYTES = 48, SPARSE_EVERY = 1000, SPARSE_KEPT = 400, SPARSE_DECAY_MS = 20 };

static struct smal_type *sparse_type;

static void begin_sparse(void)
{
	static const uintptr_t first = 1;
	const struct smal_type_desc desc = { .name = "sparse", .bytes = SPARSE_BYTES,
		                             .marking = SMAL_MARK_LAYOUT,
		                             .layout = { .bits = &first, .words = 1 } };
	struct smal_gc_options options = { .exact_stacks = 1, .pace = SMAL_PACE_OFF,
		                           .decay_ms = SPARSE_DECAY_MS };

	heap_begin(&options);
	sparse_type = heap_type(&desc);
}

/* Of all objects that are made here, each thousandth lives, and all its bytes are 1 but the
 * first word: none of their buffers is empty then. New ones are zero, wherever they lie. */
static void make_sparse(void)
{
	static const char zeroes[SPARSE_BYTES];

	roots[0] = NULL;
	for (int i = 0; i < SPARSE_KEPT * SPARSE_EVERY; i++) {
		void **object = heap_alloc(sparse_type);

		EXPECT(memcmp(object, zeroes, sizeof zeroes) == 0);
		memset(object, 1, SPARSE_BYTES);
		*object = NULL;
		if (i % SPARSE_EVERY != 0)
			continue;
		*object = roots[0];
		roots[0] = object;
	}
}

/* They are as they were. */
static void check_sparse(void)
{
	int count = 0;

	for (void **object = roots[0]; object != NULL; object = *object, count++)
		for (int at = sizeof *object; at < SPARSE_BYTES; at++)
			EXPECT(((const char *)object)[at] == 1);
	ck_assert_int_eq(count, SPARSE_KEPT);
}

/* A page for each of them stays, and what else there is: of 19 MB of buffers. */
static size_t sparse_bytes(void)
{
	return (size_t)SPARSE_KEPT * (size_t)sysconf(_SC_PAGESIZE) + 4 * MIB;
}

static bool pages_are_back(size_t before)
{
	return test_private_dirty_bytes() <= before + sparse_bytes();
}

static bool can_measure(void)
{
	return test_private_dirty_bytes() != TEST_UNKNOWN && !test_is_slow() &&
	       sysconf(_SC_PAGESIZE) <= 4096;
}

/* smal_trim gives the free pages back between what lives. */
START_TEST(test_trim_sparse)
{
	size_t before = test_private_dirty_bytes(), heap_bytes;

	make_sparse();
	heap_collect();
	heap_bytes = smal_gc_heap_bytes(gc);
	smal_trim(thread);
	ck_assert_uint_ge(smal_gc_heap_bytes(gc), heap_bytes - 2 * 65536);
	if (can_measure())
		ck_assert_uint_le(test_private_dirty_bytes(), before + sparse_bytes());
	check_sparse();
	/* What has gone is there again, and zero. */
	make_sparse();
	heap_collect();
	check_sparse();
	ck_assert_uint_le(smal_gc_heap_bytes(gc), heap_bytes * 3 / 2);
}
END_TEST

/* Collections do, where nobody has allocated for the decay time, and not before. */
START_TEST(test_sparse_ages)
{
	size_t before = test_private_dirty_bytes();

	make_sparse();
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert(!can_measure() || !pages_are_back(before));
	for (int i = 0; i < 1000 && can_measure() && !pages_are_back(before); i++) {
		usleep(SPARSE_DECAY_MS * 1000);
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	}
	if (can_measure())
		ck_assert_uint_le(test_private_dirty_bytes(), before + sparse_bytes());
	heap_check();
	check_sparse();
	make_sparse();
	check_sparse();
}
END_TEST

/* What is allocated from between collections stays as it is. */
START_TEST(test_sparse_in_use)
{
	struct smal_space_counts before, after;

	make_sparse();
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	smal_space_get_counts(gc->space, &before);
	for (int i = 0; i < 10; i++) {
		make_sparse();
		usleep(SPARSE_DECAY_MS * 1000);
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	}
	smal_space_get_counts(gc->space, &after);
	/* But for empty buffers, and those that fewer survivors than before are in. */
	ck_assert_uint_le(after.discards - before.discards, 40);
	check_sparse();
}
END_TEST

/* Half of all slots die, at random: the others fill exactly these again. */
START_TEST(test_slots_are_used_again)
{
	enum { OBJECTS = 20000 };
	struct smal_type *array = heap_array_type(), *pair = heap_pair_type();
	void **all = roots[0] = heap_alloc_bytes(array, OBJECTS * sizeof *all);
	struct smal_stats before, after;
	struct test_random random;

	test_random_init(&random, 1);
	for (int i = 0; i < OBJECTS; i++)
		all[i] = memset(heap_alloc(pair), 0xff, 16);
	smal_type_get_stats(pair, &before);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < OBJECTS; i++)
			if (test_random_below(&random, 2) == 0)
				all[i] = NULL;
		heap_collect();
		for (int i = 0; i < OBJECTS; i++) {
			if (all[i] != NULL)
				continue;
			all[i] = heap_alloc(pair);
			EXPECT(((uintptr_t *)all[i])[0] == 0 && ((uintptr_t *)all[i])[1] == 0);
			memset(all[i], 0xff, 16);
		}
		smal_type_get_stats(pair, &after);
		ck_assert_uint_le(after.heap_bytes, before.heap_bytes + 65536);
	}
}
END_TEST

/* ---- Free callbacks ---- */

struct thing {
	uint32_t id, check;
	void *other;
};

enum { THINGS = 20000 };

/* Calls of the callback, by the thing's id; and the things. */
static unsigned char calls[THINGS];
static uintptr_t hidden[THINGS];
static uint32_t ids;
static bool allocating;
/* What a callback does besides counting. */
static void (*also)(struct thing *thing);
static struct smal_type *thing_type, *large_type, *pair_type;

static void free_thing(void *object, void *user)
{
	struct thing *thing = object;

	EXPECT(user == &ids);
	EXPECT(!allocating);
	EXPECT(thing->id < ids && thing->check == ~thing->id);
	EXPECT(HIDE(thing) == hidden[thing->id]);
	EXPECT(calls[thing->id] == 0);
	calls[thing->id]++;
	if (also != NULL)
		also(thing);
}

static void *new_thing(struct smal_type *type)
{
	struct thing *thing;

	allocating = true;
	thing = smal_type_stride(type) != 0 ? heap_alloc(type) : heap_alloc_bytes(type, 150000);
	allocating = false;
	EXPECT(ids < THINGS);
	thing->id = ids++;
	thing->check = ~thing->id;
	hidden[thing->id] = HIDE(thing);
	return thing;
}

static void begin_things(void)
{
	struct smal_type_desc desc = { .name = "thing", .bytes = 40,
		                       .marking = SMAL_MARK_CONSERVATIVE, .free = free_thing,
		                       .user = &ids };

	heap_begin_exact();
	memset(calls, 0, sizeof calls);
	ids = 0;
	also = NULL;
	thing_type = heap_type(&desc);
	desc.name = "large thing";
	desc.bytes = 0;
	large_type = heap_type(&desc);
	pair_type = heap_pair_type();
}

static unsigned called(void)
{
	unsigned sum = 0;

	for (uint32_t i = 0; i < ids; i++)
		sum += calls[i];
	return sum;
}

static uint64_t pending(struct smal_type *type)
{
	struct smal_stats stats;

	smal_type_get_stats(type, &stats);
	return stats.pending_objects;
}

/* A list of things, the newest first, in a root. */
static void grow_list(int root, struct smal_type *type, int count)
{
	for (int i = 0; i < count; i++) {
		struct thing *thing = new_thing(type);

		thing->other = roots[root];
		roots[root] = thing;
	}
}

START_TEST(test_called_once)
{
	grow_list(0, thing_type, 5000);
	grow_list(1, thing_type, 5000);
	grow_list(2, large_type, 20);
	grow_list(3, large_type, 20);
	heap_collect();
	ck_assert_uint_eq(called(), 0);
	roots[0] = roots[2] = NULL;
	heap_collect();
	ck_assert_uint_eq(called(), 5020);
	heap_collect();
	ck_assert_uint_eq(called(), 5020);
	ck_assert_uint_eq(heap_live(), 5020);
	grow_list(0, thing_type, 5000);
	heap_collect();
	ck_assert_uint_eq(called(), 5020);
	roots[0] = roots[1] = roots[2] = roots[3] = NULL;
	heap_collect();
	ck_assert_uint_eq(called(), 15040);
}
END_TEST

/* The end of the collector is the end of all that is left, also of what was
 * found dead before and not yet told. */
START_TEST(test_called_at_destroy)
{
	begin_things();
	grow_list(0, thing_type, 3000);
	grow_list(1, large_type, 10);
	grow_list(2, thing_type, 100);
	roots[2] = NULL;
	smal_gc_set_torture(gc, 1);
	roots[3] = heap_alloc(pair_type);
	smal_gc_set_torture(gc, 0);
	ck_assert_uint_eq(called(), 0);
	ck_assert_uint_eq(pending(thing_type), 100);
	heap_end();
	ck_assert_uint_eq(called(), 3110);
}
END_TEST

/* A collection that allocation starts leaves them pending: neither objects nor
 * free, and marked by nobody. */
START_TEST(test_pending)
{
	uint32_t first;

	grow_list(0, thing_type, 1000);
	grow_list(1, large_type, 5);
	first = ids;
	roots[2] = roots[0];
	roots[0] = roots[1] = NULL;
	roots[2] = NULL;
	smal_gc_set_torture(gc, 1);
	for (int i = 0; i < 10; i++) {
		grow_list(3, thing_type, 1);
		heap_check();
		ck_assert_uint_eq(pending(thing_type), 1000);
		ck_assert_uint_eq(pending(large_type), 5);
		ck_assert_uint_eq(called(), 0);
		/* Even a root does not bring one back. */
		roots[4] = (void *)~hidden[500];
		roots[5] = (void *)~hidden[1003];
	}
	smal_gc_set_torture(gc, 0);
	for (uint32_t i = 0; i < first; i += 50) {
		ck_assert_ptr_null(smal_type_of((void *)~hidden[i]));
		ck_assert_ptr_null(smal_base(thread, ~hidden[i]));
	}
	ck_assert_int_eq(smal_free(thread, roots[4]), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_type_destroy(large_type), SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	ck_assert_uint_eq(smal_run_frees(thread), 1005);
	ck_assert_uint_eq(called(), 1005);
	ck_assert_uint_eq(smal_run_frees(thread), 0);
	heap_check();
	ck_assert_uint_eq(pending(thing_type) + pending(large_type), 0);
	ck_assert_uint_eq(heap_live(), 10);
}
END_TEST

START_TEST(test_free_calls)
{
	struct thing *thing = new_thing(thing_type), *large = new_thing(large_type);

	ck_assert_int_eq(smal_free(thread, thing), SMAL_OK);
	ck_assert_int_eq(smal_free(thread, large), SMAL_OK);
	ck_assert_uint_eq(called(), 2);
	ck_assert_int_eq(smal_free(thread, thing), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	heap_collect();
	ck_assert_uint_eq(called(), 2);
}
END_TEST

/* ---- Callbacks that do something ---- */

static void allocate(struct thing *thing)
{
	/* Of its own kind, which is being walked, and of others. */
	if (ids < THINGS - 10 && thing->id % 3 == 0)
		grow_list(6, thing_type, 1);
	if (ids < THINGS - 10 && thing->id % 50 == 0)
		grow_list(6, large_type, 1);
	heap_alloc(pair_type);
}

/* New things are live, and are told when they die; none is forgotten. */
START_TEST(test_callback_allocates)
{
	also = allocate;
	for (int round = 0; round < 8; round++) {
		unsigned before = called();

		grow_list(0, thing_type, 700);
		grow_list(1, large_type, 3);
		grow_list(2, thing_type, 50);
		roots[0] = roots[1] = NULL;
		if (round % 2 == 0) {
			smal_gc_set_torture(gc, 1);
			roots[3] = heap_alloc(pair_type);
			smal_gc_set_torture(gc, 0);
			heap_check();
			smal_run_frees(thread);
		}
		heap_collect();
		ck_assert_uint_eq(pending(thing_type) + pending(large_type), 0);
		ck_assert_uint_ge(called() - before, 703);
		if (round % 3 == 0)
			roots[6] = NULL;
	}
	also = NULL;
	memset(roots, 0, sizeof roots);
	heap_collect();
	ck_assert_uint_eq(called(), ids);
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

/* Things that are live, in an array of words that no marker understands. */
static uint32_t victims_first, victims_limit;

static void free_victim(struct thing *thing)
{
	(void)thing;
	if (victims_first < victims_limit)
		EXPECT(smal_free(thread, (void *)~hidden[victims_first++]) == SMAL_OK);
}

static void keep_victims(struct smal_marker *marker, void *user)
{
	(void)user;
	for (uint32_t i = victims_first; i < victims_limit; i++)
		smal_mark(marker, (void *)~hidden[i]);
}

/* The dead and the live lie in the same, full buffers: freeing one of the live
 * from a callback changes the list that is being walked. */
START_TEST(test_callback_frees_others)
{
	struct smal_type *types[] = { thing_type, large_type };

	victims_first = victims_limit = 0;
	ck_assert_int_eq(smal_root_add_function(gc, keep_victims, NULL, NULL), SMAL_OK);
	for (int round = 0; round < 6; round++) {
		int count = round % 2 == 0 ? 2600 : 12;
		unsigned before = called();

		/* First half live, second half dead; and slot by slot in turns. */
		roots[0] = roots[1] = NULL;
		victims_first = ids;
		for (int i = 0; i < count / 2; i++) {
			new_thing(types[round % 2]);
			victims_limit = ids;
		}
		for (int i = 0; i < count / 2; i++)
			new_thing(types[round % 2]);
		also = free_victim;
		if (round < 3) {
			heap_collect();
		} else {
			smal_gc_set_torture(gc, 1);
			roots[3] = heap_alloc(pair_type);
			smal_gc_set_torture(gc, 0);
			smal_run_frees(thread);
		}
		also = NULL;
		heap_check();
		ck_assert_uint_eq(pending(thing_type) + pending(large_type), 0);
		ck_assert_uint_eq(victims_first, victims_limit);
		/* The dead, and one victim for each of them and for each victim. */
		ck_assert_uint_eq(called() - before, count);
	}
	heap_collect();
	ck_assert_uint_eq(called(), ids);
}
END_TEST

static enum smal_error refused[4];
static size_t run_inside;

static void misbehave(struct thing *thing)
{
	struct smal_gc_stats stats;

	refused[0] = smal_collect(thread);
	refused[1] = smal_check(thread);
	refused[2] = smal_free(thread, thing);
	refused[3] = smal_thread_detach(thread);
	run_inside = smal_run_frees(thread);
	memset(&stats, 0xff, sizeof stats);
	ck_assert_int_eq(smal_each_object(thread, NULL, NULL), -1);
}

START_TEST(test_callback_misbehaves)
{
	new_thing(thing_type);
	also = misbehave;
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	ck_assert_int_eq(refused[0], SMAL_ERROR_BUSY);
	ck_assert_int_eq(refused[1], SMAL_ERROR_BUSY);
	ck_assert_int_eq(refused[2], SMAL_ERROR_INVALID);
	ck_assert_int_eq(refused[3], SMAL_ERROR_BUSY);
	ck_assert_uint_eq(run_inside, 0);
	ck_assert_uint_ge(told.count, 5);
	told_begin();
	ck_assert_uint_eq(called(), 1);
}
END_TEST

/* At random: objects of both kinds, ways of dying, and callbacks. */
START_TEST(test_random)
{
	size_t steps = heap_must_be_small() ? 1500 : heap_scale(18000);
	struct test_random random;

	test_random_init(&random, 2);
	for (size_t step = 0; step < steps; step++) {
		int root = (int)test_random_below(&random, ROOTS);
		struct smal_type *type =
			test_random_below(&random, 200) == 0 ? large_type : thing_type;

		if (test_random_below(&random, 400) == 0)
			roots[root] = NULL;
		else if (test_random_below(&random, 10) != 0)
			grow_list(root, type, 1);
		else
			EXPECT(smal_free(thread, new_thing(type)) == SMAL_OK);
		switch (test_random_below(&random, 1000)) {
		case 0:
			heap_collect();
			ck_assert_uint_eq(pending(thing_type) + pending(large_type), 0);
			break;
		case 1:
			smal_gc_set_torture(gc, (unsigned)test_random_below(&random, 20));
			break;
		case 2:
			also = test_random_below(&random, 3) == 0 ? allocate : NULL;
			break;
		case 3:
			smal_run_frees(thread);
			heap_check();
			break;
		}
		if (ids > THINGS - 100)
			break;
	}
	also = NULL;
	memset(roots, 0, sizeof roots);
	heap_collect();
	ck_assert_uint_eq(called(), ids);
}
END_TEST

static Suite *sweep_suite(void)
{
	Suite *suite = suite_create("sweep");
	TCase *memory = tcase_create("memory");
	TCase *sparse = tcase_create("sparse");
	TCase *callbacks = tcase_create("callbacks");
	TCase *end = tcase_create("end");

	tcase_add_checked_fixture(memory, heap_begin_exact, heap_end);
	tcase_add_test(memory, test_empty_buffers_go_back);
	tcase_add_test(memory, test_trim);
	tcase_add_test(memory, test_slots_are_used_again);
	suite_add_tcase(suite, memory);

	tcase_add_checked_fixture(sparse, begin_sparse, heap_end);
	tcase_add_test(sparse, test_trim_sparse);
	tcase_add_test(sparse, test_sparse_ages);
	tcase_add_test(sparse, test_sparse_in_use);
	suite_add_tcase(suite, sparse);

	tcase_add_checked_fixture(callbacks, begin_things, heap_end);
	tcase_add_test(callbacks, test_called_once);
	tcase_add_test(callbacks, test_pending);
	tcase_add_test(callbacks, test_free_calls);
	tcase_add_test(callbacks, test_callback_allocates);
	tcase_add_test(callbacks, test_callback_frees_others);
	tcase_add_test(callbacks, test_callback_misbehaves);
	tcase_add_test(callbacks, test_random);
	suite_add_tcase(suite, callbacks);

	tcase_add_test(end, test_called_at_destroy);
	suite_add_tcase(suite, end);
	return suite;
}

int main(void)
{
	return test_main(sweep_suite);
}
