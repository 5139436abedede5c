/* SPDX-License-Identifier: MIT */
/*
 * vector.c: the vectors of a pool (<smal/vector.h>): what a pointer is, and all that
 * is done with one.
 *
 * Every function takes the pool's lock, finds out what the pointer is from the codes
 * or the slots, and does it. What is wrong is told after the lock is given back.
 */
#include <smal/vector/pool.h>

#include <string.h>

/* ---- What a pointer is ---- */

bool smal_vector_is_pool(const struct smal_vector_pool *pool, const char *function)
{
	if (SMAL_LIKELY(pool != NULL && pool->magic == SMAL_MAGIC_VECTOR_POOL))
		return true;
	smal_fail(SMAL_ERROR_INVALID, function, "not a pool of vectors", pool, "%s",
	          pool != NULL && pool->magic == SMAL_MAGIC_GONE ? "a pool that has ended" : "");
	return false;
}

static void find_slot(struct smal_vector_system *system, const void *vector,
                      struct smal_vector_ref *ref)
{
	struct smal_vector_large *large = &ref->large;

	large->region = smal_slots_find(system, vector, &large->number);
	if (large->region == NULL || large->number >= large->region->known)
		return;
	large->slot = &large->region->slot[large->number];
	ref->where = SMAL_VECTOR_SLOT;
	ref->offset_bytes =
		(size_t)((const char *)vector - smal_slots_base(large->region, large->number));
	ref->block_bytes = large->slot->capacity_bytes;
	ref->in_use = !smal_index_test(&large->region->index, SMAL_SLOT_FREE, large->number);
	ref->begins = ref->in_use && ref->offset_bytes == 0;
}

bool smal_vector_find_locked(struct smal_vector_pool *pool, const void *vector,
                             struct smal_vector_ref *ref)
{
	size_t offset = (uintptr_t)vector - (uintptr_t)pool->disc;
	enum smal_code code;

	ref->where = SMAL_VECTOR_NOWHERE;
	ref->begins = ref->in_use = false;
	if (SMAL_LIKELY(offset >> pool->shape.unit_log2 < pool->units)) {
		code = smal_code_find(pool, offset >> pool->shape.unit_log2, &ref->place);
		ref->where = SMAL_VECTOR_DISC;
		ref->offset_bytes = offset - (ref->place.unit << pool->shape.unit_log2);
		ref->block_bytes = smal_vector_block_bytes(pool, ref->place.order);
		ref->in_use = code != SMAL_CODE_FREE;
		ref->begins = code == SMAL_CODE_BEGINS && ref->offset_bytes == 0;
	} else if (pool->system != NULL) {
		find_slot(pool->system, vector, ref);
	}
	return ref->begins;
}

enum smal_error smal_vector_fault(const struct smal_vector_ref *ref, const char *function,
                                  const void *vector)
{
	bool in_disc = ref->where == SMAL_VECTOR_DISC;

	if (ref->where == SMAL_VECTOR_NOWHERE)
		return smal_fail(SMAL_ERROR_INVALID, function, "foreign pointer", vector,
		                 "in no vector of this pool");
	if (ref->in_use)
		return smal_fail(SMAL_ERROR_INVALID, function, "interior pointer", vector,
		                 "%zu bytes into a vector of %zu bytes", ref->offset_bytes,
		                 ref->block_bytes);
	if (ref->offset_bytes != 0)
		return smal_fail(SMAL_ERROR_INVALID, function, "interior pointer", vector,
		                 "%zu bytes into %s", ref->offset_bytes,
		                 in_disc ? "a free unit" : "a free slot");
	return smal_fail(SMAL_ERROR_INVALID, function, "double free", vector, "%s",
	                 in_disc ? "a free unit" : "a free slot");
}

bool smal_vector_enter(struct smal_vector_pool *pool, const void *vector,
                       struct smal_vector_ref *ref, const char *function)
{
	if (!smal_vector_is_pool(pool, function))
		return false;
	smal_vector_lock(pool);
	if (SMAL_LIKELY(smal_vector_find_locked(pool, vector, ref)))
		return true;
	smal_vector_unlock(pool);
	smal_vector_fault(ref, function, vector);
	return false;
}

static void leave(struct smal_vector_pool *pool)
{
	smal_vector_unlock(pool);
}

size_t smal_vector_capacity_of(const struct smal_vector_pool *pool,
                               const struct smal_vector_ref *ref)
{
	return ref->where == SMAL_VECTOR_DISC ? smal_vector_block_bytes(pool, ref->place.order)
	                                      : ref->large.slot->capacity_bytes;
}

static size_t used_of(const struct smal_vector_ref *ref)
{
	return ref->where == SMAL_VECTOR_DISC ? ref->place.used : ref->large.slot->used_bytes;
}

void smal_vector_set_used(struct smal_vector_pool *pool, struct smal_vector_ref *ref, size_t used)
{
	if (ref->where == SMAL_VECTOR_SLOT) {
		ref->large.slot->used_bytes = used;
	} else if (used != ref->place.used) {
		ref->place.used = used;
		smal_code_write(pool, &ref->place);
	}
}

/* ---- New ones ---- */

static char *address_of(const struct smal_vector_pool *pool, size_t unit)
{
	return pool->disc + (unit << pool->shape.unit_log2);
}

void *smal_vector_alloc_locked(struct smal_vector_pool *pool, unsigned order, size_t used,
                               struct smal_vector_place *place)
{
	size_t unit = smal_disc_take(pool, order);

	if (unit == SMAL_INDEX_NONE && smal_vector_pool_grow(pool, order))
		unit = smal_disc_take(pool, order);
	if (unit == SMAL_INDEX_NONE)
		return NULL;
	*place = (struct smal_vector_place){ unit, used, order };
	smal_code_write(pool, place);
	return address_of(pool, unit);
}

void *smal_vector_alloc(struct smal_vector_pool *pool, size_t capacity)
{
	struct smal_vector_place place;
	void *vector = NULL;

	if (!smal_vector_is_pool(pool, __func__))
		return NULL;
	smal_vector_lock(pool);
	if (capacity <= smal_vector_largest(pool))
		vector = smal_vector_alloc_locked(pool, smal_vector_order(&pool->shape, capacity),
		                                  0, &place);
	else if (pool->system != NULL)
		vector = smal_slot_alloc(pool->system, capacity);
	leave(pool);
	return vector;
}

/* A block is free, and pages may go back. */
static void give(struct smal_vector_pool *pool, const struct smal_vector_place *place)
{
	smal_disc_give(pool, place->unit, place->order);
	if (pool->system != NULL)
		smal_warm_cool(pool);
}

enum smal_error smal_vector_free(struct smal_vector_pool *pool, void *vector)
{
	struct smal_vector_ref ref;

	if (vector == NULL)
		return SMAL_OK;
	if (!smal_vector_enter(pool, vector, &ref, __func__))
		return SMAL_ERROR_INVALID;
	if (ref.where == SMAL_VECTOR_SLOT)
		smal_slot_free(pool->system, &ref.large);
	else
		give(pool, &ref.place);
	leave(pool);
	return SMAL_OK;
}

/* ---- Longer ---- */

/* A vector of the disc is copied to a larger block, or to a slot. */
static void *move(struct smal_vector_pool *pool, struct smal_vector_ref *ref, void *vector,
                  size_t capacity)
{
	struct smal_vector_place from = ref->place;
	void *to = NULL;

	if (capacity <= smal_vector_largest(pool)) {
		to = smal_vector_alloc_locked(pool, smal_vector_order(&pool->shape, capacity),
		                              from.used, &ref->place);
	} else if (pool->system != NULL) {
		to = smal_slot_alloc(pool->system, capacity);
		if (to != NULL) {
			smal_vector_find_locked(pool, to, ref);
			ref->large.slot->used_bytes = from.used;
		}
	}
	if (to == NULL)
		return NULL;
	memcpy(to, vector, from.used);
	pool->moves++;
	pool->copied_bytes += from.used;
	give(pool, &from);
	return to;
}

void *smal_vector_grow_locked(struct smal_vector_pool *pool, struct smal_vector_ref *ref,
                              void *vector, size_t capacity)
{
	void *moved;

	if (capacity <= smal_vector_capacity_of(pool, ref))
		return vector;
	if (ref->where == SMAL_VECTOR_DISC) {
		if (capacity <= smal_vector_largest(pool) &&
		    smal_disc_expand(pool, &ref->place, smal_vector_order(&pool->shape, capacity)))
			return vector;
		return move(pool, ref, vector, capacity);
	}
	moved = smal_slot_grow(pool, &ref->large, capacity);
	if (moved != NULL)
		smal_vector_find_locked(pool, moved, ref);
	return moved;
}

void *smal_vector_resize(struct smal_vector_pool *pool, void *vector, size_t used)
{
	struct smal_vector_ref ref;

	if (!smal_vector_enter(pool, vector, &ref, __func__))
		return NULL;
	vector = smal_vector_grow_locked(pool, &ref, vector, used);
	if (vector != NULL)
		smal_vector_set_used(pool, &ref, used);
	leave(pool);
	return vector;
}

void *smal_vector_reserve(struct smal_vector_pool *pool, void *vector, size_t capacity)
{
	struct smal_vector_ref ref;

	if (!smal_vector_enter(pool, vector, &ref, __func__))
		return NULL;
	vector = smal_vector_grow_locked(pool, &ref, vector, capacity);
	leave(pool);
	return vector;
}

bool smal_vector_try_expand(struct smal_vector_pool *pool, void *vector, size_t capacity)
{
	struct smal_vector_ref ref;
	bool done;

	if (!smal_vector_enter(pool, vector, &ref, __func__))
		return false;
	if (capacity <= smal_vector_capacity_of(pool, &ref))
		done = true;
	else if (ref.where == SMAL_VECTOR_SLOT)
		done = smal_slot_expand(pool->system, &ref.large, capacity);
	else
		done = capacity <= smal_vector_largest(pool) &&
		       smal_disc_expand(pool, &ref.place,
		                        smal_vector_order(&pool->shape, capacity));
	leave(pool);
	return done;
}

/* ---- Shorter ---- */

void *smal_vector_shrink(struct smal_vector_pool *pool, void *vector)
{
	struct smal_vector_ref ref;
	unsigned order;

	if (!smal_vector_enter(pool, vector, &ref, __func__))
		return NULL;
	if (ref.where == SMAL_VECTOR_SLOT) {
		smal_slot_shrink(pool->system, &ref.large);
	} else {
		order = smal_vector_order(&pool->shape, ref.place.used);
		if (order < ref.place.order)
			smal_disc_cut(pool, &ref.place, order);
	}
	leave(pool);
	return vector;
}

/* ---- Sizes ---- */

size_t smal_vector_used(struct smal_vector_pool *pool, const void *vector)
{
	struct smal_vector_ref ref;
	size_t used;

	if (!smal_vector_enter(pool, vector, &ref, __func__))
		return 0;
	used = used_of(&ref);
	leave(pool);
	return used;
}

size_t smal_vector_capacity(struct smal_vector_pool *pool, const void *vector)
{
	struct smal_vector_ref ref;
	size_t capacity;

	if (!smal_vector_enter(pool, vector, &ref, __func__))
		return 0;
	capacity = smal_vector_capacity_of(pool, &ref);
	leave(pool);
	return capacity;
}
