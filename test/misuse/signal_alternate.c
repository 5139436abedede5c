/* SPDX-License-Identifier: MIT */
/* A signal handler on an alternate stack collects. */
/* expect: smal: smal_collect: not allowed now: called by a signal handler */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <signal.h>

static char stack[256 * 1024];

static void collect(int number)
{
	(void)number;
	smal_collect(thread);
}

int main(void)
{
	struct sigaction action = { .sa_handler = collect, .sa_flags = SA_ONSTACK };
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };

	begin();
	sigaltstack(&alternate, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	return 0;
}
