/* SPDX-License-Identifier: MIT */
/*
 * verify.c: counts and the checker of pools: what pool.h, code.c, disc.c, region.c and
 * slot.c promise.
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

/* ---- The checker ---- */

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
	why = why != NULL ? why : smal_disc_check(pool);
	if (why == NULL && pool->system != NULL)
		why = smal_slot_check(pool->system);
	smal_vector_unlock(pool);
	SMAL_REQUIRE(why == NULL, SMAL_ERROR_CORRUPT, "an invariant does not hold", pool, "%s",
	             why);
	return SMAL_OK;
}
