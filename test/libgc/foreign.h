/* SPDX-License-Identifier: MIT */
/*
 * foreign.h: memory that is no root by itself, beside some that is, and objects that are
 * noted in either.
 */
#ifndef SMAL_TEST_LIBGC_FOREIGN_H
#define SMAL_TEST_LIBGC_FOREIGN_H

#include "test/libgc/abi.h"

#include <stdlib.h>

/* Memory that is no root by itself. */
static void **foreign;
/* Memory that is. */
static void *statics[ABI_MANY];
/* Where the next objects are noted. */
static void **slots;

static void begin(void)
{
	abi_begin();
	foreign = calloc(ABI_MANY, sizeof *foreign);
}

static void fill_slots(size_t n)
{
	for (size_t i = 0; i < n; i++)
		abi_watch(i, slots[i] = GC_malloc(i % 100 + 8));
}

static void fill(void **where)
{
	slots = where;
	abi_away(fill_slots, ABI_MANY);
}

#endif
