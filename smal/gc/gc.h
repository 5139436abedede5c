/* SPDX-License-Identifier: MIT */
/*
 * gc.h: the structures of a collector.
 *
 *   gc --- types --- kinds: a type's objects of one size, a stride each
 *    |                        |
 *    |                        `- buffers (stride.h), masks, owner words
 *    |--- roots, fibers, queues
 *    `--- threads --- parcels by kind (public), holes by kind, a stack
 *
 * A kind's number stands in the owner words of its buffers, beside the
 * collector's own: what a marker needs to know of an object follows from its
 * address by one load (smal_scan). Kind 0 is no kind; its parcel is empty.
 *
 * Who may touch what. A thread's holes, parcels and counts are its own, and the
 * collecting thread's while the world is stopped (attach.h, world.h). The lock
 * protects the lists of threads, types, roots, fibers and queues, the table of
 * kinds, and the phase; it is never held while threads are stopped, nor around a
 * callback.
 *
 * Invariants of a collector at rest (smal_check):
 *   G1  a slot's live bit is set if it holds an object, is pending (dead, its
 *       free callback still to run), or lies in a thread's window ahead of the
 *       cursor, which stands at the beginning of a slot
 *   G2  the mark masks are clear
 *   G3  a pending bit (mask 2) is set only where the live bit is
 *   G4  for each kind: live bits = allocated - freed + window slots ahead; and
 *       so in bytes, for large objects (its own counts and those of the holes)
 *   G5  a hole's buffer is claimed by it, and [next, limit) in it is free
 *   G6  the collector's counts are the sums of its kinds'
 *   G7  a kind's number leads to it, and from it to its type
 *   G8  a queue's chain is its own notices, as many as it counts
 *   G9  a thread runs on one stack, and no other thread does
 */
#ifndef SMAL_GC_GC_H
#define SMAL_GC_GC_H

#include <smal.h>
#include <smal/stride/stride.h>

enum {
	/* Kinds of a collector; the last class index of a variable type is its
	 * kind of large objects. */
	SMAL_KINDS = 8192,
	/* Beside a kind's number in its class, and so in its owner words: slots begin at
	 * odd multiples of 8, too, in small buffers; it has no pointers; the long way is
	 * needed. */
	SMAL_CLASS_ODD = SMAL_KINDS,
	SMAL_CLASS_LEAF = SMAL_KINDS * 2,
	SMAL_CLASS_SPECIAL = SMAL_KINDS * 4,
	SMAL_VARIABLE_KINDS = SMAL_CLASSES + 1,
	/* Threads that mark at once. */
	SMAL_MARKERS_MOST = 256,
	/* Bytes that a parcel may run ahead of what is known to be zero. */
	SMAL_WINDOW_BYTES = 4096,
	/* For larger objects: so many of them, but no more than the second figure. */
	SMAL_WINDOW_SLOTS = 128,
	SMAL_WINDOW_MOST = 16384
};

/* How a kind's objects are scanned. */
enum smal_how {
	/* No pointers: marked and never queued. */
	SMAL_HOW_LEAF,
	/* The first words, and no others, are pointers. */
	SMAL_HOW_RUN,
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
	/* Has a free callback: look at the pending mask. */
	SMAL_SCAN_FREES = 2,
	/* A buffer is larger than SMAL_ID_BYTES. */
	SMAL_SCAN_WIDE = 4,
	/* A small object of fixed size: one past its end is not it if another
	 * object begins there. */
	SMAL_SCAN_COMPACT = 8,
	/* The address behind an object is never it. */
	SMAL_SCAN_NO_END = 16
};

/* The largest fixed size for which that holds. */
enum { SMAL_COMPACT_BYTES = 64 };

/* What the marker knows of a kind: half a cache line. */
struct smal_scan {
	uint32_t slot_bytes; /* 0: large, ask the descriptor */
	uint8_t how, flags, unused[2];
	uint64_t reciprocal;
	union {
		uintptr_t bits;
		const uintptr_t *layout;
		smal_mark_function *mark;
	} as;
	uint32_t words, repeat_words;
};

/* Slots handed to windows (less those taken back), and found dead or freed; for
 * large objects also in bytes. */
struct smal_counts {
	uint64_t claimed_slots, freed_slots;
	uint64_t claimed_large_bytes, freed_large_bytes;
};

/* A type's objects of one size. */
struct smal_kind {
	struct smal_stride stride;
	struct smal_owned_type *type;
	uint16_t index;
	/* New objects are. */
	bool zeroed;
	/* Bytes of a window: whole slots, or one. */
	uint32_t window_bytes;
	/* What has been added up; the holes have the rest until the world stops. */
	struct smal_counts counts;
	uint64_t pending_slots, pending_large_bytes;
	/* Slots claimed when it was swept last. */
	uint64_t claimed_before;
};

/* A flag of the library's own types: not for users' hands. */
#define SMAL_TYPE_INNER 0x80000000u

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

/* Ranges of static data: base and limit, one pair after another; at `few`, as far as there is
 * room. */
struct smal_statics {
	smal_static_filter *filter;
	void *user;
	uintptr_t *words;
	size_t count, capacity;
	/* Of the objects whose they are (smal_os_each_static). */
	uint64_t generation;
	uintptr_t few[128];
};

enum smal_root_kind {
	SMAL_ROOT_SLOT,
	SMAL_ROOT_RANGE,
	SMAL_ROOT_FUNCTION,
	SMAL_ROOT_STATIC,
	/* What is not scanned of static data. */
	SMAL_ROOT_EXCLUDED
};

struct smal_root {
	struct smal_link link;
	enum smal_root_kind kind;
	const void *what, *limit;
	smal_root_function *function;
	char name[32];
};

enum smal_phase {
	SMAL_PHASE_IDLE,
	/* Threads are stopping or stopped; for a collection. */
	SMAL_PHASE_STOPPED,
	SMAL_PHASE_COLLECTING,
	/* A fork is near. */
	SMAL_PHASE_FORKING
};

enum smal_sharing {
	/* One thread has been attached at a time. */
	SMAL_ALONE,
	/* A second one attaches; the first may not know. */
	SMAL_SHARING,
	SMAL_SHARED
};

enum smal_inner_type {
	SMAL_INNER_WEAK,
	SMAL_INNER_EPHEMERON,
	SMAL_INNER_FINALIZER,
	SMAL_INNER_MAP,
	SMAL_INNER_ENTRIES,
	SMAL_INNER_TYPES
};

/* A thread's attachment (attach.h). */
struct smal_attached;

struct smal_gc {
	uint32_t magic;
	uint16_t owner;
	/* In the process's list. */
	struct smal_link link;
	struct smal_os_lock lock;
	/* enum smal_phase: changed with the lock held, waited for without it; how many
	 * do. */
	volatile uint32_t phase, phase_waiters;
	/* Threads that wait for the end of a stop (park.c). */
	volatile uint32_t parked_waiters;
	/* Is counted up and woken when a thread goes AWAY that a collection waits for. */
	volatile uint32_t arrivals;
	/* enum smal_sharing: whether live bits are set by atomic operations. */
	volatile uint32_t sharing;
	/* 1 once there has been a long weak reference. */
	volatile uint32_t has_long_weak;
	/* 1 while a thread runs pending free callbacks. */
	volatile uint32_t freeing;
	/* 1: smal_gc_destroy has begun. */
	volatile uint32_t ending;
	/* A thread was found on no stack that is known, at this address. */
	uintptr_t lost_stack;
	/* Where objects lie, and where the collector's own structures do: no user's
	 * overrun reaches those. */
	struct smal_space *space, *books;
	struct smal_gc_options options;
	unsigned torture;
	bool tool_watches;
	/* 1: allocation must not collect. */
	volatile uint32_t manual;
	/* Which mask is live. */
	unsigned live;
	/* By kind; one run holds both. Entries exist up to kinds_top. */
	struct smal_kind **kinds;
	struct smal_scan *scans;
	unsigned kinds_top;
	struct smal_link types, ended_types, roots, fibers, queues;
	struct smal_link threads, spare_threads;
	/* Types of the library's own, made at first use (weak.c, finalizer.c, map.c). */
	struct smal_owned_type *inner[SMAL_INNER_TYPES];
	/* A collection had enough to mark for more than one thread. */
	bool wants_crew;
	/* Of those that had: nanoseconds to mark an object, by one thread and by several,
	 * smoothed; how often by several. */
	double alone_ns, team_ns;
	uint64_t team_collections;
	/* The mark queue that is always there. */
	uintptr_t *queue;
	size_t queue_words;
	/* 1 if static data is declared; what the collection under way has gathered of
	 * it, or NULL. */
	volatile uint32_t statics_are_roots;
	smal_static_filter *filter;
	void *filter_user;
	const struct smal_statics *statics;
	/* Pace (pace.c). external_bytes may be below 0. */
	/* How often threads come late where the linker's lock is held (world.h). */
	volatile uint32_t late;
	volatile AO_t heap_bytes, heap_peak_bytes, allocated_bytes, external_bytes;
	size_t target_bytes, soft_limit_bytes;
	/* What the target was above the live bytes, after the last collection. */
	volatile AO_t budget_bytes;
	/* Of the heap: buffers that the last sweep left empty; some may be in use. */
	volatile AO_t empty_bytes;
	/* When buffers that are nobody's grew older; how many more this sweep may look at. */
	uint64_t aged_ns;
	unsigned idle_looks;
	/* Smoothed, for SMAL_PACE_BALANCE: bytes allocated and bytes marked per ms. */
	double allocation_rate, marking_rate;
	uint64_t resumed_ns;
	smal_policy *policy;
	void *policy_user;
	smal_shortage_function *shortage;
	void *shortage_user;
	volatile AO_t frees_pending;
	struct smal_gc_stats stats;
	smal_observer *observer;
	void *observer_user;
	smal_event_function *events;
	void *events_user;
	smal_weak_function *weak;
	void *weak_user;
};

/* ---- Types and kinds ---- */

static inline struct smal_kind *smal_buffer_kind(const struct smal_buffer *buffer)
{
	return SMAL_CONTAINER(smal_buffer_stride(buffer), struct smal_kind, stride);
}

static inline struct smal_owned_type *smal_owned(const struct smal_type *type)
{
	return SMAL_CONTAINER(type, struct smal_owned_type, public);
}

#define SMAL_EACH_KIND(gc, kind)                                                      \
	for (unsigned kind##_index = 1; kind##_index < (gc)->kinds_top; kind##_index++) \
		for (struct smal_kind *kind = (gc)->kinds[kind##_index]; kind != NULL; kind = NULL)

/* The buffers of a kind on all of its lists; they must not change meanwhile. */
static inline struct smal_buffer *smal_kind_next_buffer(struct smal_kind *kind,
                                                        struct smal_link *link)
{
	struct smal_stride *stride = &kind->stride;

	if (link == NULL)
		link = &stride->room;
	for (;;) {
		link = link->next;
		if (link == &stride->room)
			link = &stride->filled;
		else if (link == &stride->filled)
			link = &stride->claimed;
		else if (link == &stride->claimed)
			return NULL;
		else
			return SMAL_CONTAINER(link, struct smal_buffer, link);
	}
}

#define SMAL_EACH_BUFFER(kind, buffer)                                                   \
	for (struct smal_buffer *buffer = smal_kind_next_buffer(kind, NULL); buffer != NULL; \
	     buffer = smal_kind_next_buffer(kind, &buffer->link))

/* The kind of a type's objects of a class (0 for a fixed size), made at first
 * use. NULL: no memory. (type.c) */
struct smal_kind *smal_kind_get(struct smal_owned_type *type, unsigned class);

/* Ends all types, with their objects. (type.c) */
void smal_types_fini(struct smal_gc *gc);

/* The library's own types, made if they are not there yet; NULL: no memory. The
 * desc is used the first time. (type.c) */
struct smal_type *smal_inner_type(struct smal_gc *gc, enum smal_inner_type which,
                                  const struct smal_type_desc *desc);

/* Allocates an object of such a type while three words are roots; bytes is 0 for a
 * fixed size. NULL leaves the reason. The thread is outside. (object.c) */
void *smal_inner_alloc(struct smal_attached *thread, enum smal_inner_type which,
                       const struct smal_type_desc *desc, size_t bytes, void *const *held);

/* True if a type is one of those. */
static inline bool smal_type_is_inner(const struct smal_owned_type *type)
{
	return (type->desc.flags & SMAL_TYPE_INNER) != 0;
}

/* ---- What a pointer is (object.c) ---- */

/* The object that an address points to or into, and its buffer; 0 if there is none.
 * Any thread, at any time: it looks again if a collection came between. */
uintptr_t smal_object_find(uintptr_t address, struct smal_buffer **buffer);

/* The same for one that begins there, or NULL. */
struct smal_buffer *smal_object_buffer(const void *object);

/* Reports what a pointer is that should have been an object of gc (NULL: of any). */
enum smal_error smal_object_fail(const struct smal_gc *gc, const void *pointer,
                                 const char *function);

/* ---- The steps of a collection ---- */

/* Gathers static data, if it is a root, before threads are stopped: one of them
 * might hold the dynamic linker's lock. The thread is outside. False: it is none, or
 * there was no memory for it. */
bool smal_statics_gather(struct smal_attached *thread, struct smal_statics *statics);
void smal_statics_release(struct smal_attached *thread, struct smal_statics *statics);
/* Hands all roots but stacks to the marker. */
void smal_roots_mark(struct smal_gc *gc, struct smal_marker *marker);
void smal_roots_fini(struct smal_gc *gc);

/* Sweeps every kind; the live mask has been exchanged. Fills the collection's
 * counts. (sweep.c) */
void smal_sweep(struct smal_gc *gc, struct smal_collection *collection);

/* Gives the buffers that hold nothing back to the space; the world is stopped. */
void smal_sweep_empty(struct smal_gc *gc);

/* Gives back those that the last sweep kept. Any thread that is inside. */
void smal_sweep_trim(struct smal_gc *gc);

/* Runs pending free callbacks; returns their number. `thread` is NULL as the
 * collector ends. */
size_t smal_sweep_frees(struct smal_gc *gc, struct smal_attached *thread);

/* The whole of it (collect.c). False: another thread did it. */
bool smal_collect_now(struct smal_attached *thread, bool on_demand);

/* ---- Pace (pace.c) ---- */

void smal_pace_init(struct smal_gc *gc);
enum smal_error smal_pace_check_options(const struct smal_gc_options *options,
                                        const char *function);
/* A kind needs `bytes` of new buffer: would the heap be beyond its target or its limit?
 * And should a collection run first? */
bool smal_pace_is_beyond(const struct smal_gc *gc, size_t bytes);
bool smal_pace_wants_collection(const struct smal_gc *gc, size_t bytes);
/* May the heap grow by this? */
bool smal_pace_allows(const struct smal_gc *gc, size_t bytes);
/* Bytes more, or less, of heap; and allocated. */
void smal_pace_heap(struct smal_gc *gc, size_t delta);
void smal_pace_allocated(struct smal_attached *thread, size_t bytes);
/* After free callbacks: the target again, by what is live now. Outside. */
void smal_pace_refresh(struct smal_gc *gc);
/* After a collection. */
void smal_pace_update(struct smal_gc *gc, const struct smal_collection *collection);

/* ---- The checker (verify.c) ---- */

/* The first invariant that does not hold, or NULL. */
const char *smal_verify(struct smal_gc *gc);

/* Marks a second time, naively, and compares; what the roots reach is marked, and
 * nothing has been resurrected. NULL: they agree. */
const char *smal_verify_marks(struct smal_gc *gc);

#endif
