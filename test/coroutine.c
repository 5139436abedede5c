/* SPDX-License-Identifier: MIT */
/*
 * coroutine.c: coroutines for the tests of fibers (coroutine.h).
 */
#include "test/coroutine.h"

#include <signal.h>
#include <string.h>

/* The coroutine that begins, for functions that are given no argument. */
static __thread struct coroutine *beginning;

static void run(struct coroutine *coroutine)
{
	coroutine->body(coroutine);
	coroutine->over = true;
	coroutine_yield(coroutine);
	ck_abort_msg("resumed after its end");
}

/* ---- By instructions ---- */

#if COROUTINE_HAND_WAY

void coroutine_change(void **save, void *to);
int coroutine_switch(struct smal_thread *self, struct smal_fiber *fiber, void **save, void *to);
void coroutine_start(void);

/* A new stack has the coroutine for rbx, and coroutine_start to return to. */
__asm__(".text\n"
        ".type coroutine_change, @function\n"
        "coroutine_change:\n"
        "	push %rbp\n	push %rbx\n	push %r12\n"
        "	push %r13\n	push %r14\n	push %r15\n"
        "	mov %rsp, (%rdi)\n"
        "	mov %rsi, %rsp\n"
        "	pop %r15\n	pop %r14\n	pop %r13\n"
        "	pop %r12\n	pop %rbx\n	pop %rbp\n"
        "	ret\n"
        ".size coroutine_change, . - coroutine_change\n"
        ".type coroutine_switch, @function\n"
        "coroutine_switch:\n"
        "	push %rdx\n	push %rcx\n	sub $8, %rsp\n"
        "	call smal_fiber_switch\n"
        "	add $8, %rsp\n	pop %rsi\n	pop %rdi\n"
        "	jmp coroutine_change\n"
        ".size coroutine_switch, . - coroutine_switch\n"
        ".type coroutine_start, @function\n"
        "coroutine_start:\n"
        "	mov %rbx, %rdi\n"
        "	call coroutine_run\n"
        "	hlt\n"
        ".size coroutine_start, . - coroutine_start\n");

void coroutine_run(struct coroutine *coroutine);

void coroutine_run(struct coroutine *coroutine)
{
	run(coroutine);
}

static void begin_by_hand(struct coroutine *coroutine)
{
	void **low = (void **)(coroutine->stack + coroutine->bytes) - 9;

	memset(low, 0, 8 * sizeof *low);
	low[4] = coroutine;
	low[6] = (void *)(uintptr_t)coroutine_start;
	coroutine->here_low = low;
}

static void change(void **save, void *to)
{
	coroutine_change(save, to);
}

int coroutine_yield_by_hand(void *argument)
{
	struct coroutine *coroutine = argument;

	return coroutine_switch(coroutine->self, NULL, &coroutine->here_low, coroutine->back_low);
}

int coroutine_resume_by_hand(void *argument)
{
	struct coroutine *coroutine = argument;

	return coroutine_switch(coroutine->self, coroutine->fiber, &coroutine->back_low,
	                        coroutine->here_low);
}

#else

static void begin_by_hand(struct coroutine *coroutine)
{
	(void)coroutine;
}

static void change(void **save, void *to)
{
	(void)save;
	(void)to;
}

#endif

/* ---- By ucontext ---- */

static void start_context(void)
{
	run(beginning);
}

static void begin_context(struct coroutine *coroutine)
{
	EXPECT(getcontext(&coroutine->here) == 0);
	coroutine->here.uc_stack.ss_sp = coroutine->stack;
	coroutine->here.uc_stack.ss_size = coroutine->bytes;
	makecontext(&coroutine->here, start_context, 0);
}

/* ---- By a signal ---- */

/* Returns, and goes on when somebody jumps here. */
static void on_signal(int number)
{
	struct coroutine *coroutine = beginning;

	(void)number;
	if (_setjmp(coroutine->here_jump) == 0)
		return;
	run(beginning);
}

static void begin_by_signal(struct coroutine *coroutine)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK }, old;
	stack_t stack = { .ss_sp = coroutine->stack, .ss_size = coroutine->bytes };

	EXPECT(sigemptyset(&action.sa_mask) == 0);
	EXPECT(sigaction(SIGUSR2, &action, &old) == 0);
	EXPECT(sigaltstack(&stack, NULL) == 0);
	beginning = coroutine;
	EXPECT(raise(SIGUSR2) == 0);
	EXPECT(sigaction(SIGUSR2, &old, NULL) == 0);
}

/* ---- By any ---- */

void coroutine_begin(struct coroutine *coroutine, enum coroutine_way way, char *stack,
                     size_t bytes, bool fiber, void (*body)(struct coroutine *coroutine))
{
	memset(coroutine, 0, sizeof *coroutine);
	coroutine->way = way;
	coroutine->stack = stack;
	coroutine->bytes = bytes;
	coroutine->body = body;
	if (fiber)
		EXPECT(smal_fiber_create(gc, stack, bytes, &coroutine->fiber) == SMAL_OK);
	if (way == COROUTINE_CONTEXT)
		begin_context(coroutine);
	else if (way == COROUTINE_SIGNAL)
		begin_by_signal(coroutine);
	else
		begin_by_hand(coroutine);
}

static __attribute__((noinline)) void jump(jmp_buf from, jmp_buf to)
{
	if (_setjmp(from) == 0)
		_longjmp(to, 1);
}

void coroutine_resume(struct coroutine *coroutine, struct smal_thread *self)
{
	coroutine->self = self;
	beginning = coroutine;
	if (coroutine->fiber != NULL)
		EXPECT(smal_fiber_switch(self, coroutine->fiber) == SMAL_OK);
	if (coroutine->way == COROUTINE_CONTEXT)
		swapcontext(&coroutine->back, &coroutine->here);
	else if (coroutine->way == COROUTINE_SIGNAL)
		jump(coroutine->back_jump, coroutine->here_jump);
	else
		change(&coroutine->back_low, coroutine->here_low);
}

void coroutine_yield(struct coroutine *coroutine)
{
	if (coroutine->fiber != NULL)
		EXPECT(smal_fiber_switch(coroutine->self, NULL) == SMAL_OK);
	if (coroutine->way == COROUTINE_CONTEXT)
		swapcontext(&coroutine->here, &coroutine->back);
	else if (coroutine->way == COROUTINE_SIGNAL)
		jump(coroutine->here_jump, coroutine->back_jump);
	else
		change(&coroutine->here_low, coroutine->back_low);
}
