/* SPDX-License-Identifier: MIT */
/*
 * abi_fiber.c: code that runs on a stack of the client's own, which tells libgc where the
 * stack ends and pushes those that are parked.
 */
#define _GNU_SOURCE
#include "test/libgc/abi.h"

#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

static void begin(void)
{
	abi_begin();
	GC_allow_register_threads();
}

/* Makes and watches objects number first and following, `count` of them, on the stack. */
static void make(void **slots, size_t first, size_t count)
{
	for (size_t i = 0; i < count; i++)
		abi_watch(first + i, slots[i] = GC_malloc(i % 100 + 8));
	ABI_SEEN(slots);
}

static void see_live(size_t limit)
{
	EXPECT_EQ(abi_dead(0, limit), 0);
}

enum { FIBERS = 8, EACH = 100, STACK = 256 * 1024 };

struct fiber {
	ucontext_t context;
	/* From here up to there it has to be scanned while it is parked. */
	char *top, *bottom;
};

/* The last is the thread's own stack. */
static struct fiber fibers[FIBERS + 1];
static struct fiber *current = &fibers[FIBERS];
static GC_push_other_roots_proc old_push;
static bool by_handle;

static void push_parked(void)
{
	for (size_t i = 0; i <= FIBERS; i++)
		if (&fibers[i] != current && fibers[i].top != NULL)
			GC_push_all_eager(fibers[i].top, fibers[i].bottom);
	old_push();
}

static void *set_bottom(void *bottom)
{
	struct GC_stack_base base = { bottom };

	GC_set_stackbottom(NULL, &base);
	return NULL;
}

/* Registers that are saved lie in the context, which is static, or below the frame. */
static void __attribute__((noinline)) switch_to(struct fiber *next)
{
	struct fiber *from = current;

	from->top = (char *)__builtin_frame_address(0) - 512;
	/* No collection can come between: there is one thread. */
	current = next;
	if (by_handle)
		GC_call_with_alloc_lock(set_bottom, next->bottom);
	else
		GC_stackbottom = next->bottom;
	EXPECT(swapcontext(&from->context, &next->context) == 0);
}

static void body(void)
{
	size_t number = (size_t)(current - fibers);
	void *slots[EACH];

	make(slots, number * EACH, EACH);
	for (;;) {
		for (int i = 0; i < 100; i++)
			EXPECT(abi_all(GC_malloc(100), 0, 100));
		abi_collect();
		see_live((number + 1) * EACH);
		ABI_SEEN(slots);
		switch_to(&fibers[FIBERS]);
	}
}

static void make_fiber(struct fiber *fiber)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(stack != MAP_FAILED);
	EXPECT(getcontext(&fiber->context) == 0);
	fiber->context.uc_stack.ss_sp = stack;
	fiber->context.uc_stack.ss_size = STACK;
	fiber->bottom = stack + STACK;
	fiber->top = NULL;
	makecontext(&fiber->context, body, 0);
}

static void *run_fibers(void *argument)
{
	struct GC_stack_base base;
	void *own[EACH];

	EXPECT(GC_get_my_stackbottom(&base) != NULL);
	EXPECT((char *)base.mem_base > (char *)&base);
	fibers[FIBERS].bottom = base.mem_base;
	make(own, FIBERS * EACH, EACH);
	for (size_t i = 0; i < FIBERS; i++) {
		make_fiber(&fibers[i]);
		switch_to(&fibers[i]);
	}
	for (size_t i = 0; i < 3 * FIBERS; i++) {
		switch_to(&fibers[i % FIBERS]);
		abi_collect();
		see_live((FIBERS + 1) * EACH);
	}
	/* Stacks that are not pushed any more keep nothing. */
	for (size_t i = 0; i < FIBERS; i++)
		fibers[i].top = NULL;
	memset(fibers, 0, sizeof fibers - sizeof *fibers);
	abi_collect();
	ck_assert_uint_ge(abi_dead(0, FIBERS * EACH), FIBERS * EACH * 9 / 10);
	EXPECT_EQ(abi_dead(FIBERS * EACH, (FIBERS + 1) * EACH), 0);
	ABI_SEEN(own);
	return argument;
}

/* By the variable, or by the function; in the first thread or in another one. */
START_TEST(test_fibers)
{
	pthread_t thread;

	old_push = GC_get_push_other_roots();
	ck_assert(old_push != NULL);
	GC_set_push_other_roots(push_parked);
	by_handle = _i != 0;
	if (_i < 2)
		run_fibers(NULL);
	else {
		ck_assert_int_eq(GC_pthread_create(&thread, NULL, run_fibers, NULL), 0);
		GC_pthread_join(thread, NULL);
	}
}
END_TEST

static void *other_bottom(void *handle)
{
	struct GC_stack_base base = { &base };

	GC_set_stackbottom(handle, &base);
	return NULL;
}

/* What is set is what is returned; GC_get_stack_base knows better. */
START_TEST(test_bottom)
{
	struct GC_stack_base at_first, then, real;
	void *handle = GC_get_my_stackbottom(&at_first);

	ck_assert_ptr_nonnull(handle);
	ck_assert_int_eq(GC_get_stack_base(&real), GC_SUCCESS);
	ck_assert_ptr_eq(at_first.mem_base, GC_stackbottom);
	GC_call_with_alloc_lock(other_bottom, handle);
	ck_assert_ptr_eq(GC_get_my_stackbottom(&then), handle);
	ck_assert((char *)then.mem_base < (char *)at_first.mem_base);
	ck_assert_ptr_eq(then.mem_base, GC_stackbottom);
	GC_stackbottom = at_first.mem_base;
	ck_assert_ptr_eq(GC_get_my_stackbottom(&then), handle);
	ck_assert_ptr_eq(then.mem_base, at_first.mem_base);
	ck_assert_int_eq(GC_get_stack_base(&then), GC_SUCCESS);
	ck_assert_ptr_eq(then.mem_base, real.mem_base);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("libgc: stacks of the client's");
	TCase *each = tcase_create("each");

	tcase_add_checked_fixture(each, begin, NULL);
	tcase_add_loop_test(each, test_fibers, 0, 3);
	tcase_add_test(each, test_bottom);
	suite_add_tcase(suite, each);
	return suite;
}

int main(void)
{
	return abi_main(suite);
}
