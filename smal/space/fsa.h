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

enum { SMAL_FSA_NONE = 0xffff };

struct smal_fsa {
	struct smal_area area;
	const struct smal_provider *provider;
	uint32_t item_bytes;
	/* Items ever taken; items in use; items promised (>= used). */
	uint32_t top, used, reserved;
	/* First of the free items below top, linked through themselves. */
	uint16_t free;
};

void smal_fsa_init(struct smal_fsa *fsa, const struct smal_provider *provider,
                   struct smal_area area, size_t item_bytes);

/* Promises one more item; false if there is no memory for it. */
bool smal_fsa_reserve(struct smal_fsa *fsa);
void smal_fsa_unreserve(struct smal_fsa *fsa);

/* Takes a promised item; its contents are undefined. */
uint16_t smal_fsa_take(struct smal_fsa *fsa);
void smal_fsa_give(struct smal_fsa *fsa, uint16_t index);

static inline void *smal_fsa_at(const struct smal_fsa *fsa, uint16_t index)
{
	return fsa->area.base + (size_t)index * fsa->item_bytes;
}

#endif
