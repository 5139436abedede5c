/* SPDX-License-Identifier: MIT */
/*
 * warm.c: free blocks of the disc whose pages may have been touched, and how these go
 * back. The system's memory alone has them.
 *
 *   the last map of the index:  bit s = a warm block begins in stretch s
 *
 * Only free blocks of the largest class are looked at; what is free in smaller ones will
 * be used soon, and has few whole pages. When warm blocks are a part of the disc, and
 * more than a little, all of their pages go back, those of blocks beside each other at
 * once.
 *
 * D3  A warm block is a free block of the largest class; warm_blocks is their number. If
 *     that class is smaller than a stretch, it is a free stretch.
 *
 * disc.c says which blocks become warm, and which are no more. With the pool's lock.
 */
#include <smal/vector/pool.h>

/* So many warm bytes may stay in any case; and such a part of the disc. */
enum { LEAST_BYTES = 1 << 20, PART = 8 };

/* Blocks are warm in stretches, if the largest class is smaller. */
static unsigned order_of(const struct smal_vector_pool *pool)
{
	return (unsigned)smal_max(pool->shape.top, SMAL_STRETCH_LOG2);
}

/* The map of warm blocks. */
static unsigned map_of(const struct smal_vector_pool *pool)
{
	return pool->shape.top + 1u;
}

void smal_warm_begin(struct smal_vector_pool *pool, size_t stretch)
{
	if (pool->system == NULL)
		return;
	smal_index_set(&pool->index, map_of(pool), stretch);
	pool->system->warm_blocks++;
}

void smal_warm_end(struct smal_vector_pool *pool, size_t stretch)
{
	if (pool->system == NULL || !smal_index_test(&pool->index, map_of(pool), stretch))
		return;
	smal_index_clear(&pool->index, map_of(pool), stretch);
	pool->system->warm_blocks--;
}

/* True if a stretch where a warm block may begin is free up to that block's end. */
static bool is_whole_free(const struct smal_vector_pool *pool, size_t stretch)
{
	struct smal_stretch seen;

	if (pool->shape.top >= SMAL_STRETCH_LOG2)
		return smal_index_test(&pool->index, pool->shape.top, stretch);
	smal_code_look(pool, stretch, &seen);
	return seen.free == ~(uint64_t)0;
}

/* The whole pages of a range of warm blocks. Where these are smaller than a page, the
 * rest of it may have been cooled before, in vain. */
static void discard(struct smal_vector_pool *pool, size_t first, size_t limit)
{
	size_t page = smal_os_page_bytes(), log2 = pool->shape.unit_log2 + SMAL_STRETCH_LOG2;
	size_t step = smal_stretches(order_of(pool)), base, end;

	while ((first << log2 & (page - 1)) != 0 && is_whole_free(pool, first - step))
		first -= step;
	while ((limit << log2 & (page - 1)) != 0 && is_whole_free(pool, limit))
		limit += step;
	base = smal_round_up(first << log2, page);
	end = (limit << log2) & ~(page - 1);
	if (base < end)
		smal_os_discard(pool->disc + base, end - base);
}

void smal_warm_cool(struct smal_vector_pool *pool)
{
	struct smal_vector_system *system = pool->system;
	size_t first = 0, limit = 0, stretch;

	if (system->warm_blocks << (pool->shape.unit_log2 + order_of(pool)) <=
	    smal_max(LEAST_BYTES, system->disc.committed_bytes / PART))
		return;
	while ((stretch = smal_index_find(&pool->index, map_of(pool))) != SMAL_INDEX_NONE) {
		smal_warm_end(pool, stretch);
		if (stretch != limit) {
			discard(pool, first, limit);
			first = stretch;
		}
		limit = stretch + smal_stretches(order_of(pool));
	}
	discard(pool, first, limit);
}

const char *smal_warm_check(const struct smal_vector_pool *pool, size_t stretches)
{
	size_t warm = 0;

	for (size_t s = 0; s < stretches && pool->system != NULL; s++) {
		if (!smal_index_test(&pool->index, map_of(pool), s))
			continue;
		if (!is_whole_free(pool, s))
			return "disc D3: a block is warm and not free";
		warm++;
	}
	return pool->system != NULL && warm != pool->system->warm_blocks
	               ? "disc D3: the warm blocks are more or fewer than are counted"
	               : NULL;
}
