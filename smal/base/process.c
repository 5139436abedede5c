/* SPDX-License-Identifier: MIT */
/*
 * process.c: the one object with the state of the process (process.h), and
 * the version.
 */
#include <smal/base/process.h>
#include <smal/version.h>

#define TEXT(x) #x
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

struct smal_process smal_process;

const char *smal_version(void)
{
	return DOTTED(SMAL_VERSION_MAJOR, SMAL_VERSION_MINOR, SMAL_VERSION_PATCH);
}
