/* SPDX-License-Identifier: MIT */
/*
 * tail.c: appending to a vector: the size is in the tail, and told to the pool when
 * the tail ends or needs room (<smal/vector.h>).
 */
#include <smal/vector/pool.h>

/* A new vector that is to be appended to begins with so many units, if it can. */
enum { UNITS_FIRST = 4 };

static void fill(struct smal_vector_tail *tail, char *vector, size_t used, size_t capacity)
{
	tail->base = vector;
	tail->next = vector + used;
	tail->limit = vector + capacity;
}

/* A new one. */
static bool begin_new(struct smal_vector_tail *tail, struct smal_vector_pool *pool)
{
	size_t bytes =
		smal_min((size_t)UNITS_FIRST << pool->shape.unit_log2, smal_vector_largest(pool));
	unsigned order = smal_vector_order(&pool->shape, bytes);
	struct smal_vector_place place;
	void *vector;

	smal_vector_lock(pool);
	vector = smal_vector_alloc_locked(pool, order, 0, &place);
	if (vector == NULL)
		vector = smal_vector_alloc_locked(pool, order = 0, 0, &place);
	smal_vector_unlock(pool);
	if (vector != NULL)
		fill(tail, vector, 0, smal_vector_block_bytes(pool, order));
	return vector != NULL;
}

bool smal_vector_tail_begin(struct smal_vector_tail *tail, struct smal_vector_pool *pool,
                            void *vector)
{
	struct smal_vector_ref ref;
	size_t used;

	tail->pool = pool;
	if (vector == NULL)
		return smal_vector_is_pool(pool, __func__) && begin_new(tail, pool);
	if (!smal_vector_enter(pool, vector, &ref, __func__))
		return false;
	used = ref.where == SMAL_VECTOR_DISC ? ref.place.used : ref.large.slot->used_bytes;
	fill(tail, vector, used, smal_vector_capacity_of(pool, &ref));
	smal_vector_unlock(pool);
	return true;
}

/* Finds the vector, and says what is used of it; false: the sink was told, the lock is
 * free. Somebody may have made it shorter meanwhile. */
static bool enter(struct smal_vector_tail *tail, struct smal_vector_ref *ref, const char *function)
{
	size_t used = (size_t)(tail->next - tail->base), capacity;

	if (!smal_vector_enter(tail->pool, tail->base, ref, function))
		return false;
	capacity = smal_vector_capacity_of(tail->pool, ref);
	if (used <= capacity) {
		smal_vector_set_used(tail->pool, ref, used);
		return true;
	}
	smal_vector_unlock(tail->pool);
	smal_fail(SMAL_ERROR_INVALID, function, "stale tail", tail->base,
	          "a vector of %zu bytes now", capacity);
	return false;
}

void *smal_vector_tail_end(struct smal_vector_tail *tail)
{
	struct smal_vector_ref ref;

	if (!enter(tail, &ref, __func__))
		return NULL;
	smal_vector_unlock(tail->pool);
	return tail->base;
}

/* In classes twice as much at least, so that what is copied is less than what was
 * appended; a slot sees to that itself, and copies nothing. */
bool smal_vector_tail_grow(struct smal_vector_tail *tail, size_t bytes)
{
	size_t used = (size_t)(tail->next - tail->base), wanted = used + bytes, capacity;
	struct smal_vector_ref ref;
	void *vector = NULL;

	if (wanted < used || !enter(tail, &ref, __func__))
		return false;
	capacity = smal_vector_capacity_of(tail->pool, &ref);
	if (ref.where == SMAL_VECTOR_DISC && wanted < 2 * capacity)
		vector = smal_vector_grow_locked(tail->pool, &ref, tail->base, 2 * capacity);
	if (vector == NULL)
		vector = smal_vector_grow_locked(tail->pool, &ref, tail->base, wanted);
	if (vector != NULL)
		fill(tail, vector, used, smal_vector_capacity_of(tail->pool, &ref));
	smal_vector_unlock(tail->pool);
	return vector != NULL;
}
