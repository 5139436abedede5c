/* SPDX-License-Identifier: MIT */
/* A stop signal is asked for that there is not. */
/* expect: smal: smal_gc_create: stop_signal can't be handled: signal 4711 */
/* ends: abort */
#include "test/misuse/misuse.h"

int main(void)
{
	struct smal_gc_options options = { .stop_signal = 4711 };

	smal_gc_create(&options, &gc);
	return 0;
}
