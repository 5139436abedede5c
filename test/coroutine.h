/* SPDX-License-Identifier: MIT */
/*
 * coroutine.h: coroutines for the tests of fibers, by three ways to change stacks:
 * ucontext; a few instructions; and a handler on an alternate signal stack, which
 * is left, and come back to, by longjmp.
 */
#ifndef SMAL_TEST_COROUTINE_H
#define SMAL_TEST_COROUTINE_H

#include "test/crew.h"

#include <setjmp.h>
#include <ucontext.h>

#if defined(__x86_64__) && !defined(__ILP32__)
#define COROUTINE_HAND_WAY 1
#else
#define COROUTINE_HAND_WAY 0
#endif

enum coroutine_way {
	COROUTINE_CONTEXT,
	COROUTINE_SIGNAL,
	COROUTINE_HAND,
	/* How many ways there are here: the last one is for one machine. */
	COROUTINE_WAYS = 2 + COROUTINE_HAND_WAY
};

struct coroutine {
	enum coroutine_way way;
	char *stack;
	size_t bytes;
	/* NULL: the collector does not know. */
	struct smal_fiber *fiber;
	void (*body)(struct coroutine *coroutine);
	bool over;
	/* Who runs it. */
	struct smal_thread *self;
	/* The test's own. */
	unsigned index;
	uintptr_t hidden;
	/* Where it stands, and who resumed it. */
	ucontext_t here, back;
	jmp_buf here_jump, back_jump;
	void *here_low, *back_low;
};

/* Makes one that will run on a stack; with fiber, registered with gc. */
void coroutine_begin(struct coroutine *coroutine, enum coroutine_way way, char *stack,
                     size_t bytes, bool fiber, void (*body)(struct coroutine *coroutine));

/* Runs it on the calling thread, until it yields or its body returns. */
void coroutine_resume(struct coroutine *coroutine, struct smal_thread *self);

/* From within: back to where it was resumed. */
void coroutine_yield(struct coroutine *coroutine);

/* The same by hand, for COROUTINE_HAND: between a caller that holds an address in a
 * callee-saved register and smal_fiber_switch, nothing saves it. */
int coroutine_yield_by_hand(void *coroutine);
int coroutine_resume_by_hand(void *coroutine);

#endif
