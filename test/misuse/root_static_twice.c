/* SPDX-License-Identifier: MIT */
/* Static data is declared twice, the second time with a filter. */
/* expect: smal: smal_root_add_static_if: static data is a root already */
/* ends: abort */
#include "test/misuse/misuse.h"

static int want(const char *name, const void *base, const void *limit, void *user)
{
	(void)name;
	(void)base;
	(void)limit;
	(void)user;
	return 1;
}

int main(void)
{
	begin();
	expect_ok(smal_root_add_static(gc));
	smal_root_add_static_if(gc, want, NULL);
	return 0;
}
