/* SPDX-License-Identifier: MIT */
/*
 * stats.h: counts, exact at any time: asking stops the collector's threads.
 *
 * For every type and for the collector as a whole,
 *
 *     allocated = live + freed
 *
 * holds in objects and in bytes whenever no call into libsmal is under way
 * (smal_check proves it by counting). Bytes are those of the slots: strides,
 * size classes, whole pages. "Live" means not yet found dead.
 */
#ifndef SMAL_STATS_H
#define SMAL_STATS_H

#include <smal/thread.h>
#include <smal/type.h>

SMAL_BEGIN

/** Counts of a type, or of all types of a collector. */
struct smal_stats {
	uint64_t allocated_objects, allocated_bytes;
	uint64_t live_objects, live_bytes;
	uint64_t freed_objects, freed_bytes;
	/** Of the live: dead, but their free callback is still to run. */
	uint64_t pending_objects;
	/** Heap that holds objects of the type: whole buffers. */
	uint64_t heap_bytes;
};

/** Counts of a collector. */
struct smal_gc_stats {
	struct smal_stats objects;
	/** Collections, and how many of them allocation started. */
	uint64_t collections, paced_collections;
	/** Pauses: their sum, the longest, the last. */
	uint64_t pause_sum_ns, pause_max_ns, pause_last_ns;
	/** Largest heap_bytes so far. */
	uint64_t heap_peak_bytes;
	/** Collections whose mark queue overflowed (and marked all the same). */
	uint64_t queue_overflows;
};

/**
 * The memory of the process's space, which all collectors share. used + free +
 * metadata = committed.
 */
struct smal_space_stats {
	/** Addresses reserved, and mappings asked of the system for them. */
	uint64_t reserved_bytes, mappings;
	/** Bytes that may be touched; of them: in use by buffers and objects,
	 *  free (of which dirty: not yet given back to the system), metadata. */
	uint64_t committed_bytes, used_bytes, free_bytes, dirty_bytes, metadata_bytes;
	/** Calls to the system that failed and were survived. */
	uint64_t os_failures;
};

/** The counts of a type; of a collector. Any thread; zeroes, with the sink told,
 *  from a callback. */
SMAL_API void smal_type_get_stats(struct smal_type *type, struct smal_stats *stats);
SMAL_API void smal_gc_get_stats(struct smal_gc *gc, struct smal_gc_stats *stats);

/** Bytes of heap, whole buffers, at this moment; any thread, at any time, also from
 *  callbacks. */
SMAL_API size_t smal_gc_heap_bytes(const struct smal_gc *gc);

/** About how many bytes were allocated, or declared by smal_external, since the last
 *  collection: threads tell in pieces of 64 KiB, and what was at hand before it does not
 *  count. As above. */
SMAL_API size_t smal_gc_fresh_bytes(const struct smal_gc *gc);

/** The memory of the process. Any thread. */
SMAL_API void smal_get_space_stats(struct smal_space_stats *stats);

/**
 * Calls visit for every live object of a collector, in the order of addresses; a
 * result other than 0 stops and is returned. The callback may do what a mutator
 * may: allocate, free, collect, leave by longjmp. Objects that are allocated
 * meanwhile, by it or by other threads, may be visited or not; every other one
 * that is still alive when its turn comes is visited once. The objects of weak
 * references, maps and finalizers are objects, too. -1 with the sink told if the
 * call is not allowed. The attached thread only.
 */
typedef int smal_visitor(void *object, struct smal_type *type, size_t bytes, void *user);
SMAL_API int smal_each_object(struct smal_thread *thread, smal_visitor *visit, void *user);

SMAL_END

#endif
