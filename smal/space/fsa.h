/* SPDX-License-Identifier: MIT */
/*
 * fsa.h: the fixed-size allocator of metadata: items named by index.
 *
 * Items live in one area whose prefix is committed as it is needed. Whoever
 * may need an item later reserves it first; a reservation can fail, taking a
 * reserved item can't. That is what makes giving memory back infallible.
 */
#ifndef SMAL_SPACE_FSA_H
#define SMAL_SPACE_FSA_H

#include <smal/space/provider.h>

struct smal_fsa {
	struct smal_area area;
	struct smal_account *account;
	/* At least 4. */
	uint32_t item_bytes;
	/* Items ever taken; items in use; items promised (>= used). */
	uint32_t top, used, reserved;
	/* First of the top - used free items, linked through themselves; the
	 * last one leads to no item. */
	uint32_t free;
};

/* What the owners of an fsa hold of it, summed up by their checkers. */
struct smal_fsa_held {
	uint32_t used, reserved;
	uint64_t index_sum;
};

void smal_fsa_init(struct smal_fsa *fsa, struct smal_account *account, struct smal_area area,
                   size_t item_bytes);

/* Promises one more item; false if there is no memory for it. */
bool smal_fsa_reserve(struct smal_fsa *fsa);
void smal_fsa_unreserve(struct smal_fsa *fsa);

/* Takes a promised item; its contents are undefined. */
uint32_t smal_fsa_take(struct smal_fsa *fsa);
void smal_fsa_give(struct smal_fsa *fsa, uint32_t index);

/* The first invariant (of fsa.c) that does not hold, or NULL. */
const char *smal_fsa_check(const struct smal_fsa *fsa, const struct smal_fsa_held *held);

static inline void *smal_fsa_at(const struct smal_fsa *fsa, uint32_t index)
{
	return fsa->area.base + (size_t)index * fsa->item_bytes;
}

static inline uint32_t smal_fsa_index(const struct smal_fsa *fsa, const void *item)
{
	return (uint32_t)((size_t)((const char *)item - fsa->area.base) / fsa->item_bytes);
}

#endif
