/* SPDX-License-Identifier: MIT */
/*
 * verify.c: counts and the checker of pools: what pool.h, code.c, warm.c, disc.c, region.c
 * and slot.c promise. For the disc, the index is made anew from the codes, by pieces,
 * and compared.
 */
#include <smal/vector/pool.h>

/* ---- Counts ---- */

struct sum {
	const struct smal_vector_pool *pool;
	struct smal_vector_stats *stats;
};

static void add(struct smal_vector_stats *stats, size_t used, size_t capacity)
{
	stats->vectors++;
	stats->used_bytes += used;
	stats->capacity_bytes += capacity;
}

static const char *add_block(const struct smal_vector_place *place, void *argument)
{
	struct sum *sum = argument;

	add(sum->stats, place->used, smal_vector_block_bytes(sum->pool, place->order));
	return NULL;
}

static void add_slots(struct smal_vector_stats *stats, const struct smal_slots *region)
{
	for (size_t n = 0; n < region->known; n++) {
		if (smal_index_test(&region->index, SMAL_SLOT_FREE, n))
			continue;
		add(stats, region->slot[n].used_bytes, region->slot[n].capacity_bytes);
		stats->large_vectors++;
	}
}

static size_t map_bytes(const struct smal_vector_pool *pool)
{
	struct smal_vector_layout layout = { .map_bytes = 0 };

	smal_vector_layout_of(&pool->shape, pool->units, pool->index.maps, &layout);
	return layout.map_bytes;
}

void smal_vector_get_stats(struct smal_vector_pool *pool, struct smal_vector_stats *stats)
{
	struct sum sum = { pool, stats };
	struct smal_vector_system *system;

	*stats = (struct smal_vector_stats){ 0 };
	if (!smal_vector_is_pool(pool, __func__))
		return;
	smal_vector_lock(pool);
	smal_code_each(pool, add_block, &sum);
	stats->moves = pool->moves;
	stats->copied_bytes = pool->copied_bytes;
	system = pool->system;
	if (system != NULL) {
		for (unsigned i = 0; i < system->regions; i++)
			if (system->region[i].base != NULL)
				add_slots(stats, &system->region[i]);
		stats->disc_bytes = system->taken_bytes;
		stats->metadata_bytes = system->account.committed_bytes;
		stats->remapped = system->remapped;
	} else {
		stats->disc_bytes = (uint64_t)pool->units << pool->shape.unit_log2;
		stats->metadata_bytes = map_bytes(pool);
	}
	smal_vector_unlock(pool);
}

/* ---- The checker: the disc ---- */

/* The orders that the index has for a stretch, of those within one. */
static unsigned orders_in_index(const struct smal_vector_pool *pool, size_t stretch)
{
	unsigned most = (unsigned)smal_min(pool->shape.top, SMAL_STRETCH_LOG2), orders = 0;

	for (unsigned k = 0; k <= most; k++)
		orders |= (unsigned)smal_index_test(&pool->index, k, stretch) << k;
	return orders;
}

/* What is remembered of a stretch, if it is, is what it should be. */
static bool is_as_seen(const struct smal_vector_pool *pool, const struct smal_stretch *now)
{
	const struct smal_stretch *seen = &pool->seen[now->stretch & pool->seen_mask];

	return seen->stretch != now->stretch ||
	       (seen->free == now->free && seen->begins == now->begins &&
	        seen->orders == smal_disc_orders(pool, now->free));
}

/* A walk over the larger vectors. */
struct walk {
	struct smal_vector_pool *pool;
	/* Stretches before this one are done. */
	size_t stretch;
};

/* A run of stretches that are all free and belong to no larger free block than they
 * can: each block of the index, and nothing else. */
static const char *check_free_run(struct smal_vector_pool *pool, size_t first, size_t limit)
{
	while (first < limit) {
		unsigned order = SMAL_STRETCH_LOG2;

		while (order < pool->shape.top && (first & (2 * smal_stretches(order) - 1)) == 0 &&
		       first + 2 * smal_stretches(order) <= limit)
			order++;
		for (unsigned k = 0; k <= pool->shape.top; k++)
			for (size_t s = first; s < first + smal_stretches(order); s++)
				if (smal_index_test(&pool->index, k, s) !=
				    (k == order && s == first))
					return "disc D1: the index has other free blocks than the "
					       "codes";
		first += smal_stretches(order);
	}
	return NULL;
}

/* Stretches up to the limit have no vector that takes all of them. */
static const char *check_stretches(struct smal_vector_pool *pool, size_t first, size_t limit)
{
	bool large = pool->shape.top >= SMAL_STRETCH_LOG2;
	size_t run = first;

	for (size_t s = first; s < limit; s++) {
		struct smal_stretch now;
		uint64_t free;

		smal_code_look(pool, s, &now);
		free = now.free;
		if (!is_as_seen(pool, &now))
			return "disc D2: a stretch is not what is remembered of it";
		if (large && free == ~(uint64_t)0)
			continue;
		if (large && check_free_run(pool, run, s) != NULL)
			return check_free_run(pool, run, s);
		run = s + 1;
		if (orders_in_index(pool, s) != smal_disc_orders(pool, free))
			return "disc D1: the index has other free blocks than the codes";
		for (unsigned k = SMAL_STRETCH_LOG2 + 1; k <= pool->shape.top; k++)
			if (smal_index_test(&pool->index, k, s))
				return "disc D1: the index has other free blocks than the codes";
	}
	return large ? check_free_run(pool, run, limit) : NULL;
}

static const char *check_up_to(const struct smal_vector_place *place, void *argument)
{
	struct walk *walk = argument;
	size_t first = place->unit >> SMAL_STRETCH_LOG2;
	const char *why;

	if (place->order < SMAL_STRETCH_LOG2)
		return NULL;
	why = check_stretches(walk->pool, walk->stretch, first);
	walk->stretch = first + smal_stretches(place->order);
	for (size_t s = first; why == NULL && s < walk->stretch; s++) {
		for (unsigned k = 0; k <= walk->pool->shape.top; k++)
			if (smal_index_test(&walk->pool->index, k, s))
				why = "disc D1: a free block of the index is in a vector";
		if (!is_as_seen(walk->pool, &(struct smal_stretch){ s, 0, s == first, 0 }))
			why = "disc D2: a stretch is not what is remembered of it";
	}
	return why;
}

static const char *check_disc(struct smal_vector_pool *pool)
{
	size_t all = pool->units / 64 + (pool->units % 64 != 0);
	struct walk walk = { pool, 0 };
	const char *why = smal_code_each(pool, check_up_to, &walk);

	why = why != NULL ? why : check_stretches(pool, walk.stretch, all);
	why = why != NULL ? why : smal_warm_check(pool, all);
	if (why == NULL && !smal_index_check(&pool->index, all))
		why = "index: a higher level does not say what the lower one has";
	return why;
}

/* ---- All of a pool ---- */

static const char *check_shape(const struct smal_vector_pool *pool)
{
	struct smal_vector_shape shape;

	if (!smal_vector_shape_of((size_t)1 << pool->shape.unit_log2, smal_vector_largest(pool),
	                          1u << pool->shape.growth_log2, &shape) ||
	    shape.code_bits != pool->shape.code_bits ||
	    pool->index.maps != shape.top + 1 + (pool->system != NULL))
		return "pool: the sizes are no geometry";
	if ((pool->units & (((size_t)1 << shape.top) - 1)) != 0)
		return "pool: the disc is not whole blocks of the largest class";
	if (pool->system != NULL &&
	    pool->units << shape.unit_log2 != pool->system->disc.committed_bytes)
		return "pool: the disc is more or less than is committed";
	return NULL;
}

enum smal_error smal_vector_check(struct smal_vector_pool *pool)
{
	const char *why;

	if (!smal_vector_is_pool(pool, __func__))
		return SMAL_ERROR_INVALID;
	smal_vector_lock(pool);
	why = check_shape(pool);
	why = why != NULL ? why : check_disc(pool);
	if (why == NULL && pool->system != NULL)
		why = smal_slot_check(pool->system);
	smal_vector_unlock(pool);
	SMAL_REQUIRE(why == NULL, SMAL_ERROR_CORRUPT, "an invariant does not hold", pool, "%s",
	             why);
	return SMAL_OK;
}
