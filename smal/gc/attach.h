/* SPDX-License-Identifier: MIT */
/*
 * attach.h: a thread's attachment to a collector: what it has claimed, the stack it
 * runs on, and where it stands.
 *
 *   attachment --- public: poll, and the parcels by kind (while it is AWAY, empty ones)
 *    |--- holes by kind, those in use on a list; what a hole is, is drawn in thread.c
 *    |--- current: its own stack, or a fiber
 *    |--- saved: its registers, while it is AWAY
 *    `--- next: this OS thread's attachment to another collector
 *
 * An attachment's memory is never anything else until its collector ends, so that
 * it may be looked at without the lock. All of it is its thread's own; while it is
 * AWAY for a collection, the collecting thread's; and poll is everybody's (world.h).
 *
 * Its invariants at rest are those of the collector (gc.h): G1 for the windows, G5
 * for the holes, G9 for the stacks; and W3 for what is saved (world.h).
 */
#ifndef SMAL_GC_ATTACH_H
#define SMAL_GC_ATTACH_H

#include <smal/gc/gc.h>

enum {
	/* Slots that are kept at hand after smal_free. */
	SMAL_RECENT_SLOTS = 6,
	/* Words that a function of the library holds while it allocates. */
	SMAL_HELD_WORDS = 3,
	/* Words of the note of a shortage callback. */
	SMAL_NOTE_WORDS = 32
};

/* What a thread has claimed of a kind, besides the parcel. */
struct smal_hole {
	/* In the thread's list of active holes. */
	struct smal_link link;
	struct smal_kind *kind;
	struct smal_buffer *buffer;
	/* The true end of the parcel's window, and the buffer it lies in. Cursor and
	 * window_limit change together: `changes` is odd meanwhile, and another number
	 * afterwards, for who asks from another thread. */
	volatile AO_t changes, window_limit;
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
	volatile bool parked, left;
	enum smal_activity activity;
	struct smal_gc *gc;
	/* The next attachment of this OS thread. */
	struct smal_attached *next;
	/* In the collector's list of threads, or of those to be used again. */
	struct smal_link link;
	volatile AO_t os_id;
	struct smal_os_thread os_thread;
	/* Its own stack, and the one it runs on. */
	struct smal_fiber own, *current;
	/* Where it stands while it is AWAY; the end of the alternate signal stack
	 * if that is where, or 0; ASan's. */
	struct smal_saved saved;
	uintptr_t alternate_limit;
	/* Where the program keeps the end of the stack that it runs on, or NULL. */
	const void *const volatile *follow;
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

static inline struct smal_attached *smal_attached(const struct smal_thread *thread)
{
	return SMAL_CONTAINER(thread, struct smal_attached, public);
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

/* True for a thread that is marking: it collects, or helps who does. */
bool smal_thread_is_marking(void);

/* Refuses with a report: a call by somebody who is not that attached thread, by
 * one that is away, or while it is busy with more than `most` allows. */
enum smal_error smal_thread_check_slow(const struct smal_thread *thread, enum smal_activity most,
                                       const char *function);

static inline enum smal_error smal_thread_check(const struct smal_thread *public,
                                                enum smal_activity most, const char *function)
{
	const struct smal_attached *thread = smal_attached(public);

	if (SMAL_LIKELY(public != NULL &&
	                smal_atomic_load_relaxed_u32(&thread->magic) == SMAL_MAGIC_THREAD &&
	                smal_atomic_load_relaxed(&thread->os_id) == smal_os_thread_id() &&
	                thread->activity == SMAL_IDLE &&
	                (smal_atomic_load_relaxed_u32(&public->poll) & SMAL_POLL_AWAY) == 0 &&
	                smal_atomic_load_relaxed_u32(&thread->inside) == 0))
		return SMAL_OK;
	return smal_thread_check_slow(public, most, function);
}

/* The same for functions that take a collector: any thread that is not in one of
 * its callbacks. */
enum smal_error smal_gc_check(const struct smal_gc *gc, const char *function);

/* Ends an attachment: of the calling thread, or of one that is gone, after a fork or at
 * its end. With the lock held. */
void smal_thread_end(struct smal_attached *thread);

/* Gives the memory of attachments back, as the collector ends. */
void smal_threads_fini(struct smal_gc *gc);

/* Makes [base, limit) the window of the calling thread's hole, but for the parcel's
 * limit. Others may be asking where it stands (smal_slot_is_object). */
static inline void smal_hole_set_window(struct smal_hole *hole, struct smal_parcel *parcel,
                                        uintptr_t base, uintptr_t limit)
{
	smal_atomic_store(&hole->changes, hole->changes + 1);
	smal_atomic_store((volatile AO_t *)&parcel->cursor, base);
	smal_atomic_store(&hole->window_limit, limit);
	smal_atomic_store(&hole->changes, hole->changes + 1);
}

/* Slots that lie in windows ahead of the cursor, of all threads. */
uint64_t smal_kind_ahead(const struct smal_kind *kind);

/* True if a slot whose live bit is set holds an object: it is neither ahead of
 * a cursor nor pending. */
bool smal_slot_is_object(const struct smal_kind *kind, const struct smal_buffer *buffer,
                         uintptr_t slot);

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
/* Those alone whose windows are used up: a thread that was stopped by a signal may be
 * about to take the next object of another one. */
void smal_holes_close_used(struct smal_attached *thread);

/* ---- Stacks (fiber.c) ---- */

/* The fiber in whose stack an address lies, or NULL. With the lock held, or the
 * world stopped. */
struct smal_fiber *smal_fiber_find(struct smal_gc *gc, struct smal_attached *thread,
                                   uintptr_t address);
void smal_fibers_fini(struct smal_gc *gc);

#endif
