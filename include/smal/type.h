/* SPDX-License-Identifier: MIT */
/*
 * type.h: what an object is: its size, how its pointers are found, what
 * happens at its end.
 *
 * There are four ways to mark an object:
 *
 *   SMAL_MARK_NOTHING       it holds no pointers: strings, numbers, bitmaps.
 *                           Such objects cost the marker one bit.
 *   SMAL_MARK_LAYOUT        a bitmap says which of its words hold pointers.
 *                           No call is made; the fastest way for structs.
 *   SMAL_MARK_CONSERVATIVE  every aligned word that looks like a pointer to an
 *                           object is one. For data of unknown shape.
 *   SMAL_MARK_CALLBACK      a function of the runtime calls smal_mark (mark.h)
 *                           for each pointer, and returns the last one.
 *
 * Whatever way: a word counts only if, after the collector's tag_mask is
 * taken off, it is the address of an object of the same collector that is
 * allocated now; its lowest four bits don't matter. Words that point to free
 * memory, to other collectors or nowhere are ignored, and so are pointers to
 * other than the first of an object's 16-byte granules (the memory between two
 * multiples of 16), unless the pointer's target type has SMAL_TYPE_INTERIOR.
 */
#ifndef SMAL_TYPE_H
#define SMAL_TYPE_H

#include <smal/gc.h>

SMAL_BEGIN

struct smal_marker;

/** A type of objects of one collector. Its public part is in alloc.h. */
struct smal_type;

/** How the pointers in an object are found; see above. */
enum smal_marking {
	SMAL_MARK_NOTHING,
	SMAL_MARK_LAYOUT,
	SMAL_MARK_CONSERVATIVE,
	SMAL_MARK_CALLBACK
};

/**
 * Which words of an object hold pointers: bit i % W of bits[i / W] for word i,
 * W being the bits in a uintptr_t.
 *
 * An object of more than `words` words (only a type of variable size has such)
 * goes on with a copy of its last `repeat_words` words, again and again; with
 * repeat_words 0 the rest holds no pointers. A vector with a length before its
 * elements: {bits: 2, words: 2, repeat_words: 1}.
 */
struct smal_layout {
	const uintptr_t *bits;
	size_t words;
	size_t repeat_words;
};

/**
 * Marks what an object refers to, for SMAL_MARK_CALLBACK: calls smal_mark for
 * its pointers and returns one of them (usually the last: a list's tail), or
 * NULL. The returned pointer is marked next and costs no queue, so a list of
 * any length needs no memory to mark.
 *
 * It may run on several marker threads at once, now and then even for the same
 * object; and for any object that was reachable, also one whose fields the
 * program has not yet filled (they read as zero). It must not allocate, free,
 * collect, change an object, take a lock that an attached thread might hold, or
 * leave by longjmp. smal_size may be called.
 */
typedef void *smal_mark_function(struct smal_marker *marker, void *object);

/**
 * Is called once for an object that has died, before its memory is used
 * again. Other dead objects that it refers to may be freed already: it must
 * follow no pointer to an object of the collector. It runs in smal_collect,
 * smal_free, smal_run_frees or smal_gc_destroy, on the thread that called,
 * with no lock held, never inside an allocation; one at a time for a collector,
 * but for those that smal_free calls. It may allocate, but must not collect,
 * and must not leave by longjmp.
 *
 * user  the type's user pointer
 */
typedef void smal_free_function(void *object, void *user);

/** A word or pointer into the middle of an object of this type keeps it,
 *  whoever holds the word. (From stacks and ranges that are scanned
 *  conservatively, interior pointers always count.) */
#define SMAL_TYPE_INTERIOR 1u

/** Objects of this type live until they are freed by hand, or their collector
 *  ends: they are roots. */
#define SMAL_TYPE_IMMORTAL 2u

/** A hint: objects of this type are seldom written after they were made. It has
 *  no effect at present. */
#define SMAL_TYPE_MOSTLY_UNCHANGING 4u

/** New objects of this type are not zeroed: they hold what was there before. For
 *  strings, buffers and structures that are filled in at once. Where there are
 *  pointers, what was there may keep garbage until it is written over, and does no
 *  other harm. Not with a mark callback, which might believe it. */
#define SMAL_TYPE_UNZEROED 8u

/** The byte after an object of this type does not keep it, whoever holds its address:
 *  for runtimes whose pointers do not stand there, or that ask for a byte more. Less
 *  is kept for nothing; without it, what lies in front of an object that a stack refers
 *  to may live as long. */
#define SMAL_TYPE_NO_END 16u

/** Describes a type. Zero means the default, where there is one. */
struct smal_type_desc {
	/** For messages, statistics and traces; copied. Must not be NULL. */
	const char *name;
	/** Bytes of an object (smal_alloc), or 0 for a type of variable size
	 *  (smal_alloc_bytes). */
	size_t bytes;
	/** A power of two up to 4096; default 16, or 8 if bytes, rounded up to
	 *  a multiple of 8, is an odd one. At least 16 with SMAL_TYPE_INTERIOR. */
	size_t alignment;
	/** How its pointers are found. */
	enum smal_marking marking;
	/** For SMAL_MARK_LAYOUT; copied. */
	struct smal_layout layout;
	/** For SMAL_MARK_CALLBACK. */
	smal_mark_function *mark;
	/** Called for each dead object, or NULL. */
	smal_free_function *free;
	/** Handed to free, and returned by smal_type_user. */
	void *user;
	/** SMAL_TYPE_ bits. */
	unsigned flags;
	/** Dead objects of this type are looked for in every Nth collection only;
	 *  in the others all of them are roots, so that what they refer to stays
	 *  too. For types whose objects seldom die and are cheap to mark. 0 is
	 *  taken as 1; at most 65,535. */
	unsigned collections_per_sweep;
};

/**
 * Makes a type.
 *
 * Memory: a type costs a few hundred bytes, and a page or more per attached
 * thread as soon as objects are allocated; objects of one type (and, for
 * variable sizes, of one size class) lie together.
 *
 * Returns SMAL_OK; SMAL_ERROR_INVALID with the sink told (alignment not a
 * power of two or over 4096, a layout larger than its object, a missing mark
 * function, no name …), SMAL_ERROR_TOO_LARGE, SMAL_ERROR_TOO_MANY (a collector
 * has room for 8,191 types of fixed size; one of variable size takes the place
 * of 89), SMAL_ERROR_NO_MEMORY. Not from callbacks (SMAL_ERROR_BUSY).
 */
SMAL_API enum smal_error smal_type_create(struct smal_gc *gc,
                                          const struct smal_type_desc *desc,
                                          struct smal_type **type);

/**
 * Ends a type that no objects are left of: collect first. The type must not be
 * used afterwards (a later smal_alloc with it is reported, not followed).
 *
 * Returns SMAL_OK, SMAL_ERROR_BUSY (objects are left, or it is called from a
 * callback; nothing is changed, the sink is told), or SMAL_ERROR_INVALID.
 */
SMAL_API enum smal_error smal_type_destroy(struct smal_type *type);

/** The name and the user pointer that a type was made with. */
SMAL_API const char *smal_type_name(const struct smal_type *type);
SMAL_API void *smal_type_user(const struct smal_type *type);

SMAL_END

#endif
