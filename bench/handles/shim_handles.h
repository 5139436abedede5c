/* SPDX-License-Identifier: MIT */
/*
 * shim_handles.h: the workloads with libsmal's handles. One heap.
 */
#include <smal/handle.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_HANDLES 1

typedef smal_handle shim_name;

extern struct smal_handle_heap *shim_heap;

static inline void shim_open(uint64_t limit_bytes)
{
	struct smal_handle_options options = { .options_bytes = sizeof options,
		                               .limit_bytes = limit_bytes };

	if (smal_handle_heap_create(&options, &shim_heap) != SMAL_OK)
		measure_fail("no heap");
}

static inline void shim_close(void)
{
	if (smal_handle_check(shim_heap) != SMAL_OK ||
	    smal_handle_heap_destroy(shim_heap) != SMAL_OK)
		measure_fail("the heap is damaged");
}

static inline shim_name shim_new(size_t bytes)
{
	return smal_handle_alloc(shim_heap, bytes, 0);
}

static inline void shim_free(shim_name name)
{
	if (__builtin_expect(smal_handle_free(shim_heap, name) != SMAL_OK, 0))
		measure_fail("a block cannot be freed");
}

/* The name stays; 0 if there is no memory. */
static inline shim_name shim_resize(shim_name name, size_t bytes)
{
	return smal_handle_resize(shim_heap, name, bytes) == SMAL_OK ? name : 0;
}

static inline unsigned char *shim_lock(shim_name name)
{
	return smal_handle_lock(shim_heap, name);
}

static inline void shim_unlock(shim_name name)
{
	smal_handle_unlock(shim_heap, name);
}

static inline bool shim_compact(uint64_t max_ns)
{
	return smal_compact(shim_heap, max_ns);
}

static inline void shim_settle(void)
{
	smal_compact(shim_heap, 0);
}

/* The longest block that there is room for now, without compaction: a hole, or what
 * lies behind the highest block. Large blocks lie outside of the heap, whose limit
 * does not count them; here they are taken off what lies behind. */
static inline double shim_allocatable(uint64_t budget)
{
	struct smal_handle_stats stats;
	uint64_t behind, taken;

	smal_handle_get_stats(shim_heap, &stats);
	if (!stats.large_bytes)
		return (double)stats.allocatable_bytes;
	taken = stats.span_bytes + stats.large_bytes;
	behind = budget > taken ? budget - taken : 0;
	return (double)(behind > stats.largest_hole_bytes ? behind : stats.largest_hole_bytes);
}

/** What the heap counts. Compactions are those that came to their end, whoever asked
 *  for them: allocations in a full heap do. */
static inline void shim_report(void)
{
	struct smal_handle_stats stats;

	smal_handle_get_stats(shim_heap, &stats);
	measure_line("metadata_bytes", (double)stats.metadata_bytes, "bytes");
	measure_line("compactions", (double)stats.compactions, "compactions");
	measure_line("moved_bytes", (double)stats.moved_bytes, "bytes");
}
