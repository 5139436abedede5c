/* SPDX-License-Identifier: MIT */
/*
 * slot.c: vectors larger than classes: each has a slot of addresses and grows in it.
 *
 *   | used | ...    | ...       | reserved             |
 *          used  capacity  committed                slot
 *
 * Pages up to the capacity may have been touched. Capacity is a number: to raise it
 * costs no call while it is within what is committed, and to commit costs no memory.
 * Slots of up to WHOLE bytes are committed whole: neighbours of the same kind of
 * mapping are one, so that many vectors have one mapping together. Larger ones are in
 * steps, each many times the one before.
 *
 * What outgrows its slot gets a larger one, to which the system moves its pages: no
 * byte is copied. What was moved has a mapping of its own until its slot is free, and
 * mappings are scarce: there may be MOVED of them, then bytes are copied after all.
 *
 * A freed slot's pages go back, but for a few (WARM bytes of all) that the next vector
 * there can have.
 *
 * S1  used <= capacity <= committed <= the slot's size.
 * S2  taken_bytes is the sum of the disc's and of all slots' capacities; warm_bytes that
 *     of the free ones' among them, which are in the index.
 * S3  moved_slots is the number of slots that have `moved`.
 */
#include <smal/vector/pool.h>

#include <string.h>

enum {
	WARM = 1 << 20,
	WHOLE = 16 << 20,
	/* The first step of larger slots; the next ones are so many times as large. */
	STEP = 2 << 20,
	STEP_TIMES = 4,
	MOVED = 128,
	MOVE_LEAST = 64 << 10
};

static size_t pages(size_t bytes)
{
	return smal_round_up(bytes, smal_os_page_bytes());
}

/* In whole pages, too. */
static bool is_possible(size_t bytes)
{
	return bytes <= PTRDIFF_MAX - smal_os_page_bytes();
}

/* ---- Limits ---- */

bool smal_slot_allowed(struct smal_vector_system *system, size_t bytes)
{
	if (system->limit_bytes - system->taken_bytes >= bytes)
		return true;
	smal_slot_cool(system);
	return system->limit_bytes - system->taken_bytes >= bytes;
}

/* Committed up to `wanted`, or to `bytes` at least. */
static bool commit(struct smal_slots *region, size_t number, size_t bytes)
{
	struct smal_slot *slot = &region->slot[number];
	size_t most = smal_slots_size(region), wanted = most, had = slot->committed_bytes;
	char *end = smal_slots_base(region, number) + had;

	if (bytes <= had)
		return true;
	if (most > WHOLE) {
		wanted = smal_max(STEP, had);
		while (wanted < most && wanted < bytes)
			wanted = wanted <= most / STEP_TIMES ? wanted * STEP_TIMES : most;
	}
	if (!smal_os_commit(end, wanted - had)) {
		wanted = pages(bytes);
		if (!smal_os_commit(end, wanted - had))
			return false;
	}
	slot->committed_bytes = wanted;
	return true;
}

static bool set_capacity(struct smal_vector_system *system, struct smal_slots *region,
                         size_t number, size_t bytes)
{
	struct smal_slot *slot = &region->slot[number];

	if (bytes <= slot->capacity_bytes)
		return true;
	if (!smal_slot_allowed(system, bytes - slot->capacity_bytes) ||
	    !commit(region, number, bytes))
		return false;
	system->taken_bytes += bytes - slot->capacity_bytes;
	slot->capacity_bytes = bytes;
	return true;
}

/* ---- Free slots ---- */

/* No page behind `bytes` is a free slot's, or a vector's that does not use it. */
static void discard(struct smal_vector_system *system, struct smal_slots *region, size_t number,
                    size_t bytes)
{
	struct smal_slot *slot = &region->slot[number];

	if (slot->capacity_bytes <= bytes ||
	    !smal_os_discard(smal_slots_base(region, number) + bytes, slot->capacity_bytes - bytes))
		return;
	system->taken_bytes -= slot->capacity_bytes - bytes;
	slot->capacity_bytes = bytes;
}

void smal_slot_cool(struct smal_vector_system *system)
{
	for (unsigned i = 0; i < system->regions && system->warm_bytes != 0; i++) {
		struct smal_slots *region = &system->region[i];
		size_t n, warm;

		if (region->base == NULL || region->slots == 1)
			continue;
		while ((n = smal_index_find(&region->index, SMAL_SLOT_WARM)) != SMAL_INDEX_NONE) {
			warm = region->slot[n].capacity_bytes;
			discard(system, region, n, 0);
			/* What the system does not take now, it won't take of the next one. */
			if (region->slot[n].capacity_bytes != 0)
				return;
			system->warm_bytes -= warm;
			smal_index_clear(&region->index, SMAL_SLOT_WARM, n);
		}
	}
}

/* The mapping that a slot had, of which its neighbours' is one: without huge pages. */
static bool renew(char *base, size_t bytes)
{
	if (!smal_os_renew(base, bytes))
		return false;
	smal_os_huge(base, bytes, false);
	return true;
}

/* A slot of its own ends with all of it; of another one the pages go, if they can. */
static void release(struct smal_vector_system *system, struct smal_slots *region, size_t number)
{
	struct smal_slot *slot = &region->slot[number];

	slot->used_bytes = 0;
	if (region->slots == 1) {
		system->moved_slots -= slot->moved;
		system->taken_bytes -= slot->capacity_bytes;
		smal_slots_give(system, region, number);
		return;
	}
	if (slot->moved && renew(smal_slots_base(region, number), slot->committed_bytes)) {
		slot->moved = false;
		system->moved_slots--;
		system->taken_bytes -= slot->capacity_bytes;
		slot->capacity_bytes = 0;
	}
	if (slot->capacity_bytes > WARM - smal_min(system->warm_bytes, WARM))
		discard(system, region, number, 0);
	system->warm_bytes += slot->capacity_bytes;
	if (slot->capacity_bytes != 0)
		smal_index_set(&region->index, SMAL_SLOT_WARM, number);
	smal_slots_give(system, region, number);
}

/* A slot with a capacity of so many bytes. */
static bool take(struct smal_vector_system *system, size_t bytes, struct smal_vector_large *large)
{
	large->region = smal_slots_take(system, bytes, &large->number);
	if (large->region == NULL)
		return false;
	large->slot = &large->region->slot[large->number];
	system->warm_bytes -= large->slot->capacity_bytes;
	if (large->region->slots != 1)
		smal_index_clear(&large->region->index, SMAL_SLOT_WARM, large->number);
	if (set_capacity(system, large->region, large->number, bytes))
		return true;
	release(system, large->region, large->number);
	return false;
}

/* ---- Vectors ---- */

void *smal_slot_alloc(struct smal_vector_system *system, size_t capacity)
{
	struct smal_vector_large large;

	if (!is_possible(capacity) || !take(system, pages(capacity), &large))
		return NULL;
	return smal_slots_base(large.region, large.number);
}

void smal_slot_free(struct smal_vector_system *system, const struct smal_vector_large *large)
{
	release(system, large->region, large->number);
}

/* Twice as much as it was, if that can be: who asks step by step asks seldom. */
bool smal_slot_expand(struct smal_vector_system *system, const struct smal_vector_large *large,
                      size_t capacity)
{
	size_t most = smal_slots_size(large->region), had = large->slot->capacity_bytes;

	if (capacity <= had)
		return true;
	if (capacity > most)
		return false;
	capacity = pages(capacity);
	return set_capacity(system, large->region, large->number,
	                    smal_min(most, smal_max(capacity, had <= most / 2 ? 2 * had : most))) ||
	       set_capacity(system, large->region, large->number, capacity);
}

/* The pages of a vector are another slot's now. What refuses may have taken the other's
 * mapping away before; then it has it again, or can't be used. */
static bool move_pages(struct smal_vector_system *system, const struct smal_vector_large *from,
                       const struct smal_vector_large *to, size_t bytes, bool *usable)
{
	char *base = smal_slots_base(from->region, from->number);
	char *other = smal_slots_base(to->region, to->number);

	*usable = true;
	if (bytes < MOVE_LEAST || system->moved_slots + 2 > MOVED)
		return false;
	if (!smal_os_move(base, other, bytes)) {
		*usable = renew(other, bytes);
		return false;
	}
	system->moved_slots += (size_t)!from->slot->moved + (size_t)!to->slot->moved;
	from->slot->moved = to->slot->moved = true;
	system->remapped++;
	return true;
}

/* The pages, or else the bytes. */
static bool move(struct smal_vector_pool *pool, const struct smal_vector_large *from,
                 const struct smal_vector_large *to)
{
	size_t used = from->slot->used_bytes;
	bool usable;

	if (!move_pages(pool->system, from, to, pages(used), &usable)) {
		if (!usable)
			return false;
		memcpy(smal_slots_base(to->region, to->number),
		       smal_slots_base(from->region, from->number), used);
		pool->copied_bytes += used;
		pool->moves++;
	}
	to->slot->used_bytes = used;
	return true;
}

void *smal_slot_grow(struct smal_vector_pool *pool, const struct smal_vector_large *large,
                     size_t capacity)
{
	struct smal_vector_large to;

	if (!is_possible(capacity))
		return NULL;
	if (smal_slot_expand(pool->system, large, capacity))
		return smal_slots_base(large->region, large->number);
	/* There is no room in the slot, or no memory: elsewhere it would need more. */
	if (capacity <= smal_slots_size(large->region) || !take(pool->system, pages(capacity), &to))
		return NULL;
	if (!move(pool, large, &to)) {
		release(pool->system, to.region, to.number);
		return NULL;
	}
	release(pool->system, large->region, large->number);
	return smal_slots_base(to.region, to.number);
}

void smal_slot_shrink(struct smal_vector_system *system, const struct smal_vector_large *large)
{
	discard(system, large->region, large->number,
	        smal_max(pages(large->slot->used_bytes), smal_os_page_bytes()));
}

/* ---- The checker ---- */

/* S1, S3 and R1 of a region; adds up what S2 says. */
static const char *check_region(const struct smal_slots *region, size_t *taken, size_t *warm,
                                size_t *moved)
{
	size_t free = region->slots - region->known * (region->slots != 1);

	if (region->slots == 1 && region->free_slots != 0)
		return "slot R1: a region of one has no vector";
	for (size_t n = 0; region->slots != 1 && n < region->slots; n++)
		if (n >= region->known && smal_index_test(&region->index, SMAL_SLOT_FREE, n))
			return "slot R1: a slot that was never used was given back";
	for (size_t n = 0; n < smal_max(region->known, region->slots == 1); n++) {
		const struct smal_slot *slot = &region->slot[n];
		bool is_free = smal_index_test(&region->index, SMAL_SLOT_FREE, n);
		bool is_warm = region->slots != 1 &&
		               smal_index_test(&region->index, SMAL_SLOT_WARM, n);

		if (slot->used_bytes > slot->capacity_bytes ||
		    slot->capacity_bytes > slot->committed_bytes ||
		    slot->committed_bytes > smal_slots_size(region) ||
		    (is_free && slot->used_bytes != 0))
			return "slot S1: used, capacity, committed and size are out of order";
		if (is_warm != (is_free && slot->capacity_bytes != 0))
			return "slot S2: the warm slots are not those of the index";
		free += region->slots != 1 && is_free;
		*taken += slot->capacity_bytes;
		*warm += is_free ? slot->capacity_bytes : 0;
		*moved += slot->moved;
	}
	if (region->slots != 1 && free != region->free_slots)
		return "slot R1: the free slots are more or fewer than are counted";
	return smal_index_check(&region->index, region->slots)
	               ? NULL
	               : "index: a higher level does not say what the lower one has";
}

const char *smal_slot_check(const struct smal_vector_system *system)
{
	size_t taken = system->disc.committed_bytes, warm = 0, moved = 0;
	const char *why = NULL;

	for (unsigned i = 0; i < system->regions && why == NULL; i++)
		if (system->region[i].base != NULL)
			why = check_region(&system->region[i], &taken, &warm, &moved);
	if (why == NULL && (taken != system->taken_bytes || warm != system->warm_bytes))
		why = "slot S2: the bytes of all vectors are not what is counted";
	if (why == NULL && moved != system->moved_slots)
		why = "slot S3: the slots with moved pages are more or fewer than are counted";
	return why;
}
