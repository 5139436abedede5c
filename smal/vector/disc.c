/* SPDX-License-Identifier: MIT */
/*
 * disc.c: blocks of the disc: taken, given back, made larger and smaller in place.
 *
 *   map k of the index:  bit s = a free block of order k, part of no larger one,
 *                        begins in stretch s (if k < 6 there may be several)
 *
 * Blocks are buddies: one of order k + 1 is two of order k, and if both are free, they
 * are one. In a stretch this is done by masks: one word says which of its units are
 * free (decoded from the codes, and remembered for some stretches), and a few
 * shifts say which blocks those make up. From a stretch up it is done in the index. No
 * list of free blocks is anywhere: to give a block back is to write that it is free.
 *
 * D1  The index says of each stretch and order what the codes say.
 * D2  What is remembered of a stretch (`seen`) is what the codes say.
 *
 * Which free blocks may have pages is kept by warm.c (D3).
 *
 * A block is taken from the smallest that will do, of those from the one with the
 * lowest address.
 */
#include <smal/vector/pool.h>

/* The units at which blocks of an order begin. */
static const uint64_t begins[] = { 0xffffffffffffffff,
	                           0x5555555555555555,
	                           0x1111111111111111,
	                           0x0101010101010101,
	                           0x0001000100010001,
	                           0x0000000100000001,
	                           1 };

/* The highest order within a stretch. */
static unsigned orders_in_stretch(const struct smal_vector_pool *pool)
{
	return pool->shape.top < SMAL_STRETCH_LOG2 ? pool->shape.top : SMAL_STRETCH_LOG2;
}

/* From the free blocks of an order to those of the next one that they make up; those
 * that make up none are `alone`. */
static SMAL_ALWAYS_INLINE uint64_t larger_of(uint64_t free, unsigned order, uint64_t *alone)
{
	uint64_t larger = free & free >> (1u << order) & begins[order + 1];

	*alone = free ^ (larger | larger << (1u << order));
	return larger;
}

/* Where the free blocks of an order begin, that are part of no larger one. */
static uint64_t blocks_of(const struct smal_vector_pool *pool, uint64_t free, unsigned order)
{
	uint64_t alone = free;

	for (unsigned k = 0; k < order; k++)
		free = larger_of(free, k, &alone);
	if (order < orders_in_stretch(pool))
		larger_of(free, order, &alone);
	else
		alone = free;
	return alone;
}

unsigned smal_disc_orders(const struct smal_vector_pool *pool, uint64_t free)
{
	unsigned most = orders_in_stretch(pool), orders = 0;
	uint64_t alone;

	/* Written out, so that all shifts are by constants. */
#define STEP(k)                                                       \
	do {                                                          \
		if ((k) == most)                                      \
			return orders | (unsigned)(free != 0) << (k); \
		free = larger_of(free, k, &alone);                    \
		orders |= (unsigned)(alone != 0) << (k);              \
	} while (0)
	STEP(0);
	STEP(1);
	STEP(2);
	STEP(3);
	STEP(4);
	STEP(5);
#undef STEP
	return orders | (unsigned)(free != 0) << SMAL_STRETCH_LOG2;
}

/* A stretch that lies in no larger vector which begins elsewhere. */
static struct smal_stretch *look_at(struct smal_vector_pool *pool, size_t stretch)
{
	struct smal_stretch *seen = &pool->seen[stretch & pool->seen_mask];

	if (SMAL_UNLIKELY(seen->stretch != stretch)) {
		smal_code_look(pool, stretch, seen);
		seen->orders = smal_disc_orders(pool, seen->free);
	}
	return seen;
}

static uint64_t units_mask(unsigned order)
{
	return order >= SMAL_STRETCH_LOG2 ? ~(uint64_t)0 : ((uint64_t)1 << (1u << order)) - 1;
}

/* ---- Whole stretches ---- */

/* What is remembered of a block's stretches is not so any more. */
static void forget(struct smal_vector_pool *pool, size_t stretch, unsigned order)
{
	size_t count = smal_min(smal_stretches(order), pool->seen_mask + (size_t)1);

	for (size_t i = 0; i < count; i++) {
		struct smal_stretch *seen = &pool->seen[(stretch + i) & pool->seen_mask];

		if (seen->stretch - stretch < smal_stretches(order))
			seen->stretch = SMAL_INDEX_NONE;
	}
}

/* A free block of whole stretches, and what it makes up with its neighbours. */
static void give_stretches(struct smal_vector_pool *pool, size_t stretch, unsigned order)
{
	while (order < pool->shape.top &&
	       smal_index_test(&pool->index, order, stretch ^ smal_stretches(order))) {
		smal_index_clear(&pool->index, order, stretch ^ smal_stretches(order));
		stretch &= ~smal_stretches(order);
		order++;
	}
	smal_index_set(&pool->index, order, stretch);
	if (order == pool->shape.top)
		smal_warm_begin(pool, stretch);
}

/* Of a block the first part is used: the rest are blocks, none of which has a free
 * neighbour. */
static void give_rest(struct smal_vector_pool *pool, size_t stretch, unsigned order, unsigned used)
{
	while (order > used) {
		order--;
		smal_index_set(&pool->index, order, stretch + smal_stretches(order));
	}
}

/* ---- Within a stretch ---- */

/* Other units of the stretch are free than were: the index is told. */
static void change(struct smal_vector_pool *pool, struct smal_stretch *seen, uint64_t free)
{
	unsigned now = smal_disc_orders(pool, free), changed = now ^ seen->orders;

	seen->free = free;
	seen->orders = now;
	if (pool->shape.top >= SMAL_STRETCH_LOG2) {
		if ((changed & now) >> SMAL_STRETCH_LOG2 != 0)
			give_stretches(pool, seen->stretch, SMAL_STRETCH_LOG2);
		changed &= (1u << SMAL_STRETCH_LOG2) - 1;
	} else if (free == ~(uint64_t)0) {
		smal_warm_begin(pool, seen->stretch);
	} else {
		smal_warm_end(pool, seen->stretch);
	}
	for (; changed != 0; changed &= changed - 1) {
		unsigned order = (unsigned)__builtin_ctz(changed);

		if ((now >> order & 1) != 0)
			smal_index_set(&pool->index, order, seen->stretch);
		else
			smal_index_clear(&pool->index, order, seen->stretch);
	}
}

/* A whole free stretch that is in the index no more. */
static struct smal_stretch *open_stretch(struct smal_vector_pool *pool, size_t stretch)
{
	struct smal_stretch *seen = &pool->seen[stretch & pool->seen_mask];

	*seen = (struct smal_stretch){ stretch, ~(uint64_t)0, 0, 1u << SMAL_STRETCH_LOG2 };
	return seen;
}

/* ---- Blocks ---- */

/* The first block of an order in a stretch that has larger ones, of order `have`. */
static size_t take_in_stretch(struct smal_vector_pool *pool, struct smal_stretch *seen,
                              unsigned order, unsigned have)
{
	unsigned at = (unsigned)__builtin_ctzll(blocks_of(pool, seen->free, have));

	seen->begins |= (uint64_t)1 << at;
	change(pool, seen, seen->free & ~(units_mask(order) << at));
	return (seen->stretch << SMAL_STRETCH_LOG2) + at;
}

size_t smal_disc_take(struct smal_vector_pool *pool, unsigned order)
{
	size_t stretch = SMAL_INDEX_NONE;
	unsigned have = order;

	for (; have <= pool->shape.top; have++)
		if ((stretch = smal_index_find(&pool->index, have)) != SMAL_INDEX_NONE)
			break;
	if (stretch == SMAL_INDEX_NONE)
		return SMAL_INDEX_NONE;
	if (have < SMAL_STRETCH_LOG2)
		return take_in_stretch(pool, look_at(pool, stretch), order, have);
	smal_index_clear(&pool->index, have, stretch);
	if (have == pool->shape.top)
		smal_warm_end(pool, stretch);
	give_rest(pool, stretch, have, (unsigned)smal_max(order, SMAL_STRETCH_LOG2));
	if (order < SMAL_STRETCH_LOG2)
		return take_in_stretch(pool, open_stretch(pool, stretch), order, SMAL_STRETCH_LOG2);
	forget(pool, stretch, order);
	return stretch << SMAL_STRETCH_LOG2;
}

void smal_disc_give(struct smal_vector_pool *pool, size_t unit, unsigned order)
{
	size_t stretch = unit >> SMAL_STRETCH_LOG2;
	struct smal_stretch *seen;

	if (order >= SMAL_STRETCH_LOG2) {
		forget(pool, stretch, order);
		smal_code_erase(pool, unit, order);
		give_stretches(pool, stretch, order);
		return;
	}
	seen = look_at(pool, stretch);
	smal_code_erase(pool, unit, order);
	seen->begins &= ~((uint64_t)1 << (unit & 63));
	change(pool, seen, seen->free | units_mask(order) << (unit & 63));
}

/* True if what is behind a block, up to the end of the order, is free. */
static bool is_free_behind(struct smal_vector_pool *pool, const struct smal_vector_place *place,
                           unsigned order)
{
	size_t stretch = place->unit >> SMAL_STRETCH_LOG2;
	unsigned k = place->order;

	if (k < SMAL_STRETCH_LOG2) {
		uint64_t wanted = units_mask(order) & ~units_mask(k);

		if ((~look_at(pool, stretch)->free >> (place->unit & 63) & wanted) != 0)
			return false;
		k = SMAL_STRETCH_LOG2;
	}
	for (; k < order; k++)
		if (!smal_index_test(&pool->index, k, stretch + smal_stretches(k)))
			return false;
	return true;
}

bool smal_disc_expand(struct smal_vector_pool *pool, struct smal_vector_place *place,
                      unsigned order)
{
	size_t stretch = place->unit >> SMAL_STRETCH_LOG2;
	struct smal_stretch *seen;

	if ((place->unit & (((size_t)1 << order) - 1)) != 0 || !is_free_behind(pool, place, order))
		return false;
	if (place->order < SMAL_STRETCH_LOG2) {
		seen = look_at(pool, stretch);
		change(pool, seen, seen->free & ~(units_mask(order) << (place->unit & 63)));
	}
	for (unsigned k = (unsigned)smal_max(place->order, SMAL_STRETCH_LOG2); k < order; k++) {
		smal_index_clear(&pool->index, k, stretch + smal_stretches(k));
		forget(pool, stretch + smal_stretches(k), k);
	}
	smal_code_erase(pool, place->unit, place->order);
	place->order = order;
	smal_code_write(pool, place);
	return true;
}

void smal_disc_cut(struct smal_vector_pool *pool, struct smal_vector_place *place, unsigned order)
{
	size_t stretch = place->unit >> SMAL_STRETCH_LOG2;
	uint64_t rest = units_mask(place->order) & ~units_mask(order);
	struct smal_stretch *seen = NULL;
	unsigned had = place->order;

	if (had >= SMAL_STRETCH_LOG2)
		forget(pool, stretch, had);
	if (order < SMAL_STRETCH_LOG2)
		seen = look_at(pool, stretch);
	smal_code_erase(pool, place->unit, had);
	place->order = order;
	smal_code_write(pool, place);
	if (had > SMAL_STRETCH_LOG2)
		give_rest(pool, stretch, had, (unsigned)smal_max(order, SMAL_STRETCH_LOG2));
	if (seen != NULL)
		change(pool, seen, seen->free | rest << (place->unit & 63));
}

void smal_disc_grow(struct smal_vector_pool *pool, size_t units)
{
	/* All new units are free blocks of the largest class; of those smaller than a
	 * stretch it has several, the last one maybe fewer. */
	size_t step = (size_t)1 << smal_max(pool->shape.top, SMAL_STRETCH_LOG2);

	for (size_t unit = pool->units; unit < units; unit += step)
		smal_index_set(&pool->index, pool->shape.top, unit >> SMAL_STRETCH_LOG2);
	pool->units = units;
}
