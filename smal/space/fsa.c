/* SPDX-License-Identifier: MIT */
/*
 * fsa.c: the fixed-size allocator of metadata (fsa.h).
 *
 * Invariants:
 *   I1  used <= reserved, and reserved items fit the committed prefix
 *   I2  the free list has exactly top - used items, each below top
 * The owner's lock protects it.
 */
#include <smal/space/fsa.h>

#include <string.h>

void smal_fsa_init(struct smal_fsa *fsa, const struct smal_provider *provider,
                   struct smal_area area, size_t item_bytes)
{
	*fsa = (struct smal_fsa){ .area = area, .provider = provider,
		                  .item_bytes = (uint32_t)item_bytes, .free = SMAL_FSA_NONE };
}

bool smal_fsa_reserve(struct smal_fsa *fsa)
{
	if (fsa->reserved >= SMAL_FSA_NONE ||
	    !smal_area_commit(&fsa->area, fsa->provider,
	                      (size_t)(fsa->reserved + 1) * fsa->item_bytes))
		return false;
	fsa->reserved++;
	return true;
}

void smal_fsa_unreserve(struct smal_fsa *fsa)
{
	SMAL_ASSERT(fsa->reserved > fsa->used);
	fsa->reserved--;
}

uint16_t smal_fsa_take(struct smal_fsa *fsa)
{
	uint16_t index = fsa->free;

	SMAL_ASSERT(fsa->used < fsa->reserved);
	fsa->used++;
	if (index == SMAL_FSA_NONE)
		return (uint16_t)fsa->top++;
	memcpy(&fsa->free, smal_fsa_at(fsa, index), sizeof fsa->free);
	return index;
}

void smal_fsa_give(struct smal_fsa *fsa, uint16_t index)
{
	SMAL_ASSERT(index < fsa->top && fsa->used > 0);
	memcpy(smal_fsa_at(fsa, index), &fsa->free, sizeof fsa->free);
	fsa->free = index;
	fsa->used--;
}
