/* SPDX-License-Identifier: MIT */
/*
 * pool.h: a pool of vectors (<smal/vector.h>): its two parts and what keeps them.
 *
 *   map    | pool | system | index .......... | codes .............. |
 *   disc   | unit | unit | unit | unit | unit | ... units            |
 *   slots  | slot         | slot         | ...   regions, the system's only
 *
 * The disc is cut into units of the smallest class. A block of order k is 2^k units,
 * aligned to its size from the disc's begin; classes are those orders that the growth
 * factor allows. All that is known of blocks is in the codes (code.c), a number for
 * each quad of four units, and is found by position: no list, nothing in the disc.
 * The index (index.h) is what the codes say of free blocks, by order, so that a
 * search reads a word a level; its entries are stretches of 64 units. It could be
 * made anew from the codes at any time, and the checker does so (verify.c).
 *
 * Vectors larger than the largest class have a slot of addresses each (region.c,
 * slot.c).
 *
 * A caller's map holds the same without `system`, exactly as large as need be; the
 * system's are reservations of which a prefix is committed.
 *
 * One lock for everything. It is a leaf: with it held only smal/os is called.
 */
#ifndef SMAL_VECTOR_POOL_H
#define SMAL_VECTOR_POOL_H

#include <smal/base/fail.h>
#include <smal/heap/fork_lock.h>
#include <smal/space/provider.h>
#include <smal/vector.h>
#include <smal/vector/index.h>

enum {
	/* A stretch has 64 units: as many as bits in a word of the index; a quad four. */
	SMAL_STRETCH_LOG2 = 6,
	SMAL_QUAD_LOG2 = 2,
	/* Units of the largest class, and bytes of a unit, as powers of two. */
	SMAL_ORDERS_MOST = 12,
	SMAL_UNIT_LEAST_LOG2 = 3,
	SMAL_UNIT_MOST_LOG2 = 12,
	/* Stretches that are remembered, in the system's memory. */
	SMAL_STRETCHES_SEEN = 256,
	/* Regions of slots. */
	SMAL_REGIONS = 128
};

/* The sizes of a pool, as powers of two but the last. */
struct smal_vector_shape {
	/* Bytes of a unit, units of the largest class, classes' distance. */
	uint8_t unit_log2, top, growth_log2;
	/* Bits of a code. */
	uint8_t code_bits;
};

/* What the codes say of a stretch that was looked at, so that they need not be read
 * again: its free units, those at which a vector begins, and the orders of the free
 * blocks that it has. */
struct smal_stretch {
	size_t stretch;
	uint64_t free, begins;
	unsigned orders;
};

struct smal_vector_pool {
	enum smal_magic magic;
	struct smal_vector_shape shape;
	struct smal_os_lock lock;
	struct smal_fork_lock fork;
	/* The lock is held by who needs it: with one thread nobody does. */
	bool locked;
	/* One less than the stretches that are remembered, a power of two; stretch s is at
	 * seen[s & seen_mask], or is SMAL_INDEX_NONE. */
	unsigned seen_mask;
	struct smal_stretch *seen, one_seen;
	/* So many units of the disc are there; a multiple of those of the largest class. */
	char *disc;
	size_t units;
	unsigned char *codes;
	struct smal_index index;
	uint64_t moves, copied_bytes;
	/* NULL in a caller's memory. */
	struct smal_vector_system *system;
};

/* Where a vector stands in the disc. */
struct smal_vector_place {
	size_t unit, used;
	unsigned order;
};

/* ---- Sizes (geometry.c) ---- */

/* Bytes of a map and of its parts, for a disc of so many units. */
struct smal_vector_layout {
	size_t index_bytes[SMAL_INDEX_LEVELS], codes_bytes, map_bytes;
	unsigned levels;
};

/* What sizes make of a shape; false: they are none. */
bool smal_vector_shape_of(size_t smallest_bytes, size_t largest_bytes, unsigned growth,
                          struct smal_vector_shape *shape);
/* Of a map for so many units, with so many maps in its index: one an order, and in the
 * system's memory that of warm blocks. False: more than addresses. */
bool smal_vector_layout_of(const struct smal_vector_shape *shape, size_t units, unsigned maps,
                           struct smal_vector_layout *layout);
/* The bytes of codes for so many units, with those that a write may read beyond. */
size_t smal_vector_codes_bytes(const struct smal_vector_shape *shape, size_t units);

static inline size_t smal_vector_block_bytes(const struct smal_vector_pool *pool, unsigned order)
{
	return (size_t)1 << (pool->shape.unit_log2 + order);
}

static inline size_t smal_vector_largest(const struct smal_vector_pool *pool)
{
	return smal_vector_block_bytes(pool, pool->shape.top);
}

/* The order of the smallest class that holds so many bytes, at most the largest. */
unsigned smal_vector_order(const struct smal_vector_shape *shape, size_t bytes);

/* ---- Codes (code.c) ---- */

/* What a unit is: free, the first of a vector, or inside of one, whose place it is then. */
enum smal_code { SMAL_CODE_FREE, SMAL_CODE_BEGINS, SMAL_CODE_INSIDE };
enum smal_code smal_code_find(const struct smal_vector_pool *pool, size_t unit,
                              struct smal_vector_place *place);

/* A block of this order is a vector of which so much is used; or is free. What was
 * there before was written as free. */
void smal_code_write(struct smal_vector_pool *pool, const struct smal_vector_place *place);
void smal_code_erase(struct smal_vector_pool *pool, size_t unit, unsigned order);

/* The free units, and the vectors, of a stretch that lies in no larger vector which
 * begins elsewhere. */
void smal_code_look(const struct smal_vector_pool *pool, size_t stretch, struct smal_stretch *seen);

unsigned smal_code_bits(unsigned unit_log2);

/* Calls visit for each vector in the disc, in order of addresses; stops when it says
 * why. Tells what is wrong with a code, or NULL. */
const char *smal_code_each(const struct smal_vector_pool *pool,
                           const char *(*visit)(const struct smal_vector_place *place,
                                                void *argument),
                           void *argument);

/* ---- Blocks (disc.c); with the lock, like all below ---- */

/* The first `units` units are there from now on, the new ones free. */
void smal_disc_grow(struct smal_vector_pool *pool, size_t units);

/* A free block of the order, best fit: SMAL_INDEX_NONE if there is none. It has no
 * code yet. */
size_t smal_disc_take(struct smal_vector_pool *pool, unsigned order);
void smal_disc_give(struct smal_vector_pool *pool, size_t unit, unsigned order);

/* Makes a vector's block larger where it stands, if what is behind it is free; or
 * smaller. */
bool smal_disc_expand(struct smal_vector_pool *pool, struct smal_vector_place *place,
                      unsigned order);
void smal_disc_cut(struct smal_vector_pool *pool, struct smal_vector_place *place, unsigned order);

/* The orders of the free blocks that units of a stretch make up, as bits. */
unsigned smal_disc_orders(const struct smal_vector_pool *pool, uint64_t free);

/* So many stretches are a block of this order, which is that of one at least. */
static inline size_t smal_stretches(unsigned order)
{
	return (size_t)1 << (order - SMAL_STRETCH_LOG2);
}

/* ---- Free blocks that may have pages (warm.c) ---- */

/* Whole stretches have become a free block of the largest class, or free; or are it no
 * more. The second may be said of any stretch. Nothing, in a caller's memory. */
void smal_warm_begin(struct smal_vector_pool *pool, size_t stretch);
void smal_warm_end(struct smal_vector_pool *pool, size_t stretch);

/* Pages of free blocks go back, if there are many: all but a part of the disc. */
void smal_warm_cool(struct smal_vector_pool *pool);

/* What is warm is free, for a disc of so many stretches; the first thing that is wrong,
 * or NULL. */
const char *smal_warm_check(const struct smal_vector_pool *pool, size_t stretches);

/* ---- Regions of slots (region.c) ---- */

/* A vector of its own. All of [0, capacity) may have been touched; also while it is
 * free, then those pages are warm. */
struct smal_slot {
	size_t used_bytes, capacity_bytes, committed_bytes;
	/* Has pages, or had, that were moved to it: a mapping of its own. */
	bool moved;
};

/* Maps of a region's index; of a region of one the first only. */
enum { SMAL_SLOT_FREE, SMAL_SLOT_WARM, SMAL_SLOT_MAPS };

/* A reservation in slots of the same size. A region of one slot is made for one
 * vector, and ends with it. */
struct smal_slots {
	char *base;
	size_t bytes;
	unsigned slot_log2;
	/* Slots; those free; those that were ever used are the first `known`. */
	size_t slots, free_slots, known;
	struct smal_slot *slot;
	/* Slots given back, and warm ones; and its memory, behind which are the slots'. */
	struct smal_index index;
	struct smal_area books;
	/* Of a region of one. */
	struct smal_slot own;
	uint64_t own_word;
};

struct smal_vector_system {
	/* Of all but vectors' memory. */
	struct smal_account account;
	/* Reservations; the map's parts that grow: of the index the lowest level, and the
	 * one above. */
	struct smal_area disc, codes, low[2];
	/* Of the reservation that begins with the pool. */
	size_t map_bytes;
	/* What vectors have: the disc, capacities of slots, warm pages among them. */
	size_t limit_bytes, taken_bytes, warm_bytes;
	size_t moved_slots;
	/* Free blocks of the disc whose pages may have been touched, of the largest class. */
	size_t warm_blocks;
	uint64_t remapped;
	/* What a region asks for; and what the last one got, or the first one will ask for. */
	size_t region_most, region_bytes;
	unsigned regions;
	struct smal_slots region[SMAL_REGIONS];
	struct smal_stretch seen[SMAL_STRETCHES_SEEN];
};

static inline void smal_vector_lock(struct smal_vector_pool *pool)
{
	if (smal_os_single_threaded())
		return;
	smal_os_lock_take(&pool->lock);
	pool->locked = true;
}

static inline void smal_vector_unlock(struct smal_vector_pool *pool)
{
	if (!pool->locked)
		return;
	pool->locked = false;
	smal_os_lock_give(&pool->lock);
}

static inline size_t smal_slots_size(const struct smal_slots *region)
{
	return region->slots == 1 ? region->bytes : (size_t)1 << region->slot_log2;
}

static inline char *smal_slots_base(const struct smal_slots *region, size_t slot)
{
	return region->base + (slot == 0 ? 0 : slot << region->slot_log2);
}

/* Addresses, `most` or the largest part of it by halves that can be had, less where the
 * system has few, for they are for others too; NULL: not even `least`. */
char *smal_slots_reserve(size_t most, size_t least, size_t *bytes);

/* The region with an address, or NULL; and the number of the slot. */
struct smal_slots *smal_slots_find(struct smal_vector_system *system, const void *address,
                                   size_t *slot);

/* A free slot of so many bytes or more, which is not free any more: the largest there
 * are, and of twice as many if that can be. NULL: none. */
struct smal_slots *smal_slots_take(struct smal_vector_system *system, size_t bytes, size_t *slot);
/* A slot whose vector has nothing any more; its region may end. */
void smal_slots_give(struct smal_vector_system *system, struct smal_slots *region, size_t slot);
void smal_slots_fini(struct smal_vector_system *system);

/* ---- Vectors in slots (slot.c) ---- */

struct smal_vector_large {
	struct smal_slots *region;
	size_t number;
	struct smal_slot *slot;
};

void *smal_slot_alloc(struct smal_vector_system *system, size_t capacity);
void smal_slot_free(struct smal_vector_system *system, const struct smal_vector_large *large);
/* Where it stands; false: it is as it was. */
bool smal_slot_expand(struct smal_vector_system *system, const struct smal_vector_large *large,
                      size_t capacity);
/* Elsewhere, if need be. NULL: it is as it was. */
void *smal_slot_grow(struct smal_vector_pool *pool, const struct smal_vector_large *large,
                     size_t capacity);
void smal_slot_shrink(struct smal_vector_system *system, const struct smal_vector_large *large);
/* Warm pages go back. */
void smal_slot_cool(struct smal_vector_system *system);
/* Room for so many bytes more within the limit, for which warm pages may go. */
bool smal_slot_allowed(struct smal_vector_system *system, size_t bytes);
const char *smal_slot_check(const struct smal_vector_system *system);

/* ---- The pool (pool.c) ---- */

/* The system's disc becomes larger by a block of the order at least. False: it can't. */
bool smal_vector_pool_grow(struct smal_vector_pool *pool, unsigned order);

/* ---- A vector (vector.c) ---- */

/* What a pointer is. */
struct smal_vector_ref {
	enum smal_vector_where { SMAL_VECTOR_NOWHERE, SMAL_VECTOR_DISC, SMAL_VECTOR_SLOT } where;
	/* A vector begins here. If not: whether it is in one, or in what is free, and how
	 * many bytes behind its begin. */
	bool begins, in_use;
	size_t offset_bytes, block_bytes;
	struct smal_vector_place place;
	struct smal_vector_large large;
};

/* Takes the lock and finds a vector; false: the sink was told, the lock is free. */
bool smal_vector_enter(struct smal_vector_pool *pool, const void *vector,
                       struct smal_vector_ref *ref, const char *function);
/* A new one in the disc, or NULL. */
void *smal_vector_alloc_locked(struct smal_vector_pool *pool, unsigned order, size_t used,
                               struct smal_vector_place *place);
/* The same or another with room for so many bytes, which `ref` is then; or NULL. */
void *smal_vector_grow_locked(struct smal_vector_pool *pool, struct smal_vector_ref *ref,
                              void *vector, size_t capacity);
bool smal_vector_find_locked(struct smal_vector_pool *pool, const void *vector,
                             struct smal_vector_ref *ref);
size_t smal_vector_capacity_of(const struct smal_vector_pool *pool,
                               const struct smal_vector_ref *ref);
void smal_vector_set_used(struct smal_vector_pool *pool, struct smal_vector_ref *ref, size_t used);
/* Tells the sink what is wrong with a pool, and with a pointer. */
bool smal_vector_is_pool(const struct smal_vector_pool *pool, const char *function);
enum smal_error smal_vector_fault(const struct smal_vector_ref *ref, const char *function,
                                  const void *vector);

#endif
