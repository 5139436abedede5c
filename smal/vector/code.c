/* SPDX-License-Identifier: MIT */
/*
 * code.c: what is known of all vectors in a disc: a number for each quad of four
 * units, side by side in as many bits as the largest of them needs.
 *
 *   | unit | unit | unit | unit |   a quad; with u bytes in a unit:
 *
 *   a unit   0 free; 1 + used of a vector of one unit          u + 2 states
 *   a pair   unit * (u + 2) + unit; or a vector of two units,  (u + 2)^2 + 2u + 1
 *            (u + 2)^2 + used
 *   a quad   pair * pairs + pair; or a vector of four units,   pairs^2 + 4u + 2
 *            pairs^2 + used; or BEGINS, which is the largest
 *
 * That a larger vector begins here is BEGINS; then the next quad is order + 16 * used,
 * whose bits that don't fit are in the one after that. Its other quads are 0. Which
 * quads these are is known only from the one that begins: who asks about a unit looks
 * where vectors may begin that could hold it, the largest first, so that a number of
 * another kind is never taken for a code:
 *
 * I1  The first quad of a block of the largest class is a code. If it is not a vector
 *     that holds the unit, the same is true of the half of the block that has the unit,
 *     and so on.
 * I2  Outside of these every number is less than BEGINS, and all is 0 that is free.
 *
 * 16 bytes in a unit make 127,515 states: 17 bits for 64 bytes, 3.32 %, for any mix of
 * classes. Taking a block and giving it back cost the same for every order.
 */
#include <smal/vector/pool.h>

#include <string.h>

/* The numbers above. */
struct scale {
	uint64_t unit, units, pairs, quads, begins;
};

static SMAL_ALWAYS_INLINE struct scale scale_of(uint64_t unit_bytes)
{
	struct scale scale = { .unit = unit_bytes, .units = unit_bytes + 2 };

	scale.pairs = scale.units * scale.units + 2 * unit_bytes + 1;
	scale.quads = scale.pairs * scale.pairs;
	scale.begins = scale.quads + 4 * unit_bytes + 1;
	return scale;
}

unsigned smal_code_bits(unsigned unit_log2)
{
	return 64 - (unsigned)__builtin_clzll(scale_of((uint64_t)1 << unit_log2).begins);
}

/* ---- Bits of the map ---- */

static inline uint64_t load(const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline uint64_t get(const struct smal_vector_pool *pool, size_t quad)
{
	unsigned bits = pool->shape.code_bits;
	uint64_t at = (uint64_t)quad * bits;

	return load(pool->codes + (size_t)(at >> 3)) >> (at & 7) & (((uint64_t)1 << bits) - 1);
}

static inline void put(struct smal_vector_pool *pool, size_t quad, uint64_t code)
{
	unsigned bits = pool->shape.code_bits;
	uint64_t at = (uint64_t)quad * bits, word;
	unsigned char *bytes = pool->codes + (size_t)(at >> 3);
	unsigned shift = at & 7;

	word = load(bytes) & ~((((uint64_t)1 << bits) - 1) << shift);
	word |= code << shift;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	memcpy(bytes, &word, sizeof word);
}

static SMAL_ALWAYS_INLINE uint64_t unit_bytes_of(const struct smal_vector_pool *pool)
{
	return (uint64_t)1 << pool->shape.unit_log2;
}

/* ---- Larger vectors ---- */

static void get_large(const struct smal_vector_pool *pool, size_t quad,
                      struct smal_vector_place *place)
{
	uint64_t more = get(pool, quad + 1);

	place->unit = quad * 4;
	place->order = (unsigned)(more & 15);
	more >>= 4;
	if (place->order > 3)
		more |= get(pool, quad + 2) << (pool->shape.code_bits - 4);
	place->used = (size_t)more;
}

static void put_large(struct smal_vector_pool *pool, const struct smal_vector_place *place)
{
	size_t quad = place->unit / 4;
	unsigned low = pool->shape.code_bits - 4u;

	put(pool, quad, scale_of(unit_bytes_of(pool)).begins);
	put(pool, quad + 1,
	    ((uint64_t)place->used & (((uint64_t)1 << low) - 1)) << 4 | place->order);
	if (place->order > 3)
		put(pool, quad + 2, (uint64_t)place->used >> low);
}

/* The larger vector that has a unit. */
static bool find_large(const struct smal_vector_pool *pool, uint64_t begins, size_t unit,
                       struct smal_vector_place *place)
{
	size_t before = SIZE_MAX;

	for (unsigned order = pool->shape.top; order > 2; order--) {
		size_t first = unit >> order << order;

		if (first == before || get(pool, first / 4) != begins) {
			before = first;
			continue;
		}
		before = first;
		get_large(pool, first / 4, place);
		if (unit - first < (size_t)1 << place->order)
			return true;
	}
	return false;
}

/* ---- One unit ---- */

/* The vector of one or two units in a pair, of which the unit is the one or the other. */
static SMAL_ALWAYS_INLINE enum smal_code find_in_pair(struct scale scale, uint64_t pair,
                                                      size_t unit, struct smal_vector_place *place)
{
	uint64_t state;

	if (pair >= scale.units * scale.units) {
		place->unit = unit & ~(size_t)1;
		place->order = 1;
		place->used = (size_t)(pair - scale.units * scale.units);
		return (unit & 1) == 0 ? SMAL_CODE_BEGINS : SMAL_CODE_INSIDE;
	}
	state = (unit & 1) == 0 ? pair / scale.units : pair % scale.units;
	place->unit = unit;
	place->order = 0;
	if (state == 0)
		return SMAL_CODE_FREE;
	place->used = (size_t)state - 1;
	return SMAL_CODE_BEGINS;
}

/* True if the unit is known to begin a vector. */
static inline bool is_seen(const struct smal_vector_pool *pool, size_t unit)
{
	size_t stretch = unit >> SMAL_STRETCH_LOG2;
	const struct smal_stretch *seen = &pool->seen[stretch & pool->seen_mask];

	return seen->stretch == stretch && (seen->begins >> (unit & 63) & 1) != 0;
}

static SMAL_ALWAYS_INLINE enum smal_code find(const struct smal_vector_pool *pool,
                                              struct scale scale, size_t unit,
                                              struct smal_vector_place *place)
{
	uint64_t code;

	if (!is_seen(pool, unit) && pool->shape.top > 2 &&
	    find_large(pool, scale.begins, unit, place))
		return place->unit == unit ? SMAL_CODE_BEGINS : SMAL_CODE_INSIDE;
	code = get(pool, unit / 4);
	if (code == scale.begins) {
		get_large(pool, unit / 4, place);
		return SMAL_CODE_BEGINS;
	}
	if (code < scale.quads)
		return find_in_pair(scale,
		                    (unit & 2) == 0 ? code / scale.pairs : code % scale.pairs, unit,
		                    place);
	place->unit = unit & ~(size_t)3;
	place->order = 2;
	place->used = (size_t)(code - scale.quads);
	return (unit & 3) == 0 ? SMAL_CODE_BEGINS : SMAL_CODE_INSIDE;
}

/* The usual size by constants: a division by them is a multiplication. */
enum smal_code smal_code_find(const struct smal_vector_pool *pool, size_t unit,
                              struct smal_vector_place *place)
{
	if (SMAL_LIKELY(pool->shape.unit_log2 == 4))
		return find(pool, scale_of(16), unit, place);
	return find(pool, scale_of(unit_bytes_of(pool)), unit, place);
}

/* ---- Writing ---- */

/* A code with another state of the pair that has the unit. */
static SMAL_ALWAYS_INLINE uint64_t with_pair(struct scale scale, uint64_t code, size_t unit,
                                             uint64_t pair)
{
	return (unit & 2) == 0 ? pair * scale.pairs + code % scale.pairs
	                       : code / scale.pairs * scale.pairs + pair;
}

static SMAL_ALWAYS_INLINE uint64_t with_unit(struct scale scale, uint64_t code, size_t unit,
                                             uint64_t state)
{
	uint64_t pair = (unit & 2) == 0 ? code / scale.pairs : code % scale.pairs;

	pair = (unit & 1) == 0 ? state * scale.units + pair % scale.units
	                       : pair / scale.units * scale.units + state;
	return with_pair(scale, code, unit, pair);
}

/* A block of at most four units has a state: 0 free, 1 + used. */
static SMAL_ALWAYS_INLINE void write_small(struct smal_vector_pool *pool, struct scale scale,
                                           size_t unit, unsigned order, uint64_t state)
{
	size_t quad = unit / 4;

	if (order == 0)
		put(pool, quad, with_unit(scale, get(pool, quad), unit, state));
	else if (order == 1)
		put(pool, quad,
		    with_pair(scale, get(pool, quad), unit,
		              state == 0 ? 0 : scale.units * scale.units + state - 1));
	else
		put(pool, quad, state == 0 ? 0 : scale.quads + state - 1);
}

static void write_state(struct smal_vector_pool *pool, size_t unit, unsigned order, uint64_t state)
{
	if (SMAL_LIKELY(pool->shape.unit_log2 == 4))
		write_small(pool, scale_of(16), unit, order, state);
	else
		write_small(pool, scale_of(unit_bytes_of(pool)), unit, order, state);
}

void smal_code_write(struct smal_vector_pool *pool, const struct smal_vector_place *place)
{
	if (place->order > 2)
		put_large(pool, place);
	else
		write_state(pool, place->unit, place->order, 1 + (uint64_t)place->used);
}

void smal_code_erase(struct smal_vector_pool *pool, size_t unit, unsigned order)
{
	if (order <= 2) {
		write_state(pool, unit, order, 0);
		return;
	}
	for (size_t quad = unit / 4, n = order > 3 ? 3 : 2; n > 0; n--)
		put(pool, quad++, 0);
}

/* ---- A stretch ---- */

/* Of a pair: the free units, and in the next two bits where vectors begin. */
static SMAL_ALWAYS_INLINE unsigned look_at_pair(struct scale scale, uint64_t pair)
{
	unsigned free;

	if (pair >= scale.units * scale.units)
		return 1u << 2;
	free = (unsigned)(pair < scale.units) | (unsigned)(pair % scale.units == 0) << 1;
	return free | (free ^ 3) << 2;
}

static SMAL_ALWAYS_INLINE void look(const struct smal_vector_pool *pool, struct scale scale,
                                    size_t stretch, struct smal_stretch *seen)
{
	size_t quad = stretch * 16, limit = smal_min(quad + 16, (pool->units + 3) / 4);
	struct smal_vector_place place;

	seen->free = seen->begins = 0;
	for (size_t first = quad; quad < limit;) {
		unsigned shift = (unsigned)(quad - first) * 4, low, high;
		uint64_t code = get(pool, quad);

		if (code == scale.begins) {
			get_large(pool, quad, &place);
			seen->begins |= (uint64_t)1 << shift;
			quad += (size_t)1 << (place.order - 2);
			continue;
		}
		quad++;
		if (code == 0) {
			seen->free |= (uint64_t)15 << shift;
		} else if (code >= scale.quads) {
			seen->begins |= (uint64_t)1 << shift;
		} else {
			low = look_at_pair(scale, code / scale.pairs);
			high = look_at_pair(scale, code % scale.pairs);
			seen->free |= (uint64_t)((low & 3) | (high & 3) << 2) << shift;
			seen->begins |= (uint64_t)(low >> 2 | high >> 2 << 2) << shift;
		}
	}
}

void smal_code_look(const struct smal_vector_pool *pool, size_t stretch, struct smal_stretch *seen)
{
	size_t units = pool->units - stretch * 64;

	if (SMAL_LIKELY(pool->shape.unit_log2 == 4))
		look(pool, scale_of(16), stretch, seen);
	else
		look(pool, scale_of(unit_bytes_of(pool)), stretch, seen);
	/* The last stretch may have fewer. */
	if (units < 64)
		seen->free &= ((uint64_t)1 << units) - 1;
	seen->stretch = stretch;
}

/* ---- All vectors ---- */

/* What is wrong with a vector, or NULL. */
static const char *check_place(const struct smal_vector_pool *pool,
                               const struct smal_vector_place *place)
{
	const struct smal_vector_shape *shape = &pool->shape;
	unsigned order = place->order;

	if (order > shape->top || order % shape->growth_log2 != 0)
		return "code: a vector is of no class";
	if ((place->unit & (((size_t)1 << order) - 1)) != 0)
		return "code: a vector does not begin at a multiple of its size";
	if (place->used > smal_vector_block_bytes(pool, order))
		return "code: more of a vector is used than it has";
	/* I2 of its other quads. */
	for (size_t n = order > 3 ? 3 : 2; order > 2 && n < (size_t)1 << (order - 2); n++)
		if (get(pool, place->unit / 4 + n) != 0)
			return "code I2: inside of a vector is something";
	return NULL;
}

const char *smal_code_each(const struct smal_vector_pool *pool,
                           const char *(*visit)(const struct smal_vector_place *place,
                                                void *argument),
                           void *argument)
{
	struct scale scale = scale_of(unit_bytes_of(pool));
	struct smal_vector_place place;
	const char *why;
	size_t unit = 0;

	while (unit < pool->units) {
		uint64_t code = get(pool, unit / 4);

		if (code > scale.begins)
			return "code I2: a number is no code";
		if (code == 0) {
			unit = (unit | 3) + 1;
			continue;
		}
		if (code == scale.begins) {
			get_large(pool, unit / 4, &place);
			if (place.order < 3)
				return "code: a vector is of no class";
		} else if (find(pool, scale, unit, &place) == SMAL_CODE_FREE) {
			unit++;
			continue;
		}
		why = check_place(pool, &place);
		why = why != NULL ? why : visit(&place, argument);
		if (why != NULL)
			return why;
		unit = place.unit + ((size_t)1 << place.order);
	}
	return NULL;
}
