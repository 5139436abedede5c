/* SPDX-License-Identifier: MIT */
/*
 * region.c: addresses for vectors that are larger than classes, in slots.
 *
 *   region of kind 0   | 4 GiB | 4 GiB | ...        64 slots
 *   kind 1             | 256 MiB | ...              1,024
 *   kind 2             | 16 MiB | ...               16,384
 *   kind 3             | 1 MiB | ...                262,144
 *   of one             | as much as a vector asked for, and more |
 *
 * A region is a reservation of 256 GiB, or of what could be had, in slots of the same
 * size. The first is of kind 0, the next of kind 1 and so on: few vectors have very
 * many addresses each, and many have enough. A vector too large for the slots there
 * are, or for any, has a region of its own.
 *
 * Which slots were given back is in an index; the lowest is taken, or else the first that
 * was never used. What is known of slots is
 * outside of them, in a reservation behind that index, of which the part is committed
 * that belongs to slots which were ever used.
 *
 * R1  A region has as many free slots as there are in its index and were never used.
 */
#include <smal/vector/pool.h>

enum { KINDS = 4, KIND_LOG2 = 4, FIRST_SLOTS = 64 };

/* The smallest region, if not of one; the smallest slot. */
enum { LEAST_BYTES = 4 << 20, SLOT_LEAST_LOG2 = 16 };

/* Slots of a region of one are so many times what was asked for, if it can be. */
enum { OWN_ROOM = 4 };

/* ---- Addresses ---- */

char *smal_slots_reserve(size_t most, size_t least, size_t *bytes)
{
	char *base;

	for (*bytes = most; *bytes >= least; *bytes /= 2) {
		base = smal_os_reserve(*bytes);
		if (base == NULL)
			continue;
		if (*bytes == most || *bytes / 4 < least)
			return base;
		smal_os_release(base, *bytes);
		*bytes /= 4;
		return smal_os_reserve(*bytes);
	}
	return NULL;
}

/* The index of a region and its slots. False: no memory. */
static bool make_books(struct smal_vector_system *system, struct smal_slots *region)
{
	size_t words_bytes = 0, page = smal_os_page_bytes();
	uint64_t *words;

	region->index.maps = SMAL_SLOT_MAPS;
	region->index.levels = (uint8_t)smal_index_levels(region->slots);
	for (unsigned l = 0; l < region->index.levels; l++)
		words_bytes += smal_index_words(region->slots, l, SMAL_SLOT_MAPS) *
		               sizeof *words;
	region->books.bytes =
		smal_round_up(words_bytes + region->slots * sizeof *region->slot, page);
	region->books.base = smal_os_reserve(region->books.bytes);
	if (region->books.base == NULL)
		return false;
	if (!smal_area_commit(&region->books, &system->account, words_bytes)) {
		smal_os_release(region->books.base, region->books.bytes);
		return false;
	}
	words = (uint64_t *)(void *)region->books.base;
	for (unsigned l = 0; l < region->index.levels; l++) {
		region->index.level[l] = words;
		words += smal_index_words(region->slots, l, SMAL_SLOT_MAPS);
	}
	region->slot = (struct smal_slot *)(void *)words;
	return true;
}

/* The next free entry of the list of regions, or NULL. */
static struct smal_slots *new_region(struct smal_vector_system *system)
{
	for (unsigned i = 0; i < system->regions; i++)
		if (system->region[i].base == NULL)
			return &system->region[i];
	return system->regions < SMAL_REGIONS ? &system->region[system->regions] : NULL;
}

static struct smal_slots *enlist(struct smal_vector_system *system, struct smal_slots *region)
{
	if (region == &system->region[system->regions])
		system->regions++;
	return region;
}

/* A region of slots. */
static struct smal_slots *make(struct smal_vector_system *system, unsigned kind)
{
	struct smal_slots *region = new_region(system);
	size_t bytes;

	if (region == NULL)
		return NULL;
	*region = (struct smal_slots){ .base = smal_slots_reserve(system->region_most, LEAST_BYTES,
		                                                  &bytes) };
	if (region->base == NULL)
		return NULL;
	region->bytes = system->region_bytes = bytes;
	region->slot_log2 = (unsigned)smal_max(smal_log2_ceil(bytes) - smal_log2_ceil(FIRST_SLOTS) -
	                                               KIND_LOG2 * kind,
	                                       SLOT_LEAST_LOG2);
	region->slots = region->free_slots = bytes >> region->slot_log2;
	if (!make_books(system, region)) {
		smal_os_release(region->base, bytes);
		*region = (struct smal_slots){ 0 };
		return NULL;
	}
	/* Memory is what is used, and a page. */
	smal_os_huge(region->base, bytes, false);
	return enlist(system, region);
}

/* A region of one slot. */
static struct smal_slots *make_own(struct smal_vector_system *system, size_t bytes)
{
	struct smal_slots *region = new_region(system);
	size_t least = smal_round_up(bytes, smal_os_page_bytes());

	if (region == NULL || least < bytes)
		return NULL;
	*region =
		(struct smal_slots){ .slots = 1, .free_slots = 1, .slot_log2 = SMAL_WORD_BITS - 1 };
	for (region->bytes = least <= PTRDIFF_MAX / OWN_ROOM ? least * OWN_ROOM : least;
	     region->base == NULL && region->bytes >= least; region->bytes /= 2) {
		region->bytes = smal_round_up(region->bytes, smal_os_page_bytes());
		region->base = smal_os_reserve(region->bytes);
		if (region->base != NULL)
			break;
	}
	if (region->base == NULL) {
		*region = (struct smal_slots){ 0 };
		return NULL;
	}
	region->slot = &region->own;
	region->index =
		(struct smal_index){ .level = { &region->own_word }, .levels = 1, .maps = 1 };
	smal_os_huge(region->base, region->bytes, false);
	return enlist(system, region);
}

static void end(struct smal_vector_system *system, struct smal_slots *region)
{
	system->account.committed_bytes -= region->books.committed_bytes;
	if (region->books.base != NULL)
		smal_os_release(region->books.base, region->books.bytes);
	smal_os_release(region->base, region->bytes);
	*region = (struct smal_slots){ 0 };
	while (system->regions > 0 && system->region[system->regions - 1].base == NULL)
		system->regions--;
}

void smal_slots_fini(struct smal_vector_system *system)
{
	for (unsigned i = system->regions; i-- > 0;)
		if (system->region[i].base != NULL)
			end(system, &system->region[i]);
}

/* ---- Slots ---- */

struct smal_slots *smal_slots_find(struct smal_vector_system *system, const void *address,
                                   size_t *slot)
{
	for (unsigned i = 0; i < system->regions; i++) {
		struct smal_slots *region = &system->region[i];
		size_t offset = (uintptr_t)address - (uintptr_t)region->base;

		if (region->base != NULL && offset < region->bytes) {
			*slot = region->slots == 1 ? 0 : offset >> region->slot_log2;
			return region;
		}
	}
	return NULL;
}

/* The region with the largest slots, of which one at least is free. */
static struct smal_slots *largest(struct smal_vector_system *system)
{
	struct smal_slots *best = NULL;

	for (unsigned i = 0; i < system->regions; i++) {
		struct smal_slots *region = &system->region[i];

		if (region->free_slots != 0 &&
		    (best == NULL || smal_slots_size(region) > smal_slots_size(best)))
			best = region;
	}
	return best;
}

/* The kind of the next region, whose slots are to have so many bytes; KINDS: none
 * has. */
static unsigned next_kind(const struct smal_vector_system *system, size_t bytes)
{
	unsigned kind = 0;
	size_t slot = system->region_bytes / FIRST_SLOTS;

	if (bytes > slot)
		return KINDS;
	for (unsigned i = 0; i < system->regions; i++)
		kind += system->region[i].base != NULL && system->region[i].slots != 1;
	kind = (unsigned)smal_min(kind, KINDS - 1);
	while (kind > 0 && bytes > slot >> (kind * KIND_LOG2))
		kind--;
	return kind;
}

/* A region with a free slot. */
static struct smal_slots *find_region(struct smal_vector_system *system, size_t bytes)
{
	size_t roomy = bytes <= PTRDIFF_MAX / 2 ? bytes * 2 : bytes;
	struct smal_slots *best = largest(system), *made = NULL;
	unsigned kind;

	if (best != NULL && smal_slots_size(best) >= roomy)
		return best;
	kind = next_kind(system, roomy);
	if (kind < KINDS)
		made = make(system, kind);
	if (made != NULL && smal_slots_size(made) >= bytes)
		return made;
	made = make_own(system, bytes);
	if (made != NULL)
		return made;
	return best != NULL && smal_slots_size(best) >= bytes ? best : NULL;
}

/* The slots up to this one have a place for what is known of them. */
static bool know(struct smal_vector_system *system, struct smal_slots *region, size_t slot)
{
	if (slot < region->known || region->slots == 1)
		return true;
	if (!smal_area_commit(&region->books, &system->account,
	                      (size_t)((char *)&region->slot[slot + 1] - region->books.base)))
		return false;
	region->known = slot + 1;
	return true;
}

/* Those given back are in the index; the others were never used. */
struct smal_slots *smal_slots_take(struct smal_vector_system *system, size_t bytes, size_t *slot)
{
	struct smal_slots *region = find_region(system, bytes);

	if (region == NULL)
		return NULL;
	*slot = smal_index_find(&region->index, SMAL_SLOT_FREE);
	if (*slot == SMAL_INDEX_NONE) {
		*slot = region->known;
		if (!know(system, region, *slot))
			return NULL;
		region->known = *slot + 1;
	} else {
		smal_index_clear(&region->index, SMAL_SLOT_FREE, *slot);
	}
	region->free_slots--;
	return region;
}

void smal_slots_give(struct smal_vector_system *system, struct smal_slots *region, size_t slot)
{
	region->free_slots++;
	if (region->slots == 1)
		end(system, region);
	else
		smal_index_set(&region->index, SMAL_SLOT_FREE, slot);
}
