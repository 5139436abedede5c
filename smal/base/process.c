/* SPDX-License-Identifier: MIT */
/*
 * process.c: the one object with the state of the process (process.h), the
 * numbers of owners, and the version.
 */
#include <smal/base/process.h>
#include <smal/version.h>

#define TEXT(x) #x
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

enum { OWNER_BITS = sizeof(AO_t) * 8 };

struct smal_process smal_process;

uint16_t smal_owner_take(void)
{
	for (unsigned i = 1; i < SMAL_OWNERS; i++) {
		volatile AO_t *word = &smal_process.owners[i / OWNER_BITS];
		uintptr_t bit = (uintptr_t)1 << (i % OWNER_BITS);

		if ((smal_atomic_load_relaxed(word) & bit) == 0 &&
		    (smal_atomic_or(word, bit) & bit) == 0)
			return (uint16_t)i;
	}
	return 0;
}

void smal_owner_give(uint16_t owner)
{
	smal_atomic_clear(&smal_process.owners[owner / OWNER_BITS],
	                  (uintptr_t)1 << (owner % OWNER_BITS));
}

const char *smal_version(void)
{
	return DOTTED(SMAL_VERSION_MAJOR, SMAL_VERSION_MINOR, SMAL_VERSION_PATCH);
}
