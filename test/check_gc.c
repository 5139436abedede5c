/* SPDX-License-Identifier: MIT */
/*
 * check_gc.c: collectors come and go without a trace; several in a process do
 * not know each other, in one thread and in many; what a thread, a callback or
 * an observer may not do is refused, and nothing has changed.
 */
#include <smal/gc/gc.h>

#include "test/collector.h"

#include <pthread.h>
#include <string.h>

/* ---- Coming and going ---- */

/* Without Check's assertions, which keep memory of their own. */
static void live_and_die(unsigned i)
{
	struct smal_gc_options options = { .exact_stacks = 1 };
	struct smal_type_desc node = { .name = "node", .bytes = 32,
		                       .marking = SMAL_MARK_CONSERVATIVE };
	struct smal_type_desc text = { .name = "text" };
	struct smal_type *node_type, *text_type;

	EXPECT(smal_gc_create(&options, &gc) == SMAL_OK);
	EXPECT(smal_thread_attach(gc, &thread) == SMAL_OK);
	EXPECT(smal_type_create(gc, &node, &node_type) == SMAL_OK);
	EXPECT(smal_type_create(gc, &text, &text_type) == SMAL_OK);
	for (int j = 0; j < 4; j++) {
		EXPECT(smal_root_add(gc, &roots[j], "root") == SMAL_OK);
		EXPECT((roots[j] = smal_alloc(thread, node_type)) != NULL);
	}
	EXPECT(smal_alloc_bytes(thread, text_type, 1 + i % 1000) != NULL);
	if (i % 7 == 0)
		memset(smal_alloc_bytes(thread, text_type, 300000), 1, 4096);
	if (i % 2 == 0)
		EXPECT(smal_collect(thread) == SMAL_OK);
	EXPECT(smal_thread_detach(thread) == SMAL_OK);
	EXPECT(smal_gc_destroy(gc) == SMAL_OK);
}

/* Not the first thread: the system takes long to say where its stack is. */
static void *cycle(void *argument)
{
	unsigned cycles = *(unsigned *)argument;

	for (unsigned i = 0; i < cycles; i++)
		live_and_die(i);
	/* Free memory that waits for its time would count as resident. */
	EXPECT(smal_gc_create(NULL, &gc) == SMAL_OK);
	EXPECT(smal_thread_attach(gc, &thread) == SMAL_OK);
	smal_trim(thread);
	EXPECT(smal_thread_detach(thread) == SMAL_OK);
	EXPECT(smal_gc_destroy(gc) == SMAL_OK);
	return argument;
}

static void run_cycles(unsigned cycles)
{
	pthread_t id;
	void *result;

	ck_assert_int_eq(pthread_create(&id, NULL, cycle, &cycles), 0);
	ck_assert_int_eq(pthread_join(id, &result), 0);
	ck_assert_ptr_eq(result, &cycles);
}

START_TEST(test_cycles)
{
	size_t cycles = test_is_slow() ? 1000 : heap_scale(100000), resident, mappings;
	struct smal_space_stats before, after;

	told_begin();
	run_cycles(1000);
	smal_get_space_stats(&before);
	mappings = test_mappings();
	resident = test_resident_bytes();
	run_cycles((unsigned)cycles);
	told_nothing();
	smal_get_space_stats(&after);
	ck_assert_uint_eq(after.used_bytes, before.used_bytes);
	ck_assert_uint_eq(after.reserved_bytes, before.reserved_bytes);
	ck_assert_uint_eq(after.mappings, before.mappings);
	ck_assert_uint_le(after.committed_bytes, before.committed_bytes);
	ck_assert_uint_eq(after.os_failures, before.os_failures);
	if (test_mappings() != TEST_UNKNOWN && !test_is_slow())
		ck_assert_uint_le(test_mappings(), mappings + 2);
	if (test_resident_bytes() != TEST_UNKNOWN && !test_is_slow())
		/* Two huge pages are no leak; a byte a cycle would not be seen. */
		ck_assert_uint_le(test_resident_bytes(), resident + (4 << 20));
}
END_TEST

/* Attaching and detaching again and again costs nothing that stays. */
START_TEST(test_attach_cycles)
{
	struct smal_space_stats before, after;
	struct smal_type *pair = heap_pair_type();

	for (unsigned i = 0; i < 2000; i++) {
		void **object = heap_alloc(pair);

		object[1] = roots[0];
		roots[0] = object;
		if (i == 100)
			smal_get_space_stats(&before);
		EXPECT(smal_thread_detach(thread) == SMAL_OK);
		EXPECT(smal_thread_self(gc) == NULL);
		EXPECT(smal_thread_attach(gc, &thread) == SMAL_OK);
		EXPECT(smal_thread_self(gc) == thread);
	}
	smal_get_space_stats(&after);
	ck_assert_uint_eq(after.used_bytes, before.used_bytes);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2000);
}
END_TEST

/* What a collector leaves behind is nothing to the next one with its number. */
START_TEST(test_stale_objects)
{
	struct smal_type *text = heap_text_type();
	uintptr_t stale[3];

	for (int i = 0; i < 3; i++)
		stale[i] = (uintptr_t)heap_alloc_bytes(text, 100 + (size_t)i * 100000);
	heap_end();
	heap_begin_exact();
	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_null(smal_type_of((void *)stale[i]));
		ck_assert_ptr_null(smal_base(thread, stale[i]));
		roots[i] = (void *)stale[i];
	}
	heap_collect();
	ck_assert_uint_eq(heap_live(), 0);
}
END_TEST

START_TEST(test_options)
{
	struct smal_gc_options options = { .pace = (enum smal_pace)7 };
	struct smal_gc *other = NULL;

	ck_assert_int_eq(smal_gc_create(&options, &other), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	options = (struct smal_gc_options){ .pace_percent = 100000 };
	ck_assert_int_eq(smal_gc_create(&options, &other), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	options = (struct smal_gc_options){ .options_bytes = 1 << 20 };
	ck_assert_int_eq(smal_gc_create(&options, &other), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_gc_create(NULL, NULL), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_ptr_null(other);
	/* A program of an older library, whose structure was shorter. */
	options = (struct smal_gc_options){ .options_bytes = offsetof(struct smal_gc_options,
		                                                       limit_bytes),
		                            .limit_bytes = 1 };
	ck_assert_int_eq(smal_gc_create(&options, &other), SMAL_OK);
	ck_assert_uint_eq(other->options.limit_bytes, 0);
	ck_assert_int_eq(smal_gc_destroy(other), SMAL_OK);
	ck_assert_int_eq(smal_gc_destroy(NULL), SMAL_OK);
}
END_TEST

START_TEST(test_too_many)
{
	enum { WORDS = sizeof smal_process.owners / sizeof(AO_t) };
	static AO_t taken[WORDS];
	struct smal_space_stats before, after;
	struct smal_gc *other = NULL;

	for (int i = 0; i < WORDS; i++) {
		taken[i] = smal_process.owners[i];
		smal_process.owners[i] = ~(AO_t)0;
	}
	smal_get_space_stats(&before);
	ck_assert_int_eq(smal_gc_create(NULL, &other), SMAL_ERROR_TOO_MANY);
	smal_get_space_stats(&after);
	ck_assert_uint_eq(after.used_bytes, before.used_bytes);
	heap_end();
	/* The last number is as good as any. */
	for (int i = 0; i < WORDS; i++)
		smal_process.owners[i] = i < WORDS - 1 ? ~(AO_t)0 : ~(AO_t)0 >> 1;
	heap_begin_exact();
	ck_assert_uint_eq(gc->owner, SMAL_OWNERS - 1);
	roots[0] = heap_alloc(heap_pair_type());
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1);
	heap_end();
	for (int i = 0; i < WORDS; i++)
		smal_process.owners[i] = taken[i];
	heap_begin_exact();
}
END_TEST

/* ---- Several ---- */

enum { COLLECTORS = 5 };

START_TEST(test_several)
{
	struct smal_gc_options exact = { .exact_stacks = 1, .pace_bytes = 1 << 20 };
	static const uintptr_t both = 3;
	struct smal_type_desc desc = { .name = "pair", .bytes = 16, .marking = SMAL_MARK_LAYOUT,
		                       .layout = { &both, 2, 0 } };
	struct {
		struct smal_gc *gc;
		struct smal_thread *thread;
		struct smal_type *type;
		void **list;
	} one[COLLECTORS];
	size_t count = heap_scale(50000);

	for (int i = 0; i < COLLECTORS; i++) {
		ck_assert_int_eq(smal_gc_create(&exact, &one[i].gc), SMAL_OK);
		ck_assert_int_eq(smal_thread_attach(one[i].gc, &one[i].thread), SMAL_OK);
		ck_assert_int_eq(smal_type_create(one[i].gc, &desc, &one[i].type), SMAL_OK);
		one[i].list = NULL;
		ck_assert_int_eq(smal_root_add(one[i].gc, &one[i].list, NULL), SMAL_OK);
	}
	for (size_t n = 0; n < count; n++) {
		for (int i = 0; i < COLLECTORS; i++) {
			void **object = smal_alloc(one[i].thread, one[i].type);

			EXPECT(object != NULL);
			object[1] = one[i].list;
			/* The way to another collector's object keeps nothing there. */
			object[0] = one[(i + 1) % COLLECTORS].list;
			if (n % 4 == 0)
				one[i].list = object;
		}
	}
	for (int i = 0; i < COLLECTORS; i++) {
		struct smal_gc_stats counts;

		ck_assert_ptr_eq(smal_thread_self(one[i].gc), one[i].thread);
		ck_assert_int_eq(smal_collect(one[i].thread), SMAL_OK);
		smal_gc_get_stats(one[i].gc, &counts);
		ck_assert_uint_eq(counts.objects.live_objects, (count + 3) / 4);
		ck_assert_int_eq(smal_check(one[i].thread), SMAL_OK);
		/* An object of another is refused. */
		ck_assert_int_eq(smal_free(one[i].thread, one[(i + 1) % COLLECTORS].list),
		                 SMAL_ERROR_INVALID);
		told_once(SMAL_ERROR_INVALID);
	}
	for (int i = 0; i < COLLECTORS; i++) {
		ck_assert_int_eq(smal_thread_detach(one[i].thread), SMAL_OK);
		ck_assert_int_eq(smal_gc_destroy(one[i].gc), SMAL_OK);
		heap_check();
	}
}
END_TEST

struct worker {
	pthread_t id;
	uint64_t stream;
	unsigned rounds;
	const char *failed;
};

static const char *work(struct worker *worker)
{
	struct smal_gc_options options = { .pace_bytes = 1 << 20, .exact_stacks = 1 };
	struct smal_type_desc desc = { .name = "array", .marking = SMAL_MARK_CONSERVATIVE };
	struct smal_thread *self;
	struct smal_type *type;
	struct smal_gc *mine;
	struct test_random random;
	void *list[100] = { NULL };
	struct smal_frame frame;

	if (smal_gc_create(&options, &mine) != SMAL_OK ||
	    smal_thread_attach(mine, &self) != SMAL_OK ||
	    smal_type_create(mine, &desc, &type) != SMAL_OK)
		return "begin";
	test_random_init(&random, worker->stream);
	smal_frame_push(self, &frame, list, 100);
	for (unsigned i = 0; i < worker->rounds; i++) {
		size_t at = test_random_below(&random, 100);
		size_t bytes = 16 + ((size_t)1 << test_random_below(&random, 19));
		uintptr_t *object = smal_alloc_bytes(self, type, bytes);

		if (object == NULL || object[1] != 0)
			return "an object";
		object[0] = (uintptr_t)list[at];
		object[1] = worker->stream * 1000 + at;
		if (list[at] != NULL && ((uintptr_t *)list[at])[1] != object[1])
			return "contents";
		list[at] = object;
		if (test_random_below(&random, 20) == 0)
			list[at] = NULL;
		if (i % 500 == 0 && smal_collect(self) != SMAL_OK)
			return "smal_collect";
		if (i % 1000 == 0 && smal_check(self) != SMAL_OK)
			return "smal_check";
	}
	smal_frame_pop(self, &frame);
	if (smal_thread_detach(self) != SMAL_OK || smal_gc_destroy(mine) != SMAL_OK)
		return "end";
	return NULL;
}

static void *work_twice(void *argument)
{
	struct worker *worker = argument;

	worker->failed = work(worker);
	if (worker->failed == NULL)
		worker->failed = work(worker);
	return NULL;
}

/* A collector a thread, all at once, in the space that they share. */
START_TEST(test_threads)
{
	enum { WORKERS = 4 };
	struct worker workers[WORKERS];

	for (int i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ .stream = (uint64_t)i + 1,
			                      .rounds = (unsigned)heap_scale(10000) };
		ck_assert_int_eq(pthread_create(&workers[i].id, NULL, work_twice, &workers[i]), 0);
	}
	for (int i = 0; i < WORKERS; i++) {
		ck_assert_int_eq(pthread_join(workers[i].id, NULL), 0);
		ck_assert_msg(workers[i].failed == NULL, "%s", workers[i].failed);
	}
}
END_TEST

/* ---- Threads that may not ---- */

enum { CALLS = 8, MOST_CALLS = 16 };
static enum smal_error answers[MOST_CALLS];
static struct smal_type *victim;

static void *intrude(void *argument)
{
	answers[0] = smal_collect(thread);
	answers[1] = smal_free(thread, roots[0]);
	answers[2] = smal_thread_detach(thread);
	answers[3] = smal_check(thread);
	answers[4] = smal_resize(thread, roots[1], 8);
	answers[5] = smal_alloc_slow(thread, victim) == NULL ? smal_thread_error(thread) : SMAL_OK;
	answers[6] = smal_thread_leave(thread);
	answers[7] = smal_thread_enter(thread);
	return smal_thread_self(gc) == NULL && smal_base(thread, (uintptr_t)roots[0]) == NULL
	               ? argument
	               : NULL;
}

START_TEST(test_other_thread)
{
	pthread_t id;
	void *result;

	victim = heap_pair_type();
	roots[0] = heap_alloc(victim);
	roots[1] = heap_alloc_bytes(heap_text_type(), 100);
	ck_assert_int_eq(pthread_create(&id, NULL, intrude, gc), 0);
	ck_assert_int_eq(pthread_join(id, &result), 0);
	ck_assert_ptr_eq(result, gc);
	for (int i = 0; i < CALLS; i++)
		ck_assert_msg(answers[i] == SMAL_ERROR_NOT_ATTACHED, "call %d: %s", i,
		              smal_error_text(answers[i]));
	ck_assert_uint_ge(told.count, CALLS);
	told_begin();
	heap_collect();
	ck_assert_uint_eq(heap_live(), 2);
}
END_TEST

START_TEST(test_thread_errors)
{
	struct smal_thread *again = NULL, *gone = thread;

	ck_assert_int_eq(smal_thread_attach(gc, &again), SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	ck_assert_ptr_null(again);
	ck_assert_int_eq(smal_gc_destroy(gc), SMAL_ERROR_BUSY);
	told_once(SMAL_ERROR_BUSY);
	ck_assert_int_eq(smal_thread_attach(NULL, &again), SMAL_ERROR_INVALID);
	told_once(SMAL_ERROR_INVALID);
	ck_assert_int_eq(smal_thread_detach(NULL), SMAL_OK);
	ck_assert_int_eq(smal_collect(NULL), SMAL_ERROR_NOT_ATTACHED);
	told_once(SMAL_ERROR_NOT_ATTACHED);
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(smal_collect(gone), SMAL_ERROR_NOT_ATTACHED);
	told_once(SMAL_ERROR_NOT_ATTACHED);
	ck_assert_int_eq(smal_thread_detach(gone), SMAL_ERROR_NOT_ATTACHED);
	told_once(SMAL_ERROR_NOT_ATTACHED);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
	ck_assert_int_eq(smal_thread_error(thread), SMAL_OK);
}
END_TEST

/* ---- Callbacks that may not ---- */

static void meddle(struct smal_marker *marker, void *user)
{
	unsigned n = 0;

	(void)marker;
	(void)user;
	/* The first finds room in its parcel, if there is no collection. */
	answers[n++] = smal_alloc(thread, victim) == NULL ? smal_thread_error(thread) : SMAL_OK;
	answers[n++] = smal_alloc_bytes(thread, roots[2], 100) == NULL ? smal_thread_error(thread)
	                                                               : SMAL_OK;
	answers[n++] = smal_free(thread, roots[0]);
	answers[n++] = smal_collect(thread);
	answers[n++] = smal_resize(thread, roots[1], 1000000);
	answers[n++] = smal_thread_detach(thread);
	answers[n++] = smal_check(thread);
	answers[n++] = smal_gc_set_pace(gc, SMAL_PACE_OFF, 0, 0);
	answers[n++] = smal_gc_destroy(gc);
}

START_TEST(test_mark_callback)
{
	struct smal_type *text = heap_text_type();
	struct smal_gc_stats before, after;

	victim = heap_pair_type();
	roots[0] = heap_alloc(victim);
	roots[1] = heap_alloc_bytes(text, 200000);
	roots[2] = text;
	roots[3] = heap_alloc_bytes(text, 100);
	ck_assert_int_eq(smal_root_add_function(gc, meddle, NULL, NULL), SMAL_OK);
	smal_gc_get_stats(gc, &before);
	ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	for (int i = 0; i < 9; i++)
		ck_assert_msg(answers[i] == SMAL_ERROR_BUSY, "call %d: %s", i,
		              smal_error_text(answers[i]));
	ck_assert_uint_eq(told.count % 9, 0);
	told_begin();
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
	smal_gc_get_stats(gc, &after);
	ck_assert_uint_eq(after.objects.allocated_objects, before.objects.allocated_objects);
	ck_assert_uint_eq(after.objects.live_objects, 3);
	heap_check();
}
END_TEST

/* The process's, by its first collector; SMAL_OPTIONS comes before that. */
START_TEST(test_decay)
{
	bool is_first = smal_process.space == 0;
	struct smal_gc_options options = { .exact_stacks = 1, .decay_ms = 50 };
	unsigned said = smal_options()->decay_given ? smal_options()->decay_ms : 50;

	if (!is_first)
		return;
	for (int i = 0; i < 2; i++) {
		heap_begin(&options);
		ck_assert_uint_eq(gc->space->options.decay_ms, said);
		ck_assert_uint_eq(gc->books->options.decay_ms, said);
		heap_end();
		options.decay_ms = 70;
	}
}
END_TEST

static Suite *gc_suite(void)
{
	Suite *suite = suite_create("gc");
	TCase *cycles = tcase_create("cycles");
	TCase *life = tcase_create("life");
	TCase *several = tcase_create("several");
	TCase *refused = tcase_create("refused");

	tcase_add_test(cycles, test_cycles);
	tcase_add_test(cycles, test_decay);
	suite_add_tcase(suite, cycles);

	tcase_add_checked_fixture(life, heap_begin_exact, heap_end);
	tcase_add_test(life, test_attach_cycles);
	tcase_add_test(life, test_stale_objects);
	tcase_add_test(life, test_options);
	tcase_add_test(life, test_too_many);
	suite_add_tcase(suite, life);

	tcase_add_checked_fixture(several, heap_begin_exact, heap_end);
	tcase_add_test(several, test_several);
	tcase_add_test(several, test_threads);
	suite_add_tcase(suite, several);

	tcase_add_checked_fixture(refused, heap_begin_exact, heap_end);
	tcase_add_test(refused, test_other_thread);
	tcase_add_test(refused, test_thread_errors);
	tcase_add_test(refused, test_mark_callback);
	suite_add_tcase(suite, refused);
	return suite;
}

int main(void)
{
	return test_main(gc_suite);
}
