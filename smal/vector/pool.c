/* SPDX-License-Identifier: MIT */
/*
 * pool.c: making and ending pools, in the system's memory or a caller's.
 *
 *   map of a caller    | pool | index, lowest level first | codes |
 *   map of the system  | pool, system, index from level 2 | level 1 | level 0 | codes |
 *
 * The system's map and disc are reservations as large as they may ever be; the disc
 * grows by steps, and what is known of it first.
 */
#include <smal/vector/pool.h>

#include <string.h>

enum { SMALLEST = 16, LARGEST = 4096, OPTIONS_MOST = 4096 };

/* The disc's reservation; its first step, and its largest. */
static const uint64_t disc_most = (uint64_t)64 << 30, region_most = (uint64_t)256 << 30;
enum { STEP_LEAST = 64 << 10, STEP_MOST = 16 << 20, STEP_PART = 4 };

/* A power of two, of which there may be several. */
static size_t addresses(uint64_t most)
{
	return most > SIZE_MAX / 8 ? SIZE_MAX / 8 + 1 : (size_t)most;
}

/* ---- In a caller's memory ---- */

static void init(struct smal_vector_pool *pool, const struct smal_vector_shape *shape)
{
	*pool = (struct smal_vector_pool){ .shape = *shape };
	smal_os_lock_init(&pool->lock);
	pool->index.maps = (uint8_t)(shape->top + 1);
	pool->seen = &pool->one_seen;
	pool->one_seen.stretch = SMAL_INDEX_NONE;
}

static struct smal_vector_pool *create_in(const struct smal_vector_options *options,
                                          const struct smal_vector_shape *shape)
{
	size_t units = options->disc_bytes >> (shape->unit_log2 + shape->top) << shape->top;
	size_t before = -(uintptr_t)options->map & (sizeof(uint64_t) - 1);
	struct smal_vector_layout layout;
	struct smal_vector_pool *pool;
	char *at = options->map;

	if (units == 0 || !smal_vector_layout_of(shape, units, shape->top + 1u, &layout) ||
	    layout.map_bytes > options->map_bytes)
		return NULL;
	pool = (void *)(at += before);
	init(pool, shape);
	pool->disc = options->disc;
	at += sizeof *pool;
	pool->index.levels = (uint8_t)layout.levels;
	for (unsigned l = 0; l < layout.levels; l++) {
		pool->index.level[l] = (void *)at;
		memset(at, 0, layout.index_bytes[l]);
		at += layout.index_bytes[l];
	}
	pool->codes = (unsigned char *)at;
	memset(at, 0, layout.codes_bytes);
	smal_disc_grow(pool, units);
	return pool;
}

/* ---- In the system's ---- */

static void area_of(struct smal_area *area, char **at, size_t bytes)
{
	area->base = *at;
	area->bytes = smal_round_up(bytes, smal_os_page_bytes());
	*at += area->bytes;
}

/* Where the parts of a map are whose first `head` bytes are committed. */
static void lay_out(struct smal_vector_pool *pool, const struct smal_vector_layout *layout,
                    size_t head)
{
	struct smal_vector_system *system = pool->system;
	char *at = (char *)system + sizeof *system;

	pool->index.levels = (uint8_t)layout->levels;
	pool->index.maps = (uint8_t)(pool->shape.top + 2);
	for (unsigned l = 2; l < layout->levels; l++) {
		pool->index.level[l] = (void *)at;
		at += layout->index_bytes[l];
	}
	at = (char *)pool + head;
	for (unsigned l = layout->levels < 2 ? layout->levels : 2; l-- > 0;) {
		area_of(&system->low[l], &at, layout->index_bytes[l]);
		pool->index.level[l] = (void *)system->low[l].base;
	}
	area_of(&system->codes, &at, layout->codes_bytes);
	pool->codes = (unsigned char *)system->codes.base;
	pool->seen = system->seen;
	pool->seen_mask = SMAL_STRETCHES_SEEN - 1;
	for (unsigned i = 0; i < SMAL_STRETCHES_SEEN; i++)
		pool->seen[i].stretch = SMAL_INDEX_NONE;
}

/* The map for a disc of so many bytes; its first part is committed. */
static struct smal_vector_pool *make_map(const struct smal_vector_shape *shape, size_t disc_bytes)
{
	size_t head = sizeof(struct smal_vector_pool) + sizeof(struct smal_vector_system), all;
	struct smal_account account = { .provider = &smal_provider_os };
	size_t page = smal_os_page_bytes();
	struct smal_vector_layout layout;
	struct smal_vector_pool *pool;

	if (!smal_vector_layout_of(shape, disc_bytes >> shape->unit_log2, shape->top + 2u, &layout))
		return NULL;
	for (unsigned l = 2; l < layout.levels; l++)
		head += layout.index_bytes[l];
	head = smal_round_up(head, page);
	all = smal_round_up(head + layout.map_bytes + 4 * page, page);
	pool = smal_os_reserve(all);
	if (pool == NULL)
		return NULL;
	smal_os_huge(pool, all, false);
	if (!smal_account_commit(&account, pool, head)) {
		smal_os_release(pool, all);
		return NULL;
	}
	init(pool, shape);
	pool->system = (void *)(pool + 1);
	pool->system->account = account;
	pool->system->map_bytes = all;
	lay_out(pool, &layout, head);
	return pool;
}

/* What is known of the units up to a limit has its place. */
static bool make_known(struct smal_vector_pool *pool, size_t units)
{
	struct smal_vector_system *system = pool->system;
	size_t entries = units / 64;

	for (unsigned l = 0; l < smal_min(pool->index.levels, 2); l++)
		if (!smal_area_commit(&system->low[l], &system->account,
		                      smal_index_words(entries, l, pool->index.maps) *
		                              sizeof(uint64_t)))
			return false;
	return smal_area_commit(&system->codes, &system->account,
	                        smal_vector_codes_bytes(&pool->shape, units));
}

static struct smal_vector_pool *create(const struct smal_vector_options *options,
                                       const struct smal_vector_shape *shape)
{
	size_t least =
		smal_max(STEP_LEAST, (size_t)1 << (shape->unit_log2 + smal_max(shape->top, 6)));
	size_t disc_bytes;
	char *disc = smal_slots_reserve(addresses(disc_most), least, &disc_bytes);
	struct smal_vector_pool *pool;

	if (disc == NULL)
		return NULL;
	pool = make_map(shape, disc_bytes);
	/* Who looks for a block reads the highest level, be the disc empty. */
	if (pool != NULL && pool->index.levels <= 2 && !make_known(pool, 64)) {
		smal_os_release(pool, pool->system->map_bytes);
		pool = NULL;
	}
	if (pool == NULL) {
		smal_os_release(disc, disc_bytes);
		return NULL;
	}
	pool->disc = disc;
	pool->system->disc = (struct smal_area){ .base = disc, .bytes = disc_bytes };
	pool->system->limit_bytes = options->limit_bytes != 0 ? options->limit_bytes : SIZE_MAX;
	pool->system->region_most = pool->system->region_bytes = addresses(region_most);
	return pool;
}

static bool grow_by(struct smal_vector_pool *pool, size_t bytes)
{
	struct smal_vector_system *system = pool->system;
	struct smal_area *disc = &system->disc;

	if (bytes > disc->bytes - disc->committed_bytes || !smal_slot_allowed(system, bytes) ||
	    !make_known(pool, (disc->committed_bytes + bytes) >> pool->shape.unit_log2) ||
	    !smal_os_commit(disc->base + disc->committed_bytes, bytes))
		return false;
	disc->committed_bytes += bytes;
	system->taken_bytes += bytes;
	smal_disc_grow(pool, disc->committed_bytes >> pool->shape.unit_log2);
	return true;
}

bool smal_vector_pool_grow(struct smal_vector_pool *pool, unsigned order)
{
	size_t had, unit, wanted;

	if (pool->system == NULL)
		return false;
	/* Whole pages, whole stretches, whole blocks. */
	unit = smal_max(smal_vector_block_bytes(pool, SMAL_STRETCH_LOG2), smal_os_page_bytes());
	unit = smal_max(unit, smal_vector_largest(pool));
	had = pool->system->disc.committed_bytes;
	wanted = smal_min(smal_max(had / STEP_PART, STEP_LEAST), STEP_MOST);
	wanted = smal_round_up(smal_max(wanted, smal_vector_block_bytes(pool, order)), unit);
	return grow_by(pool, wanted) || (wanted != unit && grow_by(pool, unit));
}

/* ---- Pools ---- */

/* The options with what 0 means in them; false: the sizes are no geometry. */
static bool complete(struct smal_vector_options *options, struct smal_vector_shape *shape)
{
	size_t largest;

	options->growth = options->growth != 0 ? options->growth : 2;
	if (options->smallest_bytes == 0)
		options->smallest_bytes = SMALLEST;
	if (options->largest_bytes != 0)
		return smal_vector_shape_of(options->smallest_bytes, options->largest_bytes,
		                            options->growth, shape);
	/* The largest class that a growth has. */
	for (largest = LARGEST; largest >= options->smallest_bytes; largest /= 2)
		if (smal_vector_shape_of(options->smallest_bytes, largest, options->growth, shape))
			return true;
	return false;
}

enum smal_error smal_vector_pool_create(const struct smal_vector_options *options,
                                        struct smal_vector_pool **result)
{
	struct smal_vector_options copy = { 0 };
	struct smal_vector_shape shape;
	size_t bytes;

	SMAL_REQUIRE(result != NULL, SMAL_ERROR_INVALID, "NULL argument", NULL, "%s", "");
	if (options != NULL) {
		bytes = options->options_bytes != 0 ? options->options_bytes : sizeof copy;
		SMAL_REQUIRE(bytes <= OPTIONS_MOST, SMAL_ERROR_INVALID, "options_bytes is wrong",
		             NULL, "%zu", bytes);
		memcpy(&copy, options, smal_min(bytes, sizeof copy));
	}
	SMAL_REQUIRE(complete(&copy, &shape), SMAL_ERROR_INVALID, "sizes are no geometry", NULL,
	             "%zu, %zu, growth %u", copy.smallest_bytes, copy.largest_bytes, copy.growth);
	SMAL_REQUIRE((copy.disc != NULL) == (copy.map != NULL), SMAL_ERROR_INVALID,
	             "a disc needs a map", NULL, "%s", "");
	SMAL_REQUIRE(((uintptr_t)copy.disc & (copy.smallest_bytes - 1)) == 0, SMAL_ERROR_INVALID,
	             "disc is misaligned", copy.disc, "no multiple of %zu", copy.smallest_bytes);
	*result = copy.disc != NULL ? create_in(&copy, &shape) : create(&copy, &shape);
	if (*result == NULL)
		return SMAL_ERROR_NO_MEMORY;
	(*result)->magic = SMAL_MAGIC_VECTOR_POOL;
	smal_fork_lock_add(&(*result)->fork, &(*result)->lock);
	return SMAL_OK;
}

enum smal_error smal_vector_pool_destroy(struct smal_vector_pool *pool)
{
	struct smal_vector_system *system;
	struct smal_area disc;

	if (pool == NULL)
		return SMAL_OK;
	if (!smal_vector_is_pool(pool, __func__))
		return SMAL_ERROR_INVALID;
	smal_fork_lock_remove(&pool->fork);
	pool->magic = SMAL_MAGIC_GONE;
	system = pool->system;
	if (system == NULL)
		return SMAL_OK;
	smal_slots_fini(system);
	disc = system->disc;
	smal_os_release(disc.base, disc.bytes);
	smal_os_release(pool, system->map_bytes);
	return SMAL_OK;
}
