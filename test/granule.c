/* SPDX-License-Identifier: MIT */
/*
 * granule.c: words that mean an object and are not its address (granule.h).
 */
#include "test/granule.h"

#include <smal/base/process.h>

static void ignore(void *object, void *user)
{
	(void)object;
	(void)user;
}

/* Small; at odd multiples of 8; a leaf; one slot to a word of the mask or less, in the
 * same three ways; large; pending when it is dead. */
static const struct smal_type_desc shapes[GRANULE_SHAPES] = {
	{ .name = "small", .bytes = 32, .marking = SMAL_MARK_CONSERVATIVE },
	{ .name = "odd", .bytes = 24, .marking = SMAL_MARK_CONSERVATIVE },
	{ .name = "leaf", .bytes = 48 },
	{ .name = "into",
	  .bytes = 48,
	  .marking = SMAL_MARK_CONSERVATIVE,
	  .flags = SMAL_TYPE_INTERIOR },
	{ .name = "sparse", .bytes = 1032, .marking = SMAL_MARK_CONSERVATIVE },
	{ .name = "sparse into", .bytes = 1040, .flags = SMAL_TYPE_INTERIOR },
	{ .name = "large", .bytes = 100000, .marking = SMAL_MARK_CONSERVATIVE },
	{ .name = "large into",
	  .bytes = 100000,
	  .marking = SMAL_MARK_CONSERVATIVE,
	  .flags = SMAL_TYPE_INTERIOR },
	{ .name = "freed", .bytes = 64, .marking = SMAL_MARK_CONSERVATIVE, .free = ignore },
};

static struct smal_type *types[GRANULE_SHAPES];
static bool marks_were_checked;

struct smal_type *granule_begin(int shape)
{
	marks_were_checked = smal_options()->check_mark;
	smal_process.options.check_mark = true;
	types[shape] = heap_type(&shapes[shape]);
	return types[shape];
}

void granule_end(void)
{
	smal_process.options.check_mark = marks_were_checked;
}

static bool leads_into(int shape)
{
	return (shapes[shape].flags & SMAL_TYPE_INTERIOR) != 0;
}

static uintptr_t granule_of(const void *object)
{
	return (uintptr_t)object & ~(uintptr_t)(GRANULE_WORDS - 1);
}

void *granule_word(int shape, const void *object, unsigned n)
{
	if (leads_into(shape))
		return (char *)(uintptr_t)object +
		       n * (shapes[shape].bytes - 1) / (GRANULE_WORDS - 1);
	return (void *)(granule_of(object) + n);
}

void *granule_beyond(int shape, const void *object)
{
	return leads_into(shape) ? NULL : (void *)(granule_of(object) + GRANULE_WORDS);
}

bool granule_is_live(int shape, const void *object)
{
	return smal_type_of(object) == types[shape];
}
