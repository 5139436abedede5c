/* SPDX-License-Identifier: MIT */
/*
 * gc.h: a collector: its creation, its options, its end.
 *
 * A process may hold many collectors; each has its own types, objects, roots
 * and attached threads, and none of them knows the others: collecting one does
 * not stop the threads of another. A pointer into an object of another
 * collector does not keep that object.
 */
#ifndef SMAL_GC_H
#define SMAL_GC_H

#include <smal/error.h>

#include <stddef.h>
#include <stdint.h>

SMAL_BEGIN

/** A collector. */
struct smal_gc;
struct smal_thread;

/** When allocation collects by itself; or earlier, where a collection takes less than
 *  a thirtieth of the program's time: the program then goes on in memory that is still
 *  in the processor's cache. */
enum smal_pace {
	/** When the heap has grown by a share of what survived the last time
	 *  (pace_percent), and not below pace_bytes. The default. */
	SMAL_PACE_GROWTH,
	/** Whenever the heap would become larger than pace_bytes. When more
	 *  than nine tenths of that is live, it grows by a quarter instead, so
	 *  that a program never collects without end. */
	SMAL_PACE_FIXED,
	/** Only when a hard limit is reached; else smal_collect alone. */
	SMAL_PACE_OFF,
	/** MemBalancer's square root rule: when the heap has grown by
	 *  sqrt(live bytes * allocation rate / marking rate * pace_bytes), so that
	 *  several collectors in a process share memory where it saves the most
	 *  time (Kirisame, Shenoy, Panchekha 2022). pace_bytes weighs memory
	 *  against time: larger means fewer collections (default 1 MiB). */
	SMAL_PACE_BALANCE
};

/** What a collector is made with. All zero means the defaults. */
struct smal_gc_options {
	/** sizeof(struct smal_gc_options), so that fields can be added. */
	size_t options_bytes;
	/** When allocation collects by itself. */
	enum smal_pace pace;
	/** SMAL_PACE_GROWTH: no collection by itself below this many bytes of
	 *  heap, but for early ones (default 8 MiB). SMAL_PACE_FIXED: the size of the heap
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
	/** A signal by which a collection stops threads that do not call in, or 0
	 *  for none: SIGPWR, SIGXCPU or a real-time signal that the runtime does
	 *  not use otherwise. libsmal installs a handler when the collector is
	 *  made; system calls are restarted. Not with exact_stacks. */
	int stop_signal;
	/** Bytes of heap (and smal_external) beyond which the pace becomes
	 *  stricter: the heap then grows by an eighth of the live bytes at most
	 *  between collections. 0: three quarters of what the control group
	 *  (cgroup) of the process may use, if it is limited; SIZE_MAX: none. */
	size_t soft_limit_bytes;
	/** Threads that mark: 0 for as many as there are processors that the process
	 *  may use, 1 for the collecting thread alone; at most 256 count. The others
	 *  are the library's own: started by the first collection that has much to
	 *  mark, for all collectors of the process together, with all signals
	 *  blocked; they sleep otherwise, and end with the last collector. Where
	 *  they have not made marking faster, they are seldom asked. Mark callbacks
	 *  run on them, too. */
	unsigned markers;
	/** How many milliseconds free memory is kept before the system gets it back, 0 for
	 *  a second. It is the process's: of several collectors, the first one's counts,
	 *  and SMAL_OPTIONS before that. */
	unsigned decay_ms;
	/** True if huge pages are not asked for (madvise): a program that takes and gives back
	 *  much memory among others then waits less for the system, and has less of it that it
	 *  does not use; one that stays large has its addresses translated more slowly. The
	 *  process's, as decay_ms is. */
	int plain_pages;
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
 * gives all its memory back, destroys its types, fibers and queues. No thread
 * may be attached. Finalizers are not run: drain their queues before.
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
 * Lets allocation collect by itself (1, as a collector is made), or not (0): then it does
 * not even where memory is short, and fails. smal_collect works all the same. An attached
 * thread, or any while none is attached. Returns SMAL_OK or SMAL_ERROR_INVALID.
 */
SMAL_API enum smal_error smal_gc_set_automatic(struct smal_gc *gc, int on);

/**
 * Changes the hard limit. 0 removes it. An attached thread of this collector,
 * or any thread while none is attached.
 *
 * Returns SMAL_OK, or SMAL_ERROR_LIMIT if more than limit_bytes is in use; the
 * limit then stays what it was and the sink is told (collect first, and drop
 * what need not stay).
 */
SMAL_API enum smal_error smal_gc_set_limit(struct smal_gc *gc, size_t limit_bytes);

/** Changes the soft limit; 0 and SIZE_MAX as in the options. As above. */
SMAL_API enum smal_error smal_gc_set_soft_limit(struct smal_gc *gc, size_t soft_limit_bytes);

/** What a policy decides by: the state at the end of a collection. */
struct smal_pace_input {
	/** Live objects' bytes, whole buffers, and bytes held outside. */
	uint64_t live_bytes, heap_bytes, external_bytes;
	/** Bytes that were allocated since the collection before, and the time
	 *  that the program ran meanwhile; what this collection took. */
	uint64_t allocated_bytes, run_ns, pause_ns;
	/** The limits, or SIZE_MAX. */
	uint64_t soft_limit_bytes, limit_bytes;
	/** What the pace in the options would say. */
	uint64_t target_bytes;
};

/**
 * Decides when allocation collects next: as soon as heap and external bytes
 * would be more than the result. Runs at the end of a collection, still inside
 * of it: it must not call into libsmal. A result below what is live makes every
 * new buffer collect.
 */
typedef size_t smal_policy(const struct smal_pace_input *input, void *user);

/** Replaces the pace by a policy; NULL brings the pace back. An attached thread,
 *  or any while none is attached. */
SMAL_API enum smal_error smal_gc_set_policy(struct smal_gc *gc, smal_policy *policy, void *user);

/** What a shortage callback answers. */
enum smal_shortage {
	/** The allocation fails: NULL, with the reason in smal_thread_error. */
	SMAL_SHORTAGE_FAIL,
	/** Something was freed, or a limit raised: try once more (and ask again if
	 *  that fails too). */
	SMAL_SHORTAGE_RETRY
};

/**
 * Is called by an allocation that is about to fail, after a collection could not
 * help, on the allocating thread, with no lock held. It may do whatever a
 * mutator may, but for this allocation's sake allocations inside of it fail
 * without asking again. It may leave by longjmp, which raises an exception of
 * the runtime's.
 *
 * bytes  what was asked for; reason  SMAL_ERROR_NO_MEMORY or SMAL_ERROR_LIMIT
 */
typedef enum smal_shortage smal_shortage_function(struct smal_thread *thread, size_t bytes,
                                                  enum smal_error reason, void *user);

/** Sets the callback; NULL for none. As smal_gc_set_policy. */
SMAL_API enum smal_error smal_gc_set_shortage(struct smal_gc *gc,
                                              smal_shortage_function *function, void *user);

SMAL_END

#endif
