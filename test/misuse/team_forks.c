/* SPDX-License-Identifier: MIT */
/* A mark callback on a thread of the library's forks. */
/* expect: smal: fork: not allowed now: a collection is under way */
/* ends: abort */
#include "test/misuse/team.h"

#include <unistd.h>

static void mistake(void)
{
	fork();
}

int main(void)
{
	return team_run();
}
