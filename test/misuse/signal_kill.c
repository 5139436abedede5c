/* SPDX-License-Identifier: MIT */
/* A stop signal is asked for that nobody can handle. */
/* expect: smal: smal_gc_create: stop_signal can't be handled: signal 9 */
/* ends: abort */
#include "test/misuse/misuse.h"

#include <signal.h>

int main(void)
{
	struct smal_gc_options options = { .stop_signal = SIGKILL };

	smal_gc_create(&options, &gc);
	return 0;
}
