/* SPDX-License-Identifier: MIT */
/*
 * gc.h: a collector: its creation, its options, its end.
 *
 * A process may hold many collectors; each has its own types, objects, roots
 * and attached thread, and none of them knows the others. A pointer into an
 * object of another collector does not keep that object.
 */
#ifndef SMAL_GC_H
#define SMAL_GC_H

#include <smal/error.h>

#include <stddef.h>
#include <stdint.h>

SMAL_BEGIN

/** A collector. */
struct smal_gc;

/** When allocation collects by itself. */
enum smal_pace {
	/** When the heap has grown by a share of what survived the last time
	 *  (pace_percent), and not below pace_bytes. The default. */
	SMAL_PACE_GROWTH,
	/** Whenever the heap would become larger than pace_bytes. When more
	 *  than nine tenths of that is live, it grows by a quarter instead, so
	 *  that a program never collects without end. */
	SMAL_PACE_FIXED,
	/** Only when a hard limit is reached; else smal_collect alone. */
	SMAL_PACE_OFF
};

/** What a collector is made with. All zero means the defaults. */
struct smal_gc_options {
	/** sizeof(struct smal_gc_options), so that fields can be added. */
	size_t options_bytes;
	/** When allocation collects by itself. */
	enum smal_pace pace;
	/** SMAL_PACE_GROWTH: no collection by itself below this many bytes of
	 *  heap (default 8 MiB). SMAL_PACE_FIXED: the size of the heap
	 *  (default 64 MiB). */
	size_t pace_bytes;
	/** SMAL_PACE_GROWTH: percent of the live bytes that may be allocated
	 *  before the next collection (default 100). */
	unsigned pace_percent;
	/** The most bytes of heap that objects may take, 0 for no limit. At the
	 *  limit an allocation collects, then fails with SMAL_ERROR_LIMIT. */
	size_t limit_bytes;
	/** Bits that are cleared from every candidate word before it is taken
	 *  for an address: low tag bits, and the high bits of a NaN box, such as
	 *  0xffff000000000007. Applies to every object and root that is scanned,
	 *  and to what mark callbacks hand to smal_mark. 0 clears nothing. */
	uintptr_t tag_mask;
	/** True if the attached threads' stacks and registers are not roots
	 *  (the runtime then declares frames and roots, root.h). */
	int exact_stacks;
};

/**
 * Makes a collector.
 *
 * options  NULL for the defaults
 * gc       receives it
 *
 * Returns SMAL_OK; SMAL_ERROR_INVALID (an option has no meaning; the sink is
 * told), SMAL_ERROR_NO_MEMORY, or SMAL_ERROR_TOO_MANY (65,535 collectors
 * exist). Any thread. The calling thread is not attached by it.
 */
SMAL_API enum smal_error smal_gc_create(const struct smal_gc_options *options,
                                        struct smal_gc **gc);

/**
 * Ends a collector: runs the free callbacks of every object that is left,
 * gives all its memory back, destroys its types. No thread may be attached.
 *
 * Returns SMAL_OK, SMAL_ERROR_BUSY (a thread is attached, or it is called from
 * a callback; nothing is changed; the sink is told), or SMAL_ERROR_INVALID
 * (not a collector). NULL is allowed and does nothing.
 */
SMAL_API enum smal_error smal_gc_destroy(struct smal_gc *gc);

/**
 * Changes when allocation collects by itself; the parameters are those of
 * struct smal_gc_options, 0 for the default. An attached thread of this
 * collector. Returns SMAL_OK or SMAL_ERROR_INVALID.
 */
SMAL_API enum smal_error smal_gc_set_pace(struct smal_gc *gc, enum smal_pace pace,
                                          size_t pace_bytes, unsigned pace_percent);

/**
 * Changes the hard limit. 0 removes it. An attached thread of this collector,
 * or any thread while none is attached.
 *
 * Returns SMAL_OK, or SMAL_ERROR_LIMIT if more than limit_bytes is in use; the
 * limit then stays what it was and the sink is told (collect first, and drop
 * what need not stay).
 */
SMAL_API enum smal_error smal_gc_set_limit(struct smal_gc *gc, size_t limit_bytes);

SMAL_END

#endif
