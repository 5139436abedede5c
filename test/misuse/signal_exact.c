/* SPDX-License-Identifier: MIT */
/* A stop signal is asked for with exact stacks. */
/* expect: smal: smal_gc_create: stop_signal with exact_stacks: signal 30 */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <signal.h>

int main(void)
{
	struct smal_gc_options options = { .stop_signal = SIGPWR, .exact_stacks = 1 };

	smal_gc_create(&options, &gc);
	return 0;
}
