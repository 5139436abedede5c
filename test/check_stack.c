/* SPDX-License-Identifier: MIT */
/*
 * check_stack.c: the stack and the registers of the attached thread are roots,
 * scanned conservatively: an object is kept by a word in any frame or in any
 * callee-saved register, whether it points to the object's start, into it, or
 * just past its end; on the main stack and on others.
 *
 * Addresses are kept hidden (HIDE) but for the one place that is to count. What
 * a test finds alive might be so by a word left over; so every way of holding
 * is tried on many objects, and the same with no way at all must lose them.
 */
#include "test/collector.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS = 64, BYTES = 208 };

static struct smal_type *type;
static uintptr_t hidden[OBJECTS];

static void begin(void)
{
	struct smal_type_desc desc = { .name = "t", .bytes = BYTES };

	heap_begin_scanned();
	type = heap_type(&desc);
}

/* Objects that nothing refers to; in a frame of its own, which is overwritten
 * afterwards. */
static __attribute__((noinline)) void hide_objects(void)
{
	for (int i = 0; i < OBJECTS; i++)
		hidden[i] = HIDE(heap_alloc(type));
}

static __attribute__((noinline)) void scribble(void)
{
	volatile unsigned char bytes[4096];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = 1;
}

static __attribute__((noinline)) bool is_live(uintptr_t word)
{
	return smal_type_of((void *)~word) == type;
}

static int collect(void *argument)
{
	scribble();
	return (int)smal_collect(argument);
}

static unsigned count_live(void)
{
	unsigned count = 0;

	for (int i = 0; i < OBJECTS; i++)
		count += is_live(hidden[i]);
	return count;
}

START_TEST(test_nothing_holds)
{
	hide_objects();
	collect(thread);
	ck_assert_uint_lt(count_live(), OBJECTS / 4);
}
END_TEST

/* ---- Registers ---- */

#ifdef __x86_64__

/*
 * uintptr_t hold_REGISTER(uintptr_t word, uintptr_t offset,
 *                         int (*call)(void *), void *argument)
 *
 * Calls with ~word + offset in the register and nowhere else; returns what is
 * in the register afterwards.
 */
#define HOLD(reg)                                                            \
	uintptr_t hold_##reg(uintptr_t word, uintptr_t offset,               \
	                     int (*call)(void *argument), void *argument);   \
	__asm__(".text\n.type hold_" #reg ", @function\nhold_" #reg ":\n"     \
	        "	push %" #reg "\n"                                    \
	        "	mov %rdi, %" #reg "\n"                               \
	        "	not %" #reg "\n"                                     \
	        "	add %rsi, %" #reg "\n"                               \
	        "	mov %rcx, %rdi\n"                                    \
	        "	xor %esi, %esi\n"                                    \
	        "	call *%rdx\n"                                        \
	        "	mov %" #reg ", %rax\n"                               \
	        "	pop %" #reg "\n"                                     \
	        "	ret\n.size hold_" #reg ", . - hold_" #reg "\n")

HOLD(rbx);
HOLD(rbp);
HOLD(r12);
HOLD(r13);
HOLD(r14);
HOLD(r15);

static const struct {
	const char *name;
	uintptr_t (*hold)(uintptr_t word, uintptr_t offset, int (*call)(void *argument),
	                  void *argument);
} registers[] = {
	{ "rbx", hold_rbx }, { "rbp", hold_rbp }, { "r12", hold_r12 },
	{ "r13", hold_r13 }, { "r14", hold_r14 }, { "r15", hold_r15 },
};

enum { REGISTERS = sizeof registers / sizeof *registers };

START_TEST(test_register)
{
	static const uintptr_t offsets[] = { 0, 1, BYTES / 2, BYTES - 1, BYTES };

	for (int i = 0; i < OBJECTS; i++) {
		uintptr_t offset = offsets[i % 5], word;

		hide_objects();
		word = registers[_i].hold(hidden[i], offset, collect, thread);
		ck_assert_uint_eq(word, ~hidden[i] + offset);
		ck_assert_msg(is_live(hidden[i]), "only %s held %zu bytes into it",
		              registers[_i].name, (size_t)offset);
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
	char *volatile local[OBJECTS];

	for (int i = 0; i < OBJECTS; i++)
		local[i] = (char *)~hidden[i] + holder->offset;
	collect(thread);
	holder->live = count_live();
	for (int i = 0; i < OBJECTS; i++)
		EXPECT(local[i] == (char *)~hidden[i] + holder->offset);
}

START_TEST(test_local)
{
	static const size_t offsets[] = { 0, 1, 7, BYTES / 2, BYTES - 1, BYTES };

	for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
		struct holder holder = { .offset = offsets[i] };

		hide_objects();
		scribble();
		hold_on_stack(&holder);
		ck_assert_uint_eq(holder.live, OBJECTS);
	}
}
END_TEST

/* The word before an object keeps nothing, and neither does one beyond the end. */
START_TEST(test_outside)
{
	struct smal_type_desc desc = { .name = "far", .bytes = 100000 };
	static const size_t offsets[] = { (size_t)-1, (size_t)-8, 100000 + 1000 };

	type = heap_type(&desc);
	for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
		struct holder holder = { .offset = offsets[i] };

		for (int j = 0; j < OBJECTS; j++) {
			/* So that each has no neighbour that the word could mean. */
			hidden[j] = HIDE(heap_alloc(type));
			smal_free(thread, heap_alloc(type));
		}
		scribble();
		hold_on_stack(&holder);
		ck_assert_uint_lt(holder.live, OBJECTS);
	}
}
END_TEST

static __attribute__((noinline)) unsigned descend(unsigned depth)
{
	void *volatile local = heap_alloc(type);
	uintptr_t word = HIDE(local);
	volatile unsigned char room[300];
	unsigned live;

	room[depth % sizeof room] = 1;
	live = depth == 0 ? (unsigned)collect(thread) : descend(depth - 1);
	return live + is_live(word) + (local == NULL);
}

START_TEST(test_deep)
{
	ck_assert_uint_eq(descend(1000), 1001);
}
END_TEST

/* A collection that allocation starts sees the same. */
START_TEST(test_paced)
{
	void *volatile local[OBJECTS];

	smal_gc_set_torture(gc, 1);
	for (int i = 0; i < OBJECTS; i++) {
		local[i] = heap_alloc(type);
		memset(local[i], i, BYTES);
	}
	smal_gc_set_torture(gc, 0);
	for (int i = 0; i < OBJECTS; i++)
		ck_assert_int_eq(((unsigned char *)local[i])[BYTES - 1], i);
}
END_TEST

/* ---- Stacks of other threads ---- */

static void *in_thread(void *argument)
{
	struct holder *holder = argument;

	if (smal_thread_attach(gc, &thread) != SMAL_OK)
		return NULL;
	hide_objects();
	scribble();
	hold_on_stack(holder);
	if (smal_check(thread) != SMAL_OK || smal_thread_detach(thread) != SMAL_OK)
		return NULL;
	return argument;
}

static void run_thread(const pthread_attr_t *attributes)
{
	struct holder holder = { .offset = BYTES };
	pthread_t id;
	void *result;

	ck_assert_int_eq(smal_thread_detach(thread), SMAL_OK);
	ck_assert_int_eq(pthread_create(&id, attributes, in_thread, &holder), 0);
	ck_assert_int_eq(pthread_join(id, &result), 0);
	ck_assert_ptr_eq(result, &holder);
	ck_assert_uint_eq(holder.live, OBJECTS);
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
	struct smal_type_desc desc = { .name = "t", .bytes = BYTES };
	struct holder holder = { .offset = 0 };

	heap_begin_exact();
	type = heap_type(&desc);
	hide_objects();
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
#ifdef __x86_64__
	tcase_add_loop_test(registers_case, test_register, 0, REGISTERS);
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
