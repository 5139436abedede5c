/* SPDX-License-Identifier: MIT */
/*
 * check_stack.c: the stack and the registers of the attached thread are roots,
 * scanned conservatively: an object is kept by a word in any frame or in any
 * callee-saved register, whether it points to the object's start, into it, or
 * just past its end; on the main stack and on others.
 *
 * Addresses are kept hidden (hidden.h) but for the one place that is to count.
 */
#include "test/hidden.h"
#include "test/hold.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void begin(void)
{
	heap_begin_scanned();
	hidden_begin();
}

static int collect(void *argument)
{
	hidden_scribble();
	return (int)smal_collect(argument);
}

START_TEST(test_nothing_holds)
{
	hidden_make(thread);
	collect(thread);
	ck_assert_uint_lt(hidden_live(), HIDDEN / 4);
}
END_TEST

/* ---- Registers ---- */

#ifdef HOLD_REGISTERS

START_TEST(test_register)
{
	static const uintptr_t offsets[] = { 0, 1, HIDDEN_BYTES / 2, HIDDEN_BYTES - 1,
		                             HIDDEN_BYTES };

	for (int i = 0; i < HIDDEN; i++) {
		uintptr_t offset = offsets[i % 5], word;

		hidden_make(thread);
		word = hold_registers[_i].hold(hidden[i], offset, collect, thread);
		ck_assert_uint_eq(word, ~hidden[i] + offset);
		ck_assert_msg(hidden_is_live(hidden[i]), "only %s held %zu bytes into it",
		              hold_registers[_i].name, (size_t)offset);
	}
}
END_TEST

#endif

/* ---- Frames ---- */

struct holder {
	/* Bytes from an object's start to what holds it. */
	size_t offset;
	unsigned live;
};

/* Holds all objects in an array on this stack, and collects below it. */
static __attribute__((noinline)) void hold_on_stack(struct holder *holder)
{
	char *volatile local[HIDDEN];

	for (int i = 0; i < HIDDEN; i++)
		local[i] = (char *)~hidden[i] + holder->offset;
	collect(thread);
	holder->live = hidden_live();
	for (int i = 0; i < HIDDEN; i++)
		EXPECT(local[i] == (char *)~hidden[i] + holder->offset);
}

START_TEST(test_local)
{
	static const size_t offsets[] = { 0, 1, 7, HIDDEN_BYTES / 2, HIDDEN_BYTES - 1,
		                          HIDDEN_BYTES };

	for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
		struct holder holder = { .offset = offsets[i] };

		hidden_make(thread);
		hidden_scribble();
		hold_on_stack(&holder);
		ck_assert_uint_eq(holder.live, HIDDEN);
	}
}
END_TEST

/* The word before an object keeps nothing, and neither does one beyond the end. */
START_TEST(test_outside)
{
	struct smal_type_desc desc = { .name = "far", .bytes = 100000 };
	static const size_t offsets[] = { (size_t)-1, (size_t)-8, 100000 + 1000 };

	hidden_type = heap_type(&desc);
	for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
		struct holder holder = { .offset = offsets[i] };

		for (int j = 0; j < HIDDEN; j++) {
			/* So that each has no neighbour that the word could mean. */
			hidden[j] = HIDE(heap_alloc(hidden_type));
			smal_free(thread, heap_alloc(hidden_type));
		}
		hidden_scribble();
		hold_on_stack(&holder);
		ck_assert_uint_lt(holder.live, HIDDEN);
	}
}
END_TEST

static __attribute__((noinline)) unsigned descend(unsigned depth)
{
	void *volatile local = heap_alloc(hidden_type);
	uintptr_t word = HIDE(local);
	volatile unsigned char room[300];
	unsigned live;

	room[depth % sizeof room] = 1;
	live = depth == 0 ? (unsigned)collect(thread) : descend(depth - 1);
	return live + hidden_is_live(word) + (local == NULL);
}

START_TEST(test_deep)
{
	ck_assert_uint_eq(descend(1000), 1001);
}
END_TEST

/* A collection that allocation starts sees the same. */
START_TEST(test_paced)
{
	void *volatile local[HIDDEN];

	smal_gc_set_torture(gc, 1);
	for (int i = 0; i < HIDDEN; i++) {
		local[i] = heap_alloc(hidden_type);
		memset(local[i], i, HIDDEN_BYTES);
	}
	smal_gc_set_torture(gc, 0);
	for (int i = 0; i < HIDDEN; i++)
		ck_assert_int_eq(((unsigned char *)local[i])[HIDDEN_BYTES - 1], i);
}
END_TEST

/* ---- Stacks of other threads ---- */

static void *in_thread(void *argument)
{
	struct holder *holder = argument;

	if (smal_thread_attach(gc, &thread) != SMAL_OK)
		return NULL;
	hidden_make(thread);
	hidden_scribble();
	hold_on_stack(holder);
	if (smal_check(thread) != SMAL_OK || smal_thread_detach(thread) != SMAL_OK)
		return NULL;
	return argument;
}

static void run_thread(const pthread_attr_t *attributes)
{
	struct holder holder = { .offset = HIDDEN_BYTES };
	pthread_t id;
	void *result;

	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(pthread_create(&id, attributes, in_thread, &holder), 0);
	ck_assert_int_eq(pthread_join(id, &result), 0);
	ck_assert_ptr_eq(result, &holder);
	ck_assert_uint_eq(holder.live, HIDDEN);
	ck_assert_int_eq(smal_thread_attach(gc, &thread), SMAL_OK);
}

START_TEST(test_thread)
{
	run_thread(NULL);
}
END_TEST

/* A stack that the program made itself. */
START_TEST(test_own_stack)
{
	size_t bytes = (size_t)1 << 20;
	void *stack = aligned_alloc(65536, bytes);
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	ck_assert_int_eq(pthread_attr_setstack(&attributes, stack, bytes), 0);
	run_thread(&attributes);
	pthread_attr_destroy(&attributes);
	free(stack);
}
END_TEST

/* ---- Without ---- */

/* With exact stacks, the stack keeps nothing. */
START_TEST(test_exact)
{
	struct holder holder = { .offset = 0 };

	heap_begin_exact();
	hidden_begin();
	hidden_make(thread);
	hold_on_stack(&holder);
	ck_assert_uint_eq(holder.live, 0);
	heap_end();
}
END_TEST

static Suite *stack_suite(void)
{
	Suite *suite = suite_create("stack");
	TCase *registers_case = tcase_create("registers");
	TCase *frames = tcase_create("frames");
	TCase *threads = tcase_create("threads");
	TCase *exact = tcase_create("exact");

	tcase_add_checked_fixture(registers_case, begin, heap_end);
	tcase_add_test(registers_case, test_nothing_holds);
#ifdef HOLD_REGISTERS
	tcase_add_loop_test(registers_case, test_register, 0, HOLD_REGISTERS);
#endif
	suite_add_tcase(suite, registers_case);

	tcase_add_checked_fixture(frames, begin, heap_end);
	tcase_add_test(frames, test_local);
	tcase_add_test(frames, test_outside);
	tcase_add_test(frames, test_deep);
	tcase_add_test(frames, test_paced);
	suite_add_tcase(suite, frames);

	tcase_add_checked_fixture(threads, begin, heap_end);
	tcase_add_test(threads, test_thread);
	tcase_add_test(threads, test_own_stack);
	suite_add_tcase(suite, threads);

	tcase_add_test(exact, test_exact);
	suite_add_tcase(suite, exact);
	return suite;
}

int main(void)
{
	return test_main(stack_suite);
}
