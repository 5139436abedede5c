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
 * collecting thread's while the world is stopped (world.c). The lock protects the
 * lists of threads, types, roots, fibers and queues, the table of kinds, and the
 * phase; it is never held while threads are stopped, nor around a callback.
 * Within smal_gc_begin and smal_gc_end a thread is neither stopped by a signal
 * nor lost by a fork.
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
	SMAL_VARIABLE_KINDS = SMAL_CLASSES + 1,
	/* Bytes that a parcel may run ahead of what is known to be zero. */
	SMAL_WINDOW_BYTES = 4096,
	/* Slots that are kept at hand after smal_free. */
	SMAL_RECENT_SLOTS = 6,
	/* Words that a function of the library holds while it allocates. */
	SMAL_HELD_WORDS = 3,
	/* Words of the note of a shortage callback. */
	SMAL_NOTE_WORDS = 32
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
	/* Bytes of a window: whole slots, or one. */
	uint32_t window_bytes;
	/* What has been added up; the holes have the rest until the world stops. */
	struct smal_counts counts;
	uint64_t pending_slots, pending_large_bytes;
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

/* What a thread has claimed of a kind, besides the parcel. */
struct smal_hole {
	/* In the thread's list of active holes. */
	struct smal_link link;
	struct smal_kind *kind;
	struct smal_buffer *buffer;
	/* The true end of the parcel's window, and the buffer it lies in. */
	volatile AO_t window_limit;
	struct smal_buffer *window_buffer;
	/* The rest of the hole behind the window. */
	uintptr_t next, limit;
	/* Slots freed last; their live bits were clear then. */
	uintptr_t recent[SMAL_RECENT_SLOTS];
	unsigned recent_count;
	/* Not yet added to the kind's. */
	struct smal_counts counts;
};

/* Words in which callee-saved registers are kept for a thread that has left, or a
 * stack that does not run. */
enum {
	SMAL_SAVED_BELOW = 48,
	SMAL_SAVED_ABOVE = 64,
	SMAL_SAVED_WORDS = SMAL_SAVED_BELOW + SMAL_SAVED_ABOVE
};

struct smal_saved {
	/* The lowest address in use of the stack; 0: nothing is. */
	uintptr_t low;
	unsigned count;
	uintptr_t words[SMAL_SAVED_WORDS];
};

/* A stack: a thread's own, or one that was registered. */
struct smal_fiber {
	uint32_t magic;
	struct smal_gc *gc;
	struct smal_link link;
	uintptr_t base, limit;
	/* While it does not run. */
	struct smal_saved saved;
	struct smal_frame *frames;
	/* The attachment that runs on it, or 0. */
	volatile AO_t thread;
	/* It has been scanned from where its thread stopped, in this collection. */
	bool scanned;
};

/* An object whose free callback smal_free is calling. */
struct smal_freeing {
	struct smal_freeing *up;
	struct smal_buffer *buffer;
	uintptr_t slot;
};

/* What a thread, or a collector, is busy with: what may be called follows. */
enum smal_activity {
	SMAL_IDLE,
	/* The world is stopped: mark callbacks and the observer run. */
	SMAL_COLLECTING,
	/* Free callbacks run. */
	SMAL_FREEING
};

/* Bits of smal_thread.poll. */
enum smal_poll_bits {
	/* A collection waits for the thread, or has it wait. */
	SMAL_POLL_STOP = 1,
	/* It counts as stopped: it has left, or waits inside of libsmal. */
	SMAL_POLL_AWAY = 2,
	/* A fork is near: it must not go in. */
	SMAL_POLL_FREEZE = 4
};

/* An attachment. Its memory is never anything else until the collector ends. */
struct smal_attached {
	struct smal_thread public;
	uint32_t magic;
	/* 1 between smal_gc_begin and smal_gc_end. */
	volatile uint32_t inside;
	/* A signal came meanwhile. */
	volatile bool deferred;
	/* AWAY because it waits; because the program said so. */
	bool parked, left;
	enum smal_activity activity;
	struct smal_gc *gc;
	/* The next attachment of this OS thread. */
	struct smal_attached *next;
	/* In the collector's list of threads, or of those to be used again. */
	struct smal_link link;
	volatile AO_t os_id;
	pthread_t os_thread;
	/* Its own stack, and the one it runs on. */
	struct smal_fiber own, *current;
	/* Where it stands while it is AWAY; the end of the alternate signal stack
	 * if that is where, or 0; ASan's. */
	struct smal_saved saved;
	uintptr_t alternate_limit;
	void *fake_stack;
	/* What public.parcels is but while the thread is AWAY: then all are empty, and
	 * who allocates all the same is told. */
	struct smal_parcel *parcels;
	struct smal_hole *holes;
	struct smal_link active;
	struct smal_freeing *freeing;
	/* Roots while a function of the library allocates for its caller. They are not
	 * on its frame: a shortage callback may leave by longjmp. */
	void *held[SMAL_HELD_WORDS];
	enum smal_error error;
	/* Bytes claimed and not yet told to the collector. */
	size_t allocated_bytes;
	/* Allocations until torture collects. */
	unsigned torture_left;
	/* Where a note lies that a shortage callback is running, and on which stack
	 * (alloc.c). */
	uintptr_t shortage_note;
	const struct smal_fiber *shortage_fiber;
};

/* Ranges of static data: base and limit, one pair after another. */
struct smal_statics {
	uintptr_t *words;
	size_t count, capacity;
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

enum smal_phase {
	SMAL_PHASE_IDLE,
	/* Threads are stopping or stopped; for a collection. */
	SMAL_PHASE_STOPPED,
	SMAL_PHASE_COLLECTING,
	/* A fork is near. */
	SMAL_PHASE_FORKING
};

enum smal_inner_type {
	SMAL_INNER_WEAK,
	SMAL_INNER_EPHEMERON,
	SMAL_INNER_FINALIZER,
	SMAL_INNER_MAP,
	SMAL_INNER_ENTRIES,
	SMAL_INNER_TYPES
};

struct smal_gc {
	uint32_t magic;
	uint16_t owner;
	/* In the process's list. */
	struct smal_link link;
	struct smal_os_lock lock;
	/* enum smal_phase: changed with the lock held, waited for without it; how many
	 * do. */
	volatile uint32_t phase, phase_waiters;
	/* Is counted up and woken when a thread goes AWAY that a collection waits for. */
	volatile uint32_t arrivals;
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
	/* The mark queue that is always there. */
	uintptr_t *queue;
	size_t queue_words;
	/* 1 if static data is declared; what the collection under way has gathered of
	 * it, or NULL. */
	volatile uint32_t statics_are_roots;
	const struct smal_statics *statics;
	/* Pace (pace.c). external_bytes may be below 0. */
	volatile AO_t heap_bytes, heap_peak_bytes, allocated_bytes, external_bytes;
	size_t target_bytes, soft_limit_bytes;
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

/* ---- Threads, and what they have claimed (thread.c) ---- */

#define SMAL_EACH_THREAD(gc, thread)                                                      \
	for (struct smal_attached *thread =                                               \
		     SMAL_CONTAINER((gc)->threads.next, struct smal_attached, link);      \
	     &thread->link != &(gc)->threads;                                             \
	     thread = SMAL_CONTAINER(thread->link.next, struct smal_attached, link))

/* The calling thread's attachment, and all of them. */
struct smal_attached *smal_attached_self(const struct smal_gc *gc);
struct smal_attached *smal_attachments(void);

/* Refuses with a report: a call by somebody who is not that attached thread, by
 * one that is away, or while it is busy with more than `most` allows. */
enum smal_error smal_thread_check(const struct smal_thread *thread, enum smal_activity most,
                                  const char *function);

/* The same for functions that take a collector: any thread that is not in one of
 * its callbacks. */
enum smal_error smal_gc_check(const struct smal_gc *gc, const char *function);

/* Ends an attachment: of the calling thread, or, after a fork, of one that is
 * gone. With the lock held. */
void smal_thread_end(struct smal_attached *thread);

/* Gives the memory of attachments back, as the collector ends. */
void smal_threads_fini(struct smal_gc *gc);

/* Slots that lie in windows ahead of the cursor, of all threads. */
uint64_t smal_kind_ahead(const struct smal_kind *kind);

/* True if a slot whose live bit is set holds an object: it is neither ahead of
 * a cursor nor pending. */
bool smal_slot_is_object(const struct smal_kind *kind, const struct smal_buffer *buffer,
                         uintptr_t slot);

/* The object that an address points to or into, and its buffer; 0 if there is none.
 * Any thread, at any time: it looks again if a collection came between. The same for
 * one that begins there, or NULL; and a report of what a pointer is that should have been an object of gc (NULL: of any). (object.c) */
uintptr_t smal_object_find(uintptr_t address, struct smal_buffer **buffer);
struct smal_buffer *smal_object_buffer(const void *object);
enum smal_error smal_object_fail(const struct smal_gc *gc, const void *pointer,
                                 const char *function);

/* The hole of a thread for a kind, made if it is not there. (alloc.c) */
struct smal_hole *smal_hole_of(struct smal_attached *thread, struct smal_kind *kind);

/* Takes the windows out of the live masks and the holes' counts to their kinds,
 * and puts the windows back. The world is stopped. */
void smal_thread_retract(struct smal_attached *thread);
void smal_thread_restore(struct smal_attached *thread);

/* The slots freed last may have been swept, with their buffers. */
void smal_thread_forget(struct smal_attached *thread);

/* Ends a hole: what was claimed and not used is free again. */
void smal_hole_close(struct smal_attached *thread, struct smal_hole *hole);
void smal_holes_close(struct smal_attached *thread);

/* ---- Stopping and going on (world.c) ---- */

void smal_gc_begin_slow(struct smal_attached *thread);
void smal_gc_end_slow(struct smal_attached *thread);

/* Goes inside: from now to smal_gc_end the thread is not stopped, and a fork waits
 * for it. The exchange is a full barrier: either the thread sees what is asked of
 * it, or who asks sees that it is inside. */
static inline void smal_gc_begin(struct smal_attached *thread)
{
	smal_atomic_cas_u32(&thread->inside, 0, 1);
	if (SMAL_UNLIKELY(smal_atomic_load_relaxed_u32(&thread->public.poll) != 0))
		smal_gc_begin_slow(thread);
}

static inline void smal_gc_end(struct smal_attached *thread)
{
	smal_atomic_store_u32(&thread->inside, 0);
	if (SMAL_UNLIKELY(thread->deferred))
		smal_gc_end_slow(thread);
}

/* Goes inside for all collectors that the calling thread is attached to: for what
 * takes a lock of the process's. */
void smal_begin_all(void);
void smal_end_all(void);

/* Takes the collector's lock when the world is not stopped, or is not yet because
 * of this very thread; goes inside for all. Any thread that is outside. */
void smal_gc_lock(struct smal_gc *gc);
void smal_gc_unlock(struct smal_gc *gc);

/*
 * Stops the collector's threads, calls step, lets them go on. The calling thread
 * is outside, attached or not. With `coalesce` it is attached and step collects:
 * if another thread collects at that moment, waits until it has, and returns
 * false instead.
 * `low`: what lies below it on the calling thread's stack is not its own.
 */
bool smal_world_run(struct smal_gc *gc, bool coalesce,
                    void (*step)(struct smal_gc *gc, uintptr_t low, void *argument),
                    void *argument);

/* Waits while the phase is this one; wakes who waits. */
void smal_phase_wait(struct smal_gc *gc, uint32_t phase);
void smal_phase_wake(struct smal_gc *gc);

/* Saves where the caller stands, its registers included, for after it returns. The
 * frame is its own; inline, so that nobody else pushes registers on the way. */
struct smal_save {
	struct smal_saved *saved;
	/* Of the stack, the limit. */
	uintptr_t frame, limit;
};
void smal_saved_words(uintptr_t low, void *save);
static SMAL_ALWAYS_INLINE void smal_saved_store(struct smal_saved *saved, uintptr_t frame,
                                                uintptr_t limit)
{
	struct smal_save save = { saved, frame, limit - frame < SIZE_MAX / 2 ? limit : 0 };

	smal_os_with_stack(smal_saved_words, &save);
}

/* The thread waits, from the frame on, until smal_threads_back: for a fork. */
void smal_thread_away(struct smal_attached *thread, uintptr_t frame);
void smal_threads_back(void);

/* Has forks handled; once for the process. False: no memory. (fork.c) */
bool smal_fork_handle(void);

/* Installs the handler of a stop signal; false: no such signal. */
bool smal_world_handle_signal(int number);

/* ---- Stacks (fiber.c) ---- */

/* The fiber in whose stack an address lies, or NULL. With the lock held, or the
 * world stopped. */
struct smal_fiber *smal_fiber_find(struct smal_gc *gc, struct smal_attached *thread,
                                   uintptr_t address);
void smal_fibers_fini(struct smal_gc *gc);

/* ---- The steps of a collection ---- */

/* Gathers static data, if it is a root, before threads are stopped: one of them
 * might hold the dynamic linker's lock. The thread is outside. */
void smal_statics_gather(struct smal_attached *thread, struct smal_statics *statics);
void smal_statics_release(struct smal_attached *thread, struct smal_statics *statics);
/* Hands all roots but stacks to the marker. */
void smal_roots_mark(struct smal_gc *gc, struct smal_marker *marker);
void smal_roots_fini(struct smal_gc *gc);

/* Sweeps every kind; the live mask has been exchanged. Fills the collection's
 * counts. (sweep.c) */
void smal_sweep(struct smal_gc *gc, struct smal_collection *collection);

/* Gives the buffers that hold nothing back to the space; the world is stopped. */
void smal_sweep_empty(struct smal_gc *gc);

/* Runs pending free callbacks; returns their number. `thread` is NULL as the
 * collector ends. */
size_t smal_sweep_frees(struct smal_gc *gc, struct smal_attached *thread);

/* The whole of it (collect.c). False: another thread did it. */
bool smal_collect_now(struct smal_attached *thread, bool on_demand);

/* ---- Pace (pace.c) ---- */

void smal_pace_init(struct smal_gc *gc);
enum smal_error smal_pace_check_options(const struct smal_gc_options *options,
                                        const char *function);
/* A kind needs `bytes` of new buffer: should a collection run first? */
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
