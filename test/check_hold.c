/* SPDX-License-Identifier: MIT */
/*
 * check_hold.c: while a thread holds collections off, none of its collector marks; so a
 * pointer that is hidden may be looked at, and put where it is seen. And what a word is
 * may be asked meanwhile, by anybody.
 */
#include <smal/gc/attach.h>

#include "test/crew.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct smal_type *pair, *text;
/* Collections that have begun, and that have stopped all threads. */
static volatile uint32_t begun, stopped;

static void note_event(enum smal_event event, void *user)
{
	(void)user;
	if (event == SMAL_EVENT_BEGIN)
		smal_atomic_add_u32(&begun, 1);
	else if (event == SMAL_EVENT_STOPPED)
		smal_atomic_add_u32(&stopped, 1);
}

static void begin_with(bool by_signal)
{
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF,
		                           .stop_signal = by_signal ? SIGPWR : 0 };

	heap_begin(by_signal ? &options : NULL);
	crew_begin();
	pair = heap_pair_type();
	text = heap_text_type();
	begun = stopped = 0;
	ck_assert_int_eq(smal_gc_set_events(gc, note_event, NULL), SMAL_OK);
}

static void begin_exact(void)
{
	begin_with(false);
}

static void end(void)
{
	crew_end();
	heap_end();
}

/* ---- Collections wait ---- */

static void collect(struct member *member)
{
	EXPECT(smal_collect(member->self) == SMAL_OK);
}

/* True once a collection has asked this thread to stop. */
static bool was_asked(bool by_signal)
{
	const struct smal_attached *self = smal_attached(thread);

	return (smal_atomic_load_u32(&thread->poll) & SMAL_POLL_STOP) != 0 &&
	       (!by_signal || self->deferred);
}

static void do_nothing(struct member *member)
{
	(void)member;
}

/* Also where no signal stops threads: who was asked meanwhile waits as it releases. */
START_TEST(test_waits)
{
	begin_with(_i == 1);
	/* A first thread beside this one would wait for it as it attaches. */
	crew_start(1, true, do_nothing);
	crew_join();
	for (uint32_t round = 1; round <= 20; round++) {
		ck_assert_int_eq(smal_thread_hold(thread), SMAL_OK);
		crew_start(1, true, collect);
		while (!was_asked(_i == 1))
			sched_yield();
		crew_yield(20);
		EXPECT(smal_atomic_load_u32(&begun) == round);
		EXPECT(smal_atomic_load_u32(&stopped) == round - 1);
		smal_thread_release(thread);
		EXPECT(smal_atomic_load_u32(&stopped) == round);
		crew_join();
	}
	end();
}
END_TEST

/* Those of another collector go on. */
static void collect_other(struct member *member)
{
	struct smal_gc *other;

	EXPECT(smal_gc_create(NULL, &other) == SMAL_OK);
	EXPECT(smal_thread_attach(other, &member->self) == SMAL_OK);
	EXPECT(smal_collect(member->self) == SMAL_OK);
	EXPECT(smal_thread_detach(member->self) == SMAL_OK);
	EXPECT(smal_gc_destroy(other) == SMAL_OK);
	smal_atomic_store_u32(&begun, 1);
}

START_TEST(test_other_collector)
{
	ck_assert_int_eq(smal_thread_hold(thread), SMAL_OK);
	crew_start(1, false, collect_other);
	crew_wait(NULL, &begun, 1);
	smal_thread_release(thread);
	crew_join();
}
END_TEST

/* ---- Hidden pointers ---- */

enum { READERS = 3, PLACES = 64, READS = 4000 };

/* Addresses, hidden; each reader has its own row. The weak function clears what is gone. */
static volatile uintptr_t hidden[READERS][PLACES];

static void clear(struct smal_marker *marker, enum smal_weak_stage stage, void *user)
{
	(void)user;
	for (int i = 0; stage == SMAL_WEAK_LONG_STAGE && i < READERS * PLACES; i++) {
		volatile uintptr_t *place = &hidden[i / PLACES][i % PLACES];

		if (*place != 0 && !smal_is_marked(marker, (void *)~*place))
			*place = 0;
	}
}

/* Takes its time between a look at the word and the pointer. */
static __attribute__((noinline)) void **take(struct smal_thread *self, unsigned row, size_t place)
{
	uintptr_t word;
	void **object;

	EXPECT(smal_thread_hold(self) == SMAL_OK);
	word = hidden[row][place];
	for (volatile int i = 0; i < 200; i++)
		;
	object = word != 0 ? (void **)~word : NULL;
	smal_thread_release(self);
	return object;
}

static void read_hidden(struct member *member)
{
	struct test_random random;

	test_random_init(&random, member->index);
	for (size_t i = 0; i < heap_scale(READS); i++) {
		size_t place = test_random_below(&random, PLACES);
		void **object = take(member->self, member->index, place);

		if (object == NULL) {
			object = smal_alloc(member->self, pair);
			EXPECT(object != NULL);
			object[0] = (void *)(place * 64 + member->index);
			hidden[member->index][place] = HIDE(object);
		}
		smal_poll(member->self);
		EXPECT(smal_type_of(object) == pair);
		EXPECT(object[0] == (void *)(place * 64 + member->index));
	}
	smal_atomic_add_u32(&begun, 1u << 24);
}

/* Readers are stopped wherever they are, while others collect without end. */
START_TEST(test_hidden)
{
	begin_with(true);
	memset((void *)(uintptr_t)hidden, 0, sizeof hidden);
	ck_assert_int_eq(smal_gc_set_weak(gc, clear, NULL), SMAL_OK);
	crew_start(READERS, true, read_hidden);
	while (smal_atomic_load_u32(&begun) >> 24 < READERS)
		ck_assert_int_eq(smal_collect(thread), SMAL_OK);
	crew_join();
	ck_assert_int_eq(smal_gc_set_weak(gc, NULL, NULL), SMAL_OK);
	end();
}
END_TEST

/* ---- What is refused ---- */

static void hold_from_outside(struct member *member)
{
	(void)member;
	EXPECT(smal_thread_hold(thread) == SMAL_ERROR_NOT_ATTACHED);
	crew_told(SMAL_ERROR_NOT_ATTACHED);
}

static void hold_in_root(struct smal_marker *marker, void *user)
{
	(void)marker;
	EXPECT(smal_thread_hold(thread) == SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	++*(unsigned *)user;
}

static void hold_in_free(void *object, void *user)
{
	(void)object;
	EXPECT(smal_thread_hold(thread) == SMAL_OK);
	smal_thread_release(thread);
	++*(unsigned *)user;
}

START_TEST(test_refused)
{
	unsigned calls = 0, frees = 0;
	struct smal_type_desc desc = { .name = "f", .bytes = 16, .free = hold_in_free,
		                       .user = &frees };

	ck_assert_int_eq(smal_thread_hold(NULL), SMAL_ERROR_NOT_ATTACHED);
	crew_told(SMAL_ERROR_NOT_ATTACHED);
	crew_start(1, false, hold_from_outside);
	crew_join();
	ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
	ck_assert_int_eq(smal_thread_hold(thread), SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
	ck_assert_int_eq(smal_root_add_function(gc, hold_in_root, &calls, NULL), SMAL_OK);
	heap_alloc(heap_type(&desc));
	heap_collect();
	ck_assert_uint_ge(calls, 1);
	ck_assert_int_eq(smal_root_remove(gc, &calls), SMAL_OK);
	/* A free callback may. */
	ck_assert_uint_eq(frees, 1);
}
END_TEST

/* In between only questions are allowed. */
START_TEST(test_in_between)
{
	char *object = roots[0] = heap_alloc_bytes(text, 100);

	ck_assert_int_eq(smal_thread_hold(thread), SMAL_OK);
	ck_assert_ptr_eq(smal_find(gc, (uintptr_t)object + 50), object);
	ck_assert_int_eq(smal_holds(gc, object), 1);
	ck_assert_uint_ge(smal_size(object), 100);
	ck_assert_ptr_eq(smal_type_of(object), text);
	ck_assert_int_eq(smal_thread_hold(thread), SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	ck_assert_int_eq(smal_collect(thread), SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	ck_assert_ptr_null(smal_alloc_slow(thread, pair));
	crew_told(SMAL_ERROR_BUSY);
	ck_assert_int_eq(smal_thread_detach(thread), SMAL_ERROR_BUSY);
	crew_told(SMAL_ERROR_BUSY);
	smal_thread_release(thread);
	heap_collect();
	ck_assert_uint_eq(heap_live(), 1);
}
END_TEST

/* ---- What a word is ---- */

static const size_t sizes[] = { 1, 16, 24, 100, 1000, 9000, 200000, (size_t)300 << 20 };
enum { SIZES = sizeof sizes / sizeof *sizes };
static uintptr_t objects[SIZES], bytes[SIZES], freed;
static char in_static[64];

/* From any thread, and in a callback. */
static void ask_all(void)
{
	char local[64];
	void *foreign = malloc(64);

	for (int i = 0; i < SIZES; i++) {
		uintptr_t object = ~objects[i];

		EXPECT(smal_find(gc, object) == (void *)object);
		EXPECT(smal_find(gc, object + bytes[i] / 2) == (void *)object);
		EXPECT(smal_find(gc, object + bytes[i] - 1) == (void *)object);
		EXPECT(smal_find(gc, object + bytes[i]) != (void *)object);
		EXPECT(smal_find(gc, object - 1) != (void *)object);
		EXPECT(smal_holds(gc, (void *)object));
		EXPECT(smal_holds(gc, (void *)(object + bytes[i] - 1)));
	}
	EXPECT(smal_find(gc, ~freed) == NULL && smal_holds(gc, (void *)~freed));
	EXPECT(smal_find(gc, 0) == NULL && !smal_holds(gc, NULL));
	EXPECT(smal_find(gc, UINTPTR_MAX) == NULL && !smal_holds(gc, (void *)UINTPTR_MAX));
	EXPECT(smal_find(gc, (uintptr_t)in_static) == NULL && !smal_holds(gc, in_static));
	EXPECT(smal_find(gc, (uintptr_t)local) == NULL && !smal_holds(gc, local));
	EXPECT(smal_find(gc, (uintptr_t)foreign) == NULL && !smal_holds(gc, foreign));
	EXPECT(!smal_holds(gc, gc) && !smal_holds(gc, thread) && !smal_holds(gc, text));
	free(foreign);
}

static void ask_as_member(struct member *member)
{
	(void)member;
	ask_all();
}

static void ask_as_root(struct smal_marker *marker, void *user)
{
	(void)marker;
	(void)user;
	ask_all();
}

START_TEST(test_find)
{
	for (int i = 0; i < SIZES; i++) {
		void *object = roots[i] = heap_alloc_bytes(text, sizes[i]);

		objects[i] = HIDE(object);
		bytes[i] = smal_size(object);
	}
	freed = HIDE(heap_alloc_bytes(text, 40));
	ck_assert_int_eq(smal_free(thread, (void *)~freed), SMAL_OK);
	ask_all();
	crew_start(1, false, ask_as_member);
	crew_join();
	ck_assert_int_eq(smal_thread_leave(thread), SMAL_OK);
	ask_all();
	ck_assert_int_eq(smal_thread_enter(thread), SMAL_OK);
	ck_assert_int_eq(smal_root_add_function(gc, ask_as_root, NULL, NULL), SMAL_OK);
	heap_collect();
	ck_assert_int_eq(smal_root_remove(gc, NULL), SMAL_OK);
}
END_TEST

/* Tags go first; another collector's object is none of ours. */
START_TEST(test_find_of_others)
{
	/* A high bit, where no address has it. */
	const uintptr_t tag = sizeof tag == 8 ? (uintptr_t)0x8000000000000005 : 5;
	struct smal_gc_options options = { .pace = SMAL_PACE_OFF, .exact_stacks = 1,
		                           .tag_mask = tag };
	struct smal_type_desc desc = { .name = "t" };
	struct smal_thread *other_thread;
	struct smal_type *type;
	struct smal_gc *other;

	ck_assert_int_eq(smal_gc_create(&options, &other), SMAL_OK);
	ck_assert_int_eq(smal_thread_attach(other, &other_thread), SMAL_OK);
	ck_assert_int_eq(smal_type_create(other, &desc, &type), SMAL_OK);
	for (size_t size = 16; size < MIB; size *= 4) {
		char *theirs = smal_alloc_bytes(other_thread, type, size);
		char *ours = roots[0] = heap_alloc_bytes(text, size);

		ck_assert_ptr_eq(smal_find(other, (uintptr_t)theirs | tag), theirs);
		ck_assert_ptr_null(smal_find(gc, (uintptr_t)theirs));
		ck_assert_ptr_null(smal_find(other, (uintptr_t)ours));
		ck_assert_int_eq(smal_holds(gc, ours), 1);
		ck_assert_int_eq(smal_holds(gc, theirs), 0);
		ck_assert_int_eq(smal_holds(other, theirs), 1);
		ck_assert_int_eq(smal_holds(other, ours), 0);
	}
	ck_assert_int_eq(smal_thread_detach(other_thread), SMAL_OK);
	ck_assert_int_eq(smal_gc_destroy(other), SMAL_OK);
}
END_TEST

static Suite *hold_suite(void)
{
	Suite *suite = suite_create("hold");
	TCase *waiting = tcase_create("waiting");
	TCase *exact = tcase_create("exact");

	tcase_add_loop_test(waiting, test_waits, 0, 2);
	tcase_add_test(waiting, test_hidden);
	suite_add_tcase(suite, waiting);

	tcase_add_checked_fixture(exact, begin_exact, end);
	tcase_add_test(exact, test_other_collector);
	tcase_add_test(exact, test_refused);
	tcase_add_test(exact, test_in_between);
	tcase_add_test(exact, test_find);
	tcase_add_test(exact, test_find_of_others);
	suite_add_tcase(suite, exact);
	return suite;
}

int main(void)
{
	return test_main(hold_suite);
}
