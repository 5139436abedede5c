/* SPDX-License-Identifier: MIT */
/*
 * libgc.h: libgc.so.1 as a client of libsmal: what its files share.
 *
 *   GC_malloc --> local.fast's parcel --> object
 *                    `- slow: init, attach, allocate, finalizers
 *
 *   collection:  BEGIN     start callback              (collect.c)
 *                roots     ranges, client data, push_other_roots  (root.c)
 *                SHORT     disappearing links          (link.c)
 *                FINAL     disclaim, finalizers        (final.c, kind.c)
 *                LONG      long links, links in what is dead
 *
 * A process has one collector of this library. Its kinds are smal's types: of variable
 * size, but for those of descriptors (typed.c). What libgc calls its allocation lock is
 * here, for the tables: no collection marks while a thread has it (smal_thread_hold),
 * and no other thread has it. A mutex is taken only when there is more than one thread.
 *
 * Names that libgc exports are declared in abi.h; all else begins with bdw_.
 */
#ifndef SMAL_COMPAT_LIBGC_H
#define SMAL_COMPAT_LIBGC_H

#include <smal.h>
#include <smal/compat/libgc/abi.h>
#include <smal/base/def.h>

#include <pthread.h>
#include <stdbool.h>

/* What is the library's own, so that its data are reached directly. */
#pragma GCC visibility push(hidden)

/* ---- A thread ---- */

struct bdw_local {
	/* Where the inline path allocates from; NULL: the slow path has something to do. */
	struct smal_thread *fast;
	struct smal_thread *thread;
	/* How often the lock is held; how often finalizers are running, the last of them called
	 * from this frame, and how often others were not called for that since. */
	unsigned depth, finalizing;
	const void *finalizing_frame;
	unsigned skipped;
	/* In GC_do_blocking; registered by the program; its destructors run; in the list. */
	bool blocking, registered, ending, listed;
	/* The lock is held; with its mutex. */
	bool held, has_mutex;
	/* It runs a collection: nobody else has the lock, and it needs none. */
	bool collecting;
	/* The lock was taken in GC_do_blocking, which goes on afterwards. */
	bool was_blocking;
	/* The cold end of its stack, as the program says; where that stands. */
	void *stack_end, **end_at;
	pthread_t pthread;
	/* In the list of attached threads. */
	struct bdw_local *next, *prev;
	/* GC_suspend_thread: counts; odd while it is to stand still. */
	volatile uint32_t suspended, stands;
};

extern __thread struct bdw_local bdw_local
	__attribute__((tls_model("initial-exec")));

/* All that are attached, and what the list is changed with. */
extern struct bdw_local *bdw_attached;
extern pthread_mutex_t bdw_list_mutex;

bool bdw_fork_init(void);

/* The calling thread, attached and not blocking: initializes, attaches. (thread.c) */
struct smal_thread *bdw_thread(void);
/* The same, and says whether it was in GC_do_blocking; for bdw_resume. */
struct smal_thread *bdw_wake(bool *was_blocking);
void bdw_resume(bool was_blocking);

/* Makes the collector if there is none. False: it can't be had. (init.c) */
bool bdw_init(void);
extern struct smal_gc *bdw_gc;

/* The lock; it nests. False: the thread can't be attached, and has it not; it is given
 * back all the same. */
bool bdw_lock(void);
void bdw_unlock(void);
/* Lets go of it for a call that might collect, and takes it again. */
unsigned bdw_lock_drop(void);
void bdw_lock_retake(unsigned depth);
/* There has been a second thread. */
extern bool bdw_shared;

/* Where the object begins that a pointer with a program's tag leads to; other pointers are
 * what they are. */
static inline const void *bdw_start(const void *object)
{
	const void *start = NULL;

	if ((uintptr_t)object % 16 != 0)
		start = smal_find(bdw_gc, (uintptr_t)object);
	return start != NULL ? start : object;
}

/* Outside: stands still, if GC_suspend_thread has found it inside. (suspend.c) */
void bdw_stand(void);

/* ---- Kinds ---- */

enum {
	BDW_PTRFREE,
	BDW_NORMAL,
	BDW_UNCOLLECTABLE,
	BDW_ATOMIC_UNCOLLECTABLE,
	BDW_FIRST_OWN,
	BDW_KINDS = 32,
	BDW_PROCS = 64,
	/* Mark procedures with numbers of their own: what GC_make_descriptor needs. */
	BDW_PROC_TYPED = 7,
	BDW_RESERVED_PROCS = 8
};

/* A kind: what an object of it is, is the user pointer of its type. */
struct bdw_kind {
	struct smal_type *type;
	/* The type's class_index, for the inline path. */
	size_t class_index;
	unsigned number, flags;
	enum smal_marking marking;
	bdw_word descr;
	bool adjust;
	bdw_disclaim_proc *disclaim;
	bool disclaim_marks;
};

extern struct bdw_kind bdw_kinds[BDW_KINDS];
extern unsigned bdw_kind_count;
/* Bytes added to each request: 1 where interior pointers count, so that one past the
 * end is still the object's. */
extern size_t bdw_spare;

/* A type as a kind's; flags beside the usual ones. */
struct smal_type *bdw_type_create(const char *name, enum smal_marking marking,
                                  smal_mark_function *mark, unsigned flags,
                                  const struct bdw_kind *kind);
bool bdw_kinds_init(void);
/* True if pointers into objects count, from anywhere; from now on they do. */
extern bool bdw_interior;
bool bdw_kinds_make_interior(void);
/* The kind of a live object, or NULL. */
const struct bdw_kind *bdw_kind_of(const void *object);
/* Marks what an object of `bytes` bytes refers to, as its descriptor says. */
void bdw_descr_mark(struct smal_marker *marker, void *object, bdw_word descr);
/* In the final stage: what disclaim procedures have a say in. */
void bdw_disclaim(struct smal_marker *marker);

/* ---- Allocating ---- */

/* An object of a kind, or what the out-of-memory function gives. (alloc.c) */
void *bdw_alloc_slow(const struct bdw_kind *kind, size_t bytes);
/* An object of a type of fixed size, or of variable size and `bytes` bytes. */
void *bdw_alloc_type(struct smal_type *type, size_t bytes);
/* What a failed allocation returns. */
void *bdw_oom(size_t bytes);

static inline void *bdw_alloc(const struct bdw_kind *kind, size_t bytes)
{
	struct smal_thread *thread = bdw_local.fast;
	size_t last = bytes + bdw_spare - 1;
	void *object;

	if (__builtin_expect(thread == NULL || last >= SMAL_LARGE_BYTES, 0))
		return bdw_alloc_slow(kind, bytes);
	object = smal_parcels_take(&thread->parcels[kind->class_index], last);
	return __builtin_expect(object != NULL, 1) ? object : bdw_alloc_slow(kind, bytes);
}

/* ---- In a collection ---- */

/* Roots, links and finalizers: called by the collector. */
void bdw_roots_mark(struct smal_marker *marker, void *user);
void bdw_links_clear(struct smal_marker *marker, bool is_long);
void bdw_links_forget(struct smal_marker *marker);
void bdw_finalizers_mark(struct smal_marker *marker);
void bdw_finalizers_decide(struct smal_marker *marker);
void bdw_togglerefs_mark(struct smal_marker *marker);
void bdw_togglerefs_clear(struct smal_marker *marker);
void bdw_created_mark(struct smal_marker *marker);
void bdw_event(enum smal_event event, void *user);
int bdw_static_wanted(const char *name, const void *base, const void *limit, void *user);

/* The marker of the roots that are being marked, or NULL. */
extern struct smal_marker *bdw_marker;

/* After anything that may have collected: runs finalizers, or says that there are
 * some. The thread holds no lock. */
void bdw_notify(void);
/* Finalizers that are due. */
extern volatile size_t bdw_ready;

/* ---- Tuning ---- */

/* Whether allocation collects, as the collector has been told; tells it. */
extern bool bdw_automatic;
void bdw_set_automatic(void);
/* Applies divisor and first size to the collector's pace. */
void bdw_pace(void);
/* Bytes that may be allocated between collections, by the last. */
extern size_t bdw_budget;
/* Bytes that GC_expand_hp and GC_INITIAL_HEAP_SIZE have asked for. */
extern size_t bdw_expanded;
/* Passes a message with one argument to the warning procedure. */
void bdw_warn(const char *format, uintptr_t argument);
/* Of GC_PRINT_STATS: 0, 1 or 2; where messages go. */
extern int bdw_print_stats, bdw_log_fd;
/* How long threads were stopped, in all. */
extern uint64_t bdw_pause_sum_ns;

/* Memory for the tables, not scanned. With the lock, or in a collection: who is stopped
 * in the heap keeps others out of it. */
static inline void *bdw_take(size_t bytes)
{
	return smal_heap_alloc_zeroed(NULL, 1, bytes);
}

static inline void bdw_give(void *block)
{
	smal_heap_free(NULL, block);
}

#pragma GCC visibility pop

#endif
