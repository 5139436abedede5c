/* SPDX-License-Identifier: MIT */
/*
 * weak.h: the objects of weak things, and the steps of a collection that deal
 * with them (weak.c, "In which order", in <smal/weak.h>).
 *
 * They are all objects of types of the library's own: a weak reference costs a
 * bump of a cursor, and what a collection has to look at lies side by side, to
 * be walked by mask words. Nothing is listed, and nothing is looked up by object.
 *
 * A pair is a key and a value that lives if the key does. It stands in an
 * ephemeron, in an entry of a map with weak keys, or in a registration.
 */
#ifndef SMAL_GC_WEAK_H
#define SMAL_GC_WEAK_H

#include <smal/gc/mark.h>

/* smal_weak.bits */
enum {
	/* The target was an object when it was set. */
	SMAL_WEAK_OBJECT = 2
};

enum smal_finalizer_bits {
	SMAL_FINALIZER_FLAGS = SMAL_FINALIZER_ORDERED | SMAL_FINALIZER_CYCLES,
	/* The object is not to be resurrected. */
	SMAL_FINALIZER_WATCH = 4,
	/* It will be put on its queue in this collection. */
	SMAL_FINALIZER_READY = 8,
	SMAL_FINALIZER_QUEUED = 16,
	SMAL_FINALIZER_IN_CYCLE = 32,
	/* Ordered, and its object was not marked at first. */
	SMAL_FINALIZER_CANDIDATE = 64,
	/* Of a sort (smal_finalizers_keep): one has a value. */
	SMAL_FINALIZER_VALUED = 128,
	/* From here: in how many collections it was found in a cycle. */
	SMAL_FINALIZER_AGE = 256
};

/* A registration: it lives until it is over, whatever refers to it. */
struct smal_finalizer {
	/* 0: not filled yet. */
	uintptr_t object;
	void *value;
	struct smal_queue *queue;
	struct smal_finalizer *next;
	uintptr_t bits;
};

struct smal_queue {
	uint32_t magic;
	struct smal_gc *gc;
	struct smal_link link;
	/* A leaf; taken inside, or while the world is stopped. */
	struct smal_os_lock lock;
	struct smal_finalizer *first, *last;
	volatile AO_t count;
};

/* Entries of a map, one behind another. */
struct smal_entry {
	void *key, *value;
	/* The key's hash with bit 0 set; 0: never used; SMAL_ENTRY_GONE. */
	uintptr_t hash;
};

enum { SMAL_ENTRY_GONE = 2 };

struct smal_entries {
	uintptr_t kind;
	/* A power of two; entries in use; entries that were. */
	size_t capacity, used, gone;
	struct smal_entry entry[];
};

/* ---- Walking ---- */

/* The kinds of an inner type, if there are any: its first number and their count. */
static inline unsigned smal_inner_kinds(const struct smal_gc *gc, enum smal_inner_type which,
                                        unsigned *first)
{
	const struct smal_owned_type *type = gc->inner[which];

	*first = type != NULL ? type->first_kind : 0;
	return type != NULL ? type->kind_count : 0;
}

/* Calls visit for all objects of an inner type that have a bit in a mask (a mask
 * number of smal_buffer_mask). */
void smal_inner_each(struct smal_gc *gc, enum smal_inner_type which, unsigned mask,
                     void (*visit)(void *object, void *user), void *user);

/* Calls visit for every pair whose holder has a bit in a mask. A key or a value
 * may be any word. holder: the ephemeron, the entries, the registration. */
typedef void smal_pair_visitor(void *holder, uintptr_t key, uintptr_t value, void *user);
void smal_pairs_each(struct smal_gc *gc, unsigned mask, bool finalizers,
                     smal_pair_visitor *visit, void *user);

/* ---- The steps ---- */

struct smal_pair {
	uintptr_t key, value;
	/* The next pair of the same hash, or that is ready: its number, or 0. */
	uint32_t next;
};

/* What is taken before marking: room for the table of unresolved pairs. Without
 * it, chains of pairs take time by their number squared. */
struct smal_pairs {
	struct smal_pair *pairs;
	size_t count, capacity;
	/* By a key's hash: the number, from 1, of the first pair. */
	uint32_t *heads;
	size_t head_mask;
	/* Registrations are among the holders: one has a value. */
	bool finalizers;
	/* The run they lie in. */
	void *run;
	size_t run_bytes;
	bool zeroed, used;
};
void smal_pairs_reserve(struct smal_gc *gc, struct smal_pairs *pairs);
void smal_pairs_release(struct smal_gc *gc, struct smal_pairs *pairs);

/* Marks values whose keys are marked, until nothing is left to do. Everything
 * that was queued before has been scanned. */
void smal_pairs_mark(struct smal_marker *marker, struct smal_pairs *pairs);

/* Marks what notices that wait hold. */
void smal_notices_mark(struct smal_gc *gc, struct smal_marker *marker);

/* Registrations live; says which sorts of them there are (enum smal_finalizer_bits,
 * READY for unordered ones). */
uintptr_t smal_finalizers_keep(struct smal_gc *gc, struct smal_marker *marker);

/* Decides which finalizers are due, marks their objects and values, and puts them
 * on their queues. Returns true if anything was marked. */
bool smal_finalizers_resurrect(struct smal_gc *gc, struct smal_marker *marker,
                               struct smal_pairs *pairs, uintptr_t sorts,
                               struct smal_collection *collection);

/* Marks the values of watches whose objects are not marked. */
bool smal_watches_mark(struct smal_gc *gc, struct smal_marker *marker);

/* Puts the watches that are due on their queues. */
void smal_watches_deliver(struct smal_gc *gc, struct smal_marker *marker,
                          struct smal_collection *collection);

/* Clears weak references, ephemerons and entries to what is not marked; long weak
 * references only if `all`. */
void smal_weak_clear(struct smal_gc *gc, struct smal_marker *marker, bool all);
void smal_entries_clear(struct smal_marker *marker, struct smal_entries *entries);

void smal_queues_fini(struct smal_gc *gc);

#endif
