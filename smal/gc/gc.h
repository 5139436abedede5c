/* SPDX-License-Identifier: MIT */
/*
 * gc.h: the structures of a collector.
 *
 *   gc --- types --- kinds: a type's objects of one size, a stride each
 *    |                        |
 *    |                        `- buffers (stride.h), masks, owner words
 *    |--- roots
 *    `--- thread --- parcels by kind (public), holes by kind
 *
 * A kind's number stands in the owner words of its buffers, beside the
 * collector's own: what a marker needs to know of an object follows from its
 * address by one load (smal_scan). Kind 0 is no kind; its parcel is empty.
 *
 * Invariants of a collector at rest (smal_check):
 *   G1  a slot's live bit is set if it holds an object, is pending (dead, its
 *       free callback still to run), or lies in a thread's window ahead of the
 *       cursor, which stands at the beginning of a slot
 *   G2  the mark masks are clear
 *   G3  a pending bit (mask 2) is set only where the live bit is
 *   G4  for each kind: live bits = allocated - freed + window slots ahead; and
 *       so in bytes, for large objects
 *   G5  a hole's buffer is claimed, and [next, limit) in it is free, and so are
 *       the slots freed last
 *   G6  the collector's counts are the sums of its kinds'
 *   G7  a kind's number leads to it, and from it to its type
 */
#ifndef SMAL_GC_GC_H
#define SMAL_GC_GC_H

#include <smal.h>
#include <smal/stride/stride.h>

enum {
	/* Kinds of a collector; the last class index of a variable type is its
	 * kind of large objects. */
	SMAL_KINDS = 8192,
	SMAL_VARIABLE_KINDS = SMAL_CLASSES + 1,
	/* Bytes that a parcel may run ahead of what is known to be zero. */
	SMAL_WINDOW_BYTES = 4096,
	/* Slots that are kept at hand after smal_free. */
	SMAL_RECENT_SLOTS = 6
};

/* How a kind's objects are scanned. */
enum smal_how {
	/* No pointers: marked and never queued. */
	SMAL_HOW_LEAF,
	/* The first two words are pointers. */
	SMAL_HOW_PAIR,
	/* The pointers are the bits of one word. */
	SMAL_HOW_BITS,
	/* A layout of any length, perhaps repeating. */
	SMAL_HOW_LAYOUT,
	SMAL_HOW_CONSERVATIVE,
	SMAL_HOW_CALLBACK
};

enum smal_scan_flags {
	/* Interior pointers from heap words count. */
	SMAL_SCAN_INTERIOR = 1,
	/* Slots begin at odd multiples of 8 too. */
	SMAL_SCAN_ODD = 2,
	/* Has a free callback: look at the pending mask. */
	SMAL_SCAN_FREES = 4,
	/* A buffer is larger than 64 KiB. */
	SMAL_SCAN_WIDE = 8,
	/* The marker's short way does not do. */
	SMAL_SCAN_SLOW = 16,
	/* A small object of fixed size: one past its end is not it if another
	 * object begins there. */
	SMAL_SCAN_COMPACT = 32
};

/* The largest fixed size for which that holds. */
enum { SMAL_COMPACT_BYTES = 64 };

/* What the marker knows of a kind: half a cache line. */
struct smal_scan {
	uint32_t slot_bytes; /* 0: large, ask the descriptor */
	/* not_plain: an address needs more than its live bit. */
	uint8_t how, flags, not_plain, unused;
	uint64_t reciprocal;
	union {
		uintptr_t bits;
		const uintptr_t *layout;
		smal_mark_function *mark;
	} as;
	uint32_t words, repeat_words;
};

/* A type's objects of one size. */
struct smal_kind {
	struct smal_stride stride;
	struct smal_owned_type *type;
	uint16_t index;
	/* Bytes of a window: whole slots, or one. */
	uint32_t window_bytes;
	/* Slots handed to windows (less those taken back), and found dead or
	 * freed; for large objects also in bytes. */
	uint64_t claimed_slots, freed_slots, pending_slots;
	uint64_t claimed_large_bytes, freed_large_bytes, pending_large_bytes;
};

/* struct smal_type and what is behind it. */
struct smal_owned_type {
	struct smal_type public;
	uint32_t magic;
	struct smal_gc *gc;
	struct smal_link link;
	struct smal_type_desc desc;
	/* Its kinds' numbers: [first_kind, first_kind + kind_count). */
	uint16_t first_kind, kind_count;
	/* The name, and the layout's bits behind it. */
	char *text;
	size_t text_bytes;
};

/* What a thread has claimed of a kind, besides the parcel. */
struct smal_hole {
	/* In the thread's list of active holes. */
	struct smal_link link;
	struct smal_kind *kind;
	struct smal_buffer *buffer;
	/* The true end of the parcel's window, and the buffer it lies in. */
	uintptr_t window_limit;
	struct smal_buffer *window_buffer;
	/* The rest of the hole behind the window. */
	uintptr_t next, limit;
	/* Slots freed last; their live bits are clear. */
	uintptr_t recent[SMAL_RECENT_SLOTS];
	unsigned recent_count;
};

struct smal_attached {
	struct smal_thread public;
	uint32_t magic;
	struct smal_gc *gc;
	/* The next attachment of this OS thread. */
	struct smal_attached *next;
	uintptr_t os_id, stack_base, stack_limit;
	struct smal_hole *holes;
	struct smal_link active;
	struct smal_frame *frames;
	enum smal_error error;
	/* Allocations until torture collects. */
	unsigned torture_left;
};

enum smal_root_kind {
	SMAL_ROOT_SLOT,
	SMAL_ROOT_RANGE,
	SMAL_ROOT_FUNCTION,
	SMAL_ROOT_STATIC
};

struct smal_root {
	struct smal_link link;
	enum smal_root_kind kind;
	const void *what, *limit;
	smal_root_function *function;
	char name[32];
};

/* What a collector is busy with: what may be called follows from it. */
enum smal_activity {
	SMAL_IDLE,
	/* Marking and sweeping: mark callbacks and the observer run. */
	SMAL_COLLECTING,
	/* Free callbacks run. */
	SMAL_FREEING
};

struct smal_gc {
	uint32_t magic;
	uint16_t owner;
	enum smal_activity activity;
	/* Where objects lie, and where the collector's own structures do: no user's
	 * overrun reaches those. */
	struct smal_space *space, *books;
	struct smal_gc_options options;
	unsigned torture;
	bool tool_watches;
	/* Which mask is live. */
	unsigned live;
	/* By kind; one run holds both. Entries exist up to kinds_top. */
	struct smal_kind **kinds;
	struct smal_scan *scans;
	unsigned kinds_top;
	struct smal_link types, ended_types, roots;
	struct smal_attached *thread;
	/* The mark queue that is always there. */
	uintptr_t *queue;
	size_t queue_words;
	/* Ranges of static data, gathered before marking. */
	uintptr_t *statics;
	size_t static_count, static_capacity;
	/* Pace (pace.c). */
	size_t heap_bytes, target_bytes, allocated_bytes;
	bool frees_pending;
	struct smal_gc_stats stats;
	smal_observer *observer;
	void *observer_user;
};

/* ---- Which kind ---- */

static inline struct smal_kind *smal_buffer_kind(const struct smal_buffer *buffer)
{
	return SMAL_CONTAINER(buffer->stride, struct smal_kind, stride);
}

static inline struct smal_owned_type *smal_owned(const struct smal_type *type)
{
	return SMAL_CONTAINER(type, struct smal_owned_type, public);
}

static inline struct smal_attached *smal_attached(const struct smal_thread *thread)
{
	return SMAL_CONTAINER(thread, struct smal_attached, public);
}

#define SMAL_EACH_KIND(gc, kind)                                                      \
	for (unsigned kind##_index = 1; kind##_index < (gc)->kinds_top; kind##_index++) \
		for (struct smal_kind *kind = (gc)->kinds[kind##_index]; kind != NULL; kind = NULL)

/* The kind of a type's objects of a class (0 for a fixed size), made at first
 * use. NULL: no memory. (type.c) */
struct smal_kind *smal_kind_get(struct smal_owned_type *type, unsigned class);

/* Ends all types, with their objects. (type.c) */
void smal_types_fini(struct smal_gc *gc);

/* Slots that lie in the thread's window ahead of the cursor. */
uint64_t smal_kind_ahead(const struct smal_kind *kind);

/* True if a slot whose live bit is set holds an object: it is neither ahead of
 * the cursor nor pending. (thread.c) */
bool smal_slot_is_object(const struct smal_kind *kind, const struct smal_buffer *buffer,
                         uintptr_t slot);

/* ---- Threads (thread.c) ---- */

/* Refuses with a report: a call by somebody who is not the attached thread, or
 * while the collector is busy with more than `most` allows. */
enum smal_error smal_thread_check(const struct smal_thread *thread, enum smal_activity most,
                                  const char *function);

/* Takes the windows out of the live masks, and puts them back. */
void smal_thread_retract(struct smal_attached *thread);
void smal_thread_restore(struct smal_attached *thread);

/* Ends a hole: what was claimed and not used is free again. */
void smal_hole_close(struct smal_attached *thread, struct smal_hole *hole);

/* The same check for functions that take a collector: the attached thread, or
 * any if none is attached. */
enum smal_error smal_gc_check(const struct smal_gc *gc, const char *function);

/* ---- The steps of a collection ---- */

/* Reserves the queue; gathers what may not be asked for while marking. */
void smal_roots_prepare(struct smal_gc *gc);
/* Hands all roots but the stack to the marker. */
void smal_roots_mark(struct smal_gc *gc, struct smal_marker *marker);
void smal_roots_fini(struct smal_gc *gc);

/* Sweeps every kind; the live mask has been exchanged. Fills the collection's
 * counts. (sweep.c) */
void smal_sweep(struct smal_gc *gc, struct smal_collection *collection);

/* Gives the buffers that hold nothing back to the space, and the attached
 * thread's holes, so that they may be among them. */
void smal_sweep_empty(struct smal_gc *gc);

/* Runs pending free callbacks; returns their number. */
size_t smal_sweep_frees(struct smal_gc *gc);

/* The whole of it (collect.c). */
void smal_collect_now(struct smal_attached *thread, bool on_demand);

/* ---- Pace (pace.c) ---- */

void smal_pace_init(struct smal_gc *gc);
enum smal_error smal_pace_check_options(const struct smal_gc_options *options,
                                        const char *function);
/* A kind needs `bytes` of new buffer: should a collection run first? */
bool smal_pace_wants_collection(const struct smal_gc *gc, size_t bytes);
/* May the heap grow by this? */
bool smal_pace_allows(const struct smal_gc *gc, size_t bytes);
/* After a collection. */
void smal_pace_update(struct smal_gc *gc, uint64_t live_bytes);

/* ---- The checker (verify.c) ---- */

/* The first invariant that does not hold, or NULL. */
const char *smal_verify(struct smal_gc *gc);

/* Marks a second time, naively, and compares; the marks are complete and the
 * masks not yet exchanged. NULL: they agree. low: the stack's lowest address. */
const char *smal_verify_marks(struct smal_gc *gc, uintptr_t low);

#endif
