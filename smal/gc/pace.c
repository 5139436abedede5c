/* SPDX-License-Identifier: MIT */
/*
 * pace.c: when allocation collects, and how large the heap may be.
 *
 * The measure is heap_bytes: whole buffers. A collection is asked for only
 * when a kind has no free slot left and a new buffer would take the heap
 * beyond the target. The target after a collection:
 *
 *   growth   max(pace_bytes, live + live * percent / 100)
 *   fixed    pace_bytes; if nine tenths of that is live, a quarter more
 *
 * Slots freed for one kind are no use to another. So that a heap of many sizes
 * does not collect for every buffer it lacks, a further collection waits until
 * a sixteenth of the target has been allocated; until then the heap grows
 * beyond it.
 */
#include <smal/gc/gc.h>
#include <smal/base/fail.h>

enum {
	GROWTH_BYTES = 8 << 20,
	FIXED_BYTES = 64 << 20,
	GROWTH_PERCENT = 100,
	/* The share of the target that is allocated between collections. */
	LEAST_SHARE = 16
};

static uint64_t live_bytes(const struct smal_gc *gc)
{
	uint64_t bytes = 0;

	SMAL_EACH_KIND(gc, kind)
		bytes += (kind->claimed_slots - kind->freed_slots) * kind->stride.stride_bytes +
		         kind->claimed_large_bytes - kind->freed_large_bytes;
	return bytes;
}

void smal_pace_init(struct smal_gc *gc)
{
	struct smal_gc_options *options = &gc->options;

	if (options->pace_bytes == 0)
		options->pace_bytes =
			options->pace == SMAL_PACE_FIXED ? FIXED_BYTES : GROWTH_BYTES;
	if (options->pace_percent == 0)
		options->pace_percent = GROWTH_PERCENT;
	smal_pace_update(gc, live_bytes(gc));
}

void smal_pace_update(struct smal_gc *gc, uint64_t live)
{
	uint64_t target = gc->options.pace_bytes, grown;

	if (gc->options.pace == SMAL_PACE_GROWTH) {
		grown = live + live / 100 * gc->options.pace_percent;
		if (grown > target)
			target = grown;
	} else if (live > target - target / 10) {
		target = live + live / 4;
	}
	gc->target_bytes = (size_t)smal_min((size_t)target, SIZE_MAX / 2);
	gc->allocated_bytes = 0;
}

bool smal_pace_allows(const struct smal_gc *gc, size_t bytes)
{
	return gc->options.limit_bytes == 0 ||
	       (gc->heap_bytes <= gc->options.limit_bytes &&
	        bytes <= gc->options.limit_bytes - gc->heap_bytes);
}

bool smal_pace_wants_collection(const struct smal_gc *gc, size_t bytes)
{
	if (!smal_pace_allows(gc, bytes))
		return true;
	if (gc->options.pace == SMAL_PACE_OFF || bytes + gc->heap_bytes <= gc->target_bytes)
		return false;
	return gc->allocated_bytes + bytes >= gc->target_bytes / LEAST_SHARE;
}

static enum smal_error pace_check(enum smal_pace pace, unsigned percent, const char *function)
{
	if ((unsigned)pace > SMAL_PACE_OFF)
		return smal_fail(SMAL_ERROR_INVALID, function, "unknown pace", NULL, "%d", (int)pace);
	if (percent > 10000)
		return smal_fail(SMAL_ERROR_INVALID, function, "pace_percent is over 10000", NULL,
		                 "%u", percent);
	return SMAL_OK;
}

enum smal_error smal_gc_set_pace(struct smal_gc *gc, enum smal_pace pace, size_t pace_bytes,
                                 unsigned pace_percent)
{
	enum smal_error error = smal_gc_check(gc, __func__);

	if (error == SMAL_OK)
		error = pace_check(pace, pace_percent, __func__);
	if (error != SMAL_OK)
		return error;
	gc->options.pace = pace;
	gc->options.pace_bytes = pace_bytes;
	gc->options.pace_percent = pace_percent;
	smal_pace_init(gc);
	return SMAL_OK;
}

enum smal_error smal_gc_set_limit(struct smal_gc *gc, size_t limit_bytes)
{
	enum smal_error error = smal_gc_check(gc, __func__);

	if (error != SMAL_OK)
		return error;
	SMAL_REQUIRE(limit_bytes == 0 || limit_bytes >= gc->heap_bytes, SMAL_ERROR_LIMIT,
	             "limit is below what is in use", NULL, "%zu bytes, and %zu are in use",
	             limit_bytes, gc->heap_bytes);
	gc->options.limit_bytes = limit_bytes;
	return SMAL_OK;
}

enum smal_error smal_pace_check_options(const struct smal_gc_options *options,
                                        const char *function)
{
	return pace_check(options->pace, options->pace_percent, function);
}
