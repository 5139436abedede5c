/* SPDX-License-Identifier: MIT */
/* A thread collects on a stack that was not registered. */
/* expect: smal: smal_collect: nothing could be freed: 0xADDR is where a thread's stack ends,
 * which is not registered */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <ucontext.h>

static char stack[256 * 1024];
static ucontext_t back, there;

static void collect(void)
{
	smal_collect(thread);
}

int main(void)
{
	begin();
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof stack;
	there.uc_link = &back;
	makecontext(&there, collect, 0);
	swapcontext(&back, &there);
	return 0;
}
