/* SPDX-License-Identifier: MIT */
/*
 * geometry.c: the sizes of pools: classes, and what a map needs (<smal/vector.h>).
 *
 * Pure functions of sizes.
 */
#include <smal/vector/pool.h>

static bool log2_of(size_t n, unsigned least, unsigned most, uint8_t *result)
{
	if (!smal_is_power_of_two(n))
		return false;
	*result = (uint8_t)smal_log2_ceil(n);
	return *result >= least && *result <= most;
}

bool smal_vector_shape_of(size_t smallest_bytes, size_t largest_bytes, unsigned growth,
                          struct smal_vector_shape *shape)
{
	uint8_t largest_log2;

	if (!log2_of(smallest_bytes, SMAL_UNIT_LEAST_LOG2, SMAL_UNIT_MOST_LOG2,
	             &shape->unit_log2) ||
	    !log2_of(largest_bytes, shape->unit_log2, shape->unit_log2 + SMAL_ORDERS_MOST,
	             &largest_log2) ||
	    !log2_of(growth, 1, 4, &shape->growth_log2))
		return false;
	shape->top = (uint8_t)(largest_log2 - shape->unit_log2);
	shape->code_bits = (uint8_t)smal_code_bits(shape->unit_log2);
	return shape->top % shape->growth_log2 == 0;
}

size_t smal_vector_codes_bytes(const struct smal_vector_shape *shape, size_t units)
{
	size_t quads = units / 4 + (units % 4 != 0);

	/* bits <= 64 and quads <= 2^62 / unit: no overflow before the last step. */
	return quads / 8 * shape->code_bits + (quads % 8 * shape->code_bits + 7) / 8 +
	       sizeof(uint64_t);
}

bool smal_vector_layout_of(const struct smal_vector_shape *shape, size_t units, unsigned maps,
                           struct smal_vector_layout *layout)
{
	size_t stretches = units / 64 + (units % 64 != 0);

	*layout = (struct smal_vector_layout){ .levels = smal_index_levels(stretches) };
	if (layout->levels == 0)
		return false;
	layout->map_bytes = sizeof(struct smal_vector_pool) + sizeof(uint64_t) - 1;
	for (unsigned l = 0; l < layout->levels; l++) {
		layout->index_bytes[l] = smal_index_words(stretches, l, maps) * sizeof(uint64_t);
		layout->map_bytes += layout->index_bytes[l];
	}
	layout->codes_bytes = smal_vector_codes_bytes(shape, units);
	layout->map_bytes += layout->codes_bytes;
	return true;
}

unsigned smal_vector_order(const struct smal_vector_shape *shape, size_t bytes)
{
	size_t units = bytes <= 1 ? 1 : ((bytes - 1) >> shape->unit_log2) + 1;
	unsigned order = smal_log2_ceil(units), over = order % shape->growth_log2;

	return over == 0 ? order : order + shape->growth_log2 - over;
}

enum smal_error smal_vector_get_geometry(size_t disc_bytes, size_t smallest_bytes,
                                         size_t largest_bytes, unsigned growth,
                                         struct smal_vector_geometry *result)
{
	struct smal_vector_geometry geometry = { 0 };
	struct smal_vector_shape shape;
	struct smal_vector_layout layout;
	size_t blocks;

	if (result == NULL || !smal_vector_shape_of(smallest_bytes, largest_bytes, growth, &shape))
		return SMAL_ERROR_INVALID;
	blocks = disc_bytes / largest_bytes;
	if (!smal_vector_layout_of(&shape, blocks << shape.top, shape.top + 1u, &layout))
		return SMAL_ERROR_INVALID;
	geometry.classes = shape.top / shape.growth_log2 + 1u;
	for (unsigned order = 0; order <= shape.top; order += shape.growth_log2)
		geometry.entries += (size_t)1 << order;
	geometry.channel_factor = geometry.classes + 1;
	geometry.channel_bytes = geometry.channel_factor * largest_bytes;
	geometry.channels = disc_bytes / geometry.channel_bytes;
	geometry.map_bytes = layout.map_bytes;
	*result = geometry;
	return SMAL_OK;
}
