/* SPDX-License-Identifier: MIT */
/*
 * fsa.c: the fixed-size allocator of metadata (fsa.h).
 *
 * Invariants:
 *   I1  used <= reserved, and reserved items fit the committed prefix
 *   I2  the free list has exactly top - used items, each below top
 *   I3  each item below top is free or held by one owner; what is promised is
 *       promised to owners
 * The owner's lock protects it.
 */
#include <smal/space/fsa.h>

#include <string.h>

static const uint32_t no_item = UINT32_MAX;

void smal_fsa_init(struct smal_fsa *fsa, struct smal_account *account, struct smal_area area,
                   size_t item_bytes)
{
	*fsa = (struct smal_fsa){ .area = area, .account = account,
		                  .item_bytes = (uint32_t)item_bytes, .free = no_item };
}

bool smal_fsa_reserve(struct smal_fsa *fsa)
{
	if (!smal_area_commit(&fsa->area, fsa->account,
	                      ((size_t)fsa->reserved + 1) * fsa->item_bytes))
		return false;
	fsa->reserved++;
	return true;
}

void smal_fsa_unreserve(struct smal_fsa *fsa)
{
	SMAL_ASSERT(fsa->reserved > fsa->used);
	fsa->reserved--;
}

uint32_t smal_fsa_take(struct smal_fsa *fsa)
{
	uint32_t index = fsa->free;

	SMAL_ASSERT(fsa->used < fsa->reserved);
	fsa->used++;
	if (index == no_item)
		return fsa->top++;
	memcpy(&fsa->free, smal_fsa_at(fsa, index), sizeof fsa->free);
	return index;
}

void smal_fsa_give(struct smal_fsa *fsa, uint32_t index)
{
	SMAL_ASSERT(index < fsa->top && fsa->used > 0);
	memcpy(smal_fsa_at(fsa, index), &fsa->free, sizeof fsa->free);
	fsa->free = index;
	fsa->used--;
}

const char *smal_fsa_check(const struct smal_fsa *fsa, const struct smal_fsa_held *held)
{
	uint64_t sum = held->index_sum, top = fsa->top;
	uint32_t index = fsa->free;

	if (fsa->item_bytes == 0)
		return sum == 0 && held->used == 0 ? NULL : "fsa I3: there is no item to hold";
	if (fsa->used > fsa->reserved ||
	    (uint64_t)fsa->reserved * fsa->item_bytes > fsa->area.committed_bytes)
		return "fsa I1: more is promised than there is";
	if (fsa->used > fsa->top || top * fsa->item_bytes > fsa->area.committed_bytes)
		return "fsa I2: more is in use than was ever taken";
	for (uint32_t left = fsa->top - fsa->used; left > 0; left--) {
		if (index >= fsa->top)
			return "fsa I2: the free list leads to what is no item";
		sum += index;
		memcpy(&index, smal_fsa_at(fsa, index), sizeof index);
	}
	if (index != no_item)
		return "fsa I2: the free list does not end";
	/* 0 + 1 + ... + (top - 1): an item twice and another not at all shows. */
	if (fsa->used != held->used || sum != top * (top - 1) / 2)
		return "fsa I3: an item is held twice or by nobody";
	if (fsa->reserved != held->reserved)
		return "fsa I3: an item is promised to nobody, or held without a promise";
	return NULL;
}
